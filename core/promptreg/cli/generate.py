"""`promptreg generate`: scenarios from nothing, frozen in files."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o

if TYPE_CHECKING:
    from pathlib import Path

    from promptreg.pipeline.generate import Generation, Made
    from promptreg.protocols import GenerationPlan
    from promptreg.store.fixture import FixtureManifest

__all__ = ["generate"]

_PLAIN_S = 15.0
_SHOWN = 5


def generate(
    config: o.Config = None,
    preview: Annotated[
        int | None,
        typer.Option(
            "-n", "--preview", min=1, help="Make only the first N scenarios, show them, write none."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be made and what it would cost; no model."),
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="In place of the file's seed.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="DIR", help="In place of the file's output."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a set that was changed since it was made.")
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Forget what an interrupted generation had made.")
    ] = False,
    budget: o.Budget = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    env_file: o.EnvFile = None,
) -> int:
    """Make scenarios as the suite's section 'generate' says, measure what they cover, freeze them.

    Writes a folder with scenarios.parquet, ground truth, rubrics, coverage and a manifest with the
    hash of each file, whole or not at all. 'promptreg validate' checks it from then on.
    """
    from promptreg.cli.show import complain
    from promptreg.pipeline.generate import check_generation, open_generation
    from promptreg.pipeline.generate import generate as make

    o.read_env_file(env_file)
    opened = open_generation(config, seed=seed, output=output)
    if dry_run:
        plan = opened.plan()
        check_generation(opened, plan, force=force)
        _show_plan(opened, plan, as_json=as_json)
        return 0
    progress = _Progress(quiet=quiet or as_json)
    made, manifest = make(
        opened,
        force=force,
        fresh=no_cache,
        budget=budget,
        limit=preview,
        progress=progress,
    )
    if manifest is None:
        _show_rows(made, as_json=as_json)
    else:
        _show_made(opened.target, made, manifest, as_json=as_json, quiet=quiet)
    complain(opened.plugins)
    return 0


class _Progress:
    """A plain line on stderr now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._next = time.monotonic() + _PLAIN_S

    def __call__(self, done: int, planned: int, failed: int) -> None:
        now = time.monotonic()
        if not self._quiet and now >= self._next:
            self._next = now + _PLAIN_S
            print(f"{done:,} of {planned:,} scenarios, {failed:,} failed", file=sys.stderr)


def _show_plan(opened: Generation, plan: GenerationPlan, *, as_json: bool) -> None:
    from promptreg.cli.show import print_json
    from promptreg.numbers import count, number

    facts: dict[str, Any] = {
        "generator": opened.entry.use,
        "output": str(opened.target),
        "seed": opened.entry.seed,
        "scenarios": len(plan.slots),
        "attributes": {name: list(values) for name, values in plan.attributes.items()},
        "strength": plan.strength,
        "forbidden": [{a: list(v) for a, v in rule.items()} for rule in plan.forbidden],
        "models": list(plan.models),
        "calls": plan.calls,
        "tokens": plan.tokens,
        "cost": plan.cost,
        "notes": list(plan.notes),
    }
    if as_json:
        print_json(facts)
        return
    cost = "" if plan.cost is None else f", cost about {number(plan.cost)}"
    asked = f"{count(plan.calls, 'call')} to {', '.join(plan.models) or 'a model'}{cost}"
    print(
        f"{opened.entry.use} would make {count(len(plan.slots), 'scenario')} (seed "
        f"{opened.entry.seed}) in {opened.target}: {asked if plan.calls else 'no model is asked'}"
    )
    if plan.strength:
        names = ", ".join(plan.attributes)
        print(f"every possible combination of {count(plan.strength, 'attribute')} occurs: {names}")
    for note in plan.notes:
        print(f"note: {note}")


def _show_rows(made: Made, *, as_json: bool) -> None:
    from promptreg.cli.show import print_json
    from promptreg.numbers import count

    if as_json:
        print_json({"scenarios": made.rows, "failed": made.failed, "reasons": dict(made.reasons)})
        return
    for row in made.rows:
        lines = [f"{name}: {_value(value)}" for name, value in row.items() if value is not None]
        print("\n".join(lines) + "\n")
    print(f"{count(len(made.rows), 'scenario')}, nothing was written")
    _show_reasons(made)


def _value(value: Any) -> str:
    import json

    from promptreg.stages.report.text import clean

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clean(text).replace("\n", "\n  ")


def _show_made(
    target: Path, made: Made, manifest: FixtureManifest, *, as_json: bool, quiet: bool
) -> None:
    import json

    from promptreg.cli.show import print_json
    from promptreg.numbers import count

    coverage = json.loads((target / "coverage.json").read_text("utf-8"))
    tuples = [
        {k: t[k] for k in ("strength", "possible", "covered", "excluded")}
        for t in coverage["tuples"]
    ]
    near = coverage["near_duplicates"]["pairs"]
    meaning = coverage.get("near_duplicates_by_embedding")
    if as_json:
        print_json(
            {
                "output": str(target),
                "scenarios": len(made.rows),
                "families": coverage["families"],
                "sha256": manifest.scenarios["sha256"],
                "counts": dict(manifest.counts),
                "cost": dict(manifest.cost),
                "tuples": tuples,
                "duplicates": coverage["duplicates"],
                "near_duplicates": near,
                "near_duplicates_by_embedding": meaning and meaning["pairs"],
                "files": {name: dict(facts) for name, facts in manifest.files.items()},
            }
        )
        return
    print(
        f"wrote {count(len(made.rows), 'scenario')} in {count(coverage['families'], 'family')} to "
        f"{target}"
    )
    if quiet:
        return
    for t in tuples[1:]:
        print(
            f"  combinations of {t['strength']} attributes: {t['covered']:,} of {t['possible']:,}"
            f" occur; left out by constraints: {t['excluded']:,}"
        )
    print(f"  {count(coverage['duplicates'], 'duplicate')}, {count(near, 'near-duplicate pair')}")
    if meaning:
        print(
            f"  {count(meaning['pairs'], 'pair')} alike by embedding (cosine "
            f"{meaning['at_least']:g} or more); {target / 'coverage_map.svg'} shows them all"
        )
    if made.kept:
        print(f"  kept from an interrupted generation: {count(made.kept, 'scenario')}")
    _show_reasons(made)
    print(f"  see {target / 'coverage.md'}; 'promptreg validate' checks the files from now on")


def _show_reasons(made: Made) -> None:
    if made.failed:
        print(f"{made.failed} of {made.planned} scenarios could not be made", file=sys.stderr)
    for name, (true, of) in made.checks.items():
        print(f"  {name.replace('_', ' ')}: {true:,} of {of:,}")
    if made.replaced:
        print(f"  {made.replaced} rows were thrown away for a better one")
    for reason, n in made.reasons.most_common(_SHOWN):
        print(f"  {n} x {reason}", file=sys.stderr)
