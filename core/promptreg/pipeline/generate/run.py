"""`promptreg generate`: a generator's rows become a fixture, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable

from promptreg.errors import ExecutionError
from promptreg.pipeline.generate.freeze import freeze
from promptreg.pipeline.generate.made import Made, collect
from promptreg.pipeline.generate.opened import Generation
from promptreg.pipeline.generate.prompts import add_prompts
from promptreg.pipeline.generate.vectors import Embedding, open_embedding
from promptreg.protocols import GenerationPlan
from promptreg.stages.call import Budget
from promptreg.stages.generate import Journal, fingerprint
from promptreg.store.fixture import Draft, FixtureManifest, recover

__all__ = ["check_generation", "generate"]


def check_generation(
    opened: Generation, plan: GenerationPlan, *, force: bool = False
) -> Embedding | None:
    """Find out, before anything is made, that it could not be kept; return the embedder, if any.

    Raises:
        UsageError: the folder must not be replaced.
        SuiteError: no template has the version under `prompts`.
        PluginError: the embedder cannot be made; its packages are not installed.
    """
    add_prompts(opened.suite, opened.path, [], opened.entry.prompts)
    Draft(opened.target, force=force)
    return open_embedding(opened, plan)


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
    plan = opened.plan(limit)
    if limit is not None:
        made = collect(opened, plan, opened.request(limit=limit), None, Budget(), progress)
        return made, None
    recover(opened.target)
    embedding = check_generation(opened, plan, force=force)
    draft = Draft(opened.target, force=force)
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
        made = collect(opened, plan, request, journal, spending, progress)
        if made.failed > entry.max_failed * made.planned or not made.rows:
            worst = "; ".join(f"{n} x {reason}" for reason, n in made.reasons.most_common(3))
            raise ExecutionError(
                f"{made.failed} of {made.planned} scenarios could not be made, more than the "
                f"{entry.max_failed:.0%} of generate.max_failed; nothing was written: {worst}"
            )
        manifest = freeze(opened, plan, made, draft, shaped, started, embedding)
        finished = True
    finally:
        if journal is not None:
            journal.close(finished=finished)
    return made, manifest
