"""Asks a scorer about several trials at once; what a stranger's code returns is checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from promptreg.errors import PromptregError
from promptreg.protocols import Services
from promptreg.records import Score, Trial, Unscored
from promptreg.stages.score.facts import Plan
from promptreg.stages.score.results import checked, one_line

__all__ = ["MOST", "ask_batch", "batch_size"]

MOST = 1_000
"""Trials a scorer may have held for it."""


def batch_size(plan: Plan) -> int:
    """Return how many trials a scorer gets at once: its word, if that is from 1 to 1,000."""
    size = getattr(plan.scorer, "batch_size", 32)
    return size if isinstance(size, int) and 1 <= size <= MOST else 32


async def ask_batch(
    plan: Plan, views: Sequence[Trial], services: Services
) -> list[Sequence[Score | Unscored] | str]:
    """Return for each trial one sound score or reason per scale, or what is wrong with all.

    Raises:
        PromptregError: what the scorer needs cannot be had for any trial.
    """
    who = f"scorer {plan.who}"
    scorer: Any = plan.scorer
    try:
        made = await scorer.score_batch(tuple(views), services)
    except PromptregError:
        raise
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
        return [one_line(f"{who} raised {type(e).__name__}: {e}")] * len(views)
    if not isinstance(made, (list, tuple)) or len(made) != len(views):
        found = f"{len(made)} results" if isinstance(made, (list, tuple)) else type(made).__name__
        return [f"{who} returned {found} for {len(views)} trials"] * len(views)
    return [_checked(who, item, plan) for item in made]


def _checked(who: str, item: Any, plan: Plan) -> Sequence[Score | Unscored] | str:
    try:
        return checked(who, item, plan.own, plan.shown)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - odd values may raise when looked at
        return one_line(f"{who} raised {type(e).__name__}: {e}")
