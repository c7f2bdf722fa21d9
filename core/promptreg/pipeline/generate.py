"""`promptreg generate`: a generator's rows become a fixture, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import promptreg
from promptreg.discovery import Plugins, load_plugins
from promptreg.errors import BudgetError, ExecutionError, PluginError, SuiteError, did_you_mean
from promptreg.pipeline.prompts import add_prompts
from promptreg.protocols import Generated, GenerationPlan, GenerationRequest, Generator
from promptreg.records import Json
from promptreg.stages.call import Budget
from promptreg.stages.generate import (
    ID,
    Journal,
    coverage_markdown,
    fingerprint,
    measure,
    parquet_bytes,
    row_problem,
    rubrics_yaml,
    slot_problem,
)
from promptreg.stages.load import load_scenarios
from promptreg.store.fixture import Draft, FixtureManifest, recover
from promptreg.suite import GenerateEntry, Suite, find_suite, load_generation

__all__ = ["SCENARIOS", "Generation", "Made", "generate", "make_generator", "open_generation"]

SCENARIOS = "scenarios.parquet"
_REASONS = 50
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation that was read and checked: who makes what, and where it goes.

    Attributes:
        path: the file that says so.
        entry: its section `generate`, with what the command line says instead.
        suite: the suite, where the file is one.
        generator: ready to be asked.
        owner: distribution and version that brings it.
        target: the fixture's folder.
        store: the run store's folder, for the journal.
    """

    path: Path
    entry: GenerateEntry
    suite: Suite | None
    plugins: Plugins
    generator: Generator
    owner: str
    target: Path
    store: Path

    def request(self, **more: Any) -> GenerationRequest:
        """Return what the generator is asked for."""
        return GenerationRequest(seed=self.entry.seed, size=self.entry.size, **more)

    def shaped_by(self) -> dict[str, Json]:
        """Return everything that shapes the scenarios."""
        identity = json.loads(json.dumps(self.generator.identity(), allow_nan=False))
        return {
            "use": self.entry.use,
            "seed": self.entry.seed,
            "size": self.entry.size,
            "prompts": self.entry.prompts,
            "identity": identity,
        }


@dataclass(slots=True)
class Made:
    """What came of a generation.

    Attributes:
        rows: the scenarios in the order of the plan.
        planned: how many there were to be.
        failed: slots without a scenario.
        replaced: rows that were thrown away for a better one.
        reasons: why, with how often each.
        kept: rows that an earlier, interrupted generation had made.
        calls, tokens, cost: what was spent, earlier attempts included.
        checks: what the generator found out about slots: name to how often true, and of how many.
    """

    planned: int = 0
    rows: list[Row] = field(default_factory=list)
    failed: int = 0
    replaced: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    checks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def count(self, made: Generated) -> None:
        """Add what was spent on a slot, and why rows of it were thrown away."""
        self.calls += made.calls
        self.tokens += made.tokens
        self.cost += made.cost
        self.replaced += len(made.reasons) - (made.row is None)
        self.failed += made.row is None
        self.reasons.update(str(reason)[:300] for reason in made.reasons)
        for name, found in made.checks.items():
            true, of = self.checks.get(name, (0, 0))
            self.checks[name] = true + bool(found), of + 1


def open_generation(
    config: str | None,
    *,
    seed: int | None = None,
    output: str | None = None,
    plugins: Plugins | None = None,
) -> Generation:
    """Find and read the file, and make its generator.

    Raises:
        SuiteError: the file has no generation, or says something it may not.
        PluginError: there is no such generator.
    """
    path = find_suite(config)
    found = load_generation(path)
    entry, base = found.generate, path.resolve().parent
    if entry is None:
        raise SuiteError(f"{path}: has no section 'generate'")
    if seed is not None:
        entry = entry.model_copy(update={"seed": seed})
    plugins = plugins or load_plugins()
    return Generation(
        path=path,
        entry=entry,
        suite=found if isinstance(found, Suite) else None,
        plugins=plugins,
        generator=make_generator(plugins, entry, path),
        owner=plugins.generators.get(entry.use).owner,
        target=base / entry.output if output is None else Path(output),
        store=base / found.store,
    )


def make_generator(plugins: Plugins, entry: GenerateEntry, path: Path) -> Generator:
    """Return the generator of a section `generate`; paths of its files start at the suite.

    Raises:
        SuiteError: a setting is unknown or wrong.
        PluginError: there is no such generator.
    """
    where = f"{path}: generate"
    registered = plugins.generators.get(entry.use, where)
    settings = dict(entry.settings)
    own = [name for name in GenerateEntry.model_fields if name != "use"]
    for key in settings:
        if key not in registered.settings() and not registered.open:
            allowed = [*registered.settings(), *own]
            raise SuiteError(
                f"{where}: unknown key {key!r}{did_you_mean(key, allowed)}; allowed: use, "
                f"{', '.join(own)}; for {entry.use!r} also "
                f"{', '.join(registered.settings()) or 'nothing'}"
            )
    for key in ("path", "stories", "images"):
        if isinstance(settings.get(key), str):
            settings[key] = str(path.resolve().parent / settings[key])
    try:
        return plugins.generators.create(entry.use, settings, where)
    except SuiteError as e:
        raise type(e)(str(e) if where in str(e) else f"{where}: {e}") from e


def generate(
    opened: Generation,
    *,
    force: bool = False,
    fresh: bool = False,
    budget: str | None = None,
    limit: int | None = None,
    progress: Callable[[int, int, int], None] = lambda done, planned, failed: None,
) -> tuple[Made, FixtureManifest | None]:
    """Make the scenarios and freeze them; with a limit, make the first ones and freeze nothing.

    Args:
        opened: who makes what.
        force: replace a fixture that was changed by hand.
        fresh: forget what an interrupted generation made.
        budget: as on the command line, such as `500`, `200000tokens`, `5usd`.
        limit: only the first so many scenarios, a preview.
        progress: told how many are done, planned and failed.

    Raises:
        BudgetError: it was spent before the end; what was made is kept.
        ExecutionError: too many scenarios could not be made; nothing was written.
        UsageError: the folder must not be replaced.
        StoreError: the disk is full; what was there before is unchanged.
    """
    started = time.monotonic()
    generator, entry = opened.generator, opened.entry
    plan = generator.plan(opened.request(limit=limit))
    if limit is not None:
        made = _collect(opened, plan, opened.request(limit=limit), None, Budget(), progress)
        return made, None
    recover(opened.target)
    draft = Draft(opened.target, force=force)  # what must not be replaced is found out now
    spending = Budget() if budget is None else Budget.parse(budget)
    shaped = opened.shaped_by()
    journal: Journal | None = None
    if generator.asks_model:
        journal = Journal(opened.store / "generate", fingerprint(shaped), fresh=fresh)
    finished = False
    try:
        request = opened.request(
            done=frozenset(journal.made) if journal else frozenset(),
            folder=journal.folder if journal else None,
            max_calls=spending.calls,
            max_tokens=spending.tokens,
            max_cost=spending.cost,
        )
        made = _collect(opened, plan, request, journal, spending, progress)
        if made.failed > entry.max_failed * made.planned or not made.rows:
            worst = "; ".join(f"{n} x {reason}" for reason, n in made.reasons.most_common(3))
            raise ExecutionError(
                f"{made.failed} of {made.planned} scenarios could not be made, more than the "
                f"{entry.max_failed:.0%} of generate.max_failed; nothing was written: {worst}"
            )
        manifest = _freeze(opened, plan, made, draft, shaped, started)
        finished = True
    finally:
        if journal is not None:
            journal.close(finished=finished)
    return made, manifest


def _collect(
    opened: Generation,
    plan: GenerationPlan,
    request: GenerationRequest,
    journal: Journal | None,
    budget: Budget,
    progress: Callable[[int, int, int], None],
) -> Made:
    """Take every slot from the generator, check it and keep it."""
    made = Made(planned=len(plan.slots))
    slots = frozenset(plan.slots)
    seen: dict[str, Generated] = {}
    ids: dict[str, str] = {}
    for old in (journal.made if journal else {}).values():
        if old.slot in slots and old.row is not None:
            seen[old.slot] = old
            ids[str(old.row.get(ID))] = old.slot
            made.count(old)
    made.kept = len(seen)
    spent = _Spent()
    rows = opened.generator.generate(request)
    for one in _guarded(rows, opened):
        problem = slot_problem(one, slots, seen)
        if problem:
            raise PluginError(f"generator {opened.entry.use!r} ({opened.owner}) {problem}")
        if one.row is not None and (why := row_problem(one.row, plan, ids)):
            one = replace(one, row=None, reasons=(*one.reasons, why))
        seen[one.slot] = one
        made.count(one)
        if one.row is not None:
            ids[str(one.row[ID])] = one.slot
            if journal is not None:
                journal.add(one)
        spent.add(one)
        progress(len(seen), made.planned, made.failed)
        if spent.over(budget) and len(seen) < made.planned:
            close = getattr(rows, "close", None)
            if close is not None:
                close()
            raise BudgetError(
                f"the budget is spent: {len(seen)} of {made.planned} scenarios are decided and "
                "kept; the same command goes on"
            )
    for slot in plan.slots:
        if slot not in seen:  # never silently missing
            made.count(Generated(slot, None, ("the generator left the slot out",)))
    made.rows = [dict(row) for slot in plan.slots if slot in seen and (row := seen[slot].row)]
    return made


def _guarded(rows: Any, opened: Generation) -> Any:
    """Yield from a stranger's iterator; what it raises becomes an error that names it."""
    try:
        yield from rows
    except promptreg.PromptregError:
        raise
    except Exception as e:
        raise PluginError(
            f"generator {opened.entry.use!r} ({opened.owner}) raised {type(e).__name__}: {e}"
        ) from e


@dataclass(slots=True)
class _Spent:
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, one: Generated) -> None:
        self.calls += one.calls
        self.tokens += one.tokens
        self.cost += one.cost

    def over(self, budget: Budget) -> bool:
        return any(
            most is not None and spent >= most
            for spent, most in (
                (self.calls, budget.calls),
                (self.tokens, budget.tokens),
                (self.cost, budget.cost),
            )
        )


def _freeze(
    opened: Generation,
    plan: GenerationPlan,
    made: Made,
    draft: Draft,
    shaped: Mapping[str, Json],
    started: float,
) -> FixtureManifest:
    """Write the folder and put it in its place."""
    coverage = measure(made.rows, plan, opened.entry.near_duplicates)
    if made.checks:
        coverage["checks"] = {name: list(found) for name, found in made.checks.items()}
    rows = add_prompts(opened.suite, opened.path, made.rows, opened.entry.prompts)
    with draft:
        for row in rows:
            if isinstance(row.get("image_path"), str):
                row["image_path"] = _image(draft, Path(row["image_path"]))
        table = draft.write(SCENARIOS, parquet_bytes(rows))
        # Only what can be read back is a fixture.
        content = load_scenarios(table, cluster="family" if "family" in rows[0] else None)
        truths = {str(r[ID]): r["ground_truth"] for r in rows if r.get("ground_truth") is not None}
        draft.write("ground_truth.json", _lines(truths))
        draft.write("evaluation_rubrics.yaml", rubrics_yaml().encode())
        draft.write("coverage.json", _json(coverage))
        draft.write("coverage.md", coverage_markdown(coverage).encode())
        manifest = FixtureManifest(
            files=draft.facts(),
            created_at=datetime.now(UTC).replace(microsecond=0).isoformat(),
            generator={**shaped, "owner": opened.owner},
            scenarios={
                "count": len(rows),
                "columns": list(dict.fromkeys(name for row in rows for name in row)),
                "sha256": content.sha256,
            },
            counts={
                "planned": made.planned,
                "made": len(made.rows),
                "failed": made.failed,
                "replaced": made.replaced,
                "reasons": dict(made.reasons.most_common(_REASONS)),
                **({"checks": coverage["checks"]} if made.checks else {}),
            },
            cost={
                "calls": made.calls,
                "tokens": made.tokens,
                "cost": made.cost,
                "duration_s": round(time.monotonic() - started, 1),
            },
            models=list(plan.models),
            versions=_versions(),
        )
        draft.finish(manifest)
    return manifest


def _image(draft: Draft, path: Path) -> str:
    """Put an image into the folder, once, and return its name: scenarios read none outside."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise ExecutionError(f"{path}: cannot be read: {e.strerror or e}") from e
    name = f"images/{hashlib.sha256(data).hexdigest()[:16]}{path.suffix.lower()}"
    if not (draft.folder / name).exists():
        draft.write(name, data)
    return name


def _versions() -> dict[str, str]:
    import pyarrow as pa

    return {
        "promptreg": promptreg.__version__,
        "pyarrow": pa.__version__,
        "python": platform.python_version(),
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _lines(truths: Mapping[str, Any]) -> bytes:
    """Return a JSON object with a line for each scenario, as differences are read by people."""
    compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    lines = [f"{compact(name)}:{compact(truth)}" for name, truth in truths.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
