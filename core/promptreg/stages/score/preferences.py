"""Asks a scorer of pairs; what a stranger's code returns is checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from promptreg.errors import PromptregError
from promptreg.protocols import Pair, Services
from promptreg.records import Preference, Scale, Unscored
from promptreg.stages.score.facts import Plan
from promptreg.stages.score.results import one_line

__all__ = ["ask_pairs"]

_SLACK = 1e-9


async def ask_pairs(
    plan: Plan, pairs: Sequence[Pair], services: Services
) -> list[Preference | Unscored]:
    """Return for each pair a sound preference, or why there is none.

    Raises:
        PromptregError: what the scorer needs cannot be had for any pair.
    """
    who, scale = f"scorer {plan.who}", plan.own[0]
    scorer: Any = plan.scorer
    try:
        made = await scorer.score_pairs(tuple(pairs), services)
    except PromptregError:
        raise
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
        return [scale.unscored(one_line(f"{who} raised {type(e).__name__}: {e}"))] * len(pairs)
    if not isinstance(made, (list, tuple)) or len(made) != len(pairs):
        found = f"{len(made)} results" if isinstance(made, (list, tuple)) else type(made).__name__
        return [scale.unscored(f"{who} returned {found} for {len(pairs)} pairs")] * len(pairs)
    return [_checked(who, scale, item) for item in made]


def _checked(who: str, scale: Scale, item: Any) -> Preference | Unscored:
    if type(item) is Unscored:
        return Unscored(scale, one_line(str(item.reason)))
    if type(item) is not Preference:
        return scale.unscored(
            f"{who} returned a {type(item).__name__}; allowed: Preference, Unscored"
        )
    try:
        shares = float(item.baseline), float(item.candidate)
        votes = tuple(tuple(float(vote) for vote in judge) for judge in item.votes)
        first, second = (int(n) for n in item.places)
        swapped = int(item.swapped)
    except (TypeError, ValueError, OverflowError) as e:
        return scale.unscored(one_line(f"{who} gave no numbers: {e}"))
    whole = scale.kind != "binary" or all(share in (0.0, 1.0) for share in shares)
    sound = all(math.isfinite(share) and 0 <= share <= 1 for share in shares) and whole
    if not sound or sum(shares) > 1 + _SLACK:
        return scale.unscored(
            f"{who} said {shares[0]:g} and {shares[1]:g}; allowed: two shares that sum up to 1 at "
            "most" + (", of which one is 1, or both 0" if scale.kind == "binary" else "")
        )
    return Preference(
        scale, *shares, one_line(str(item.note)), votes, max(0, swapped), (first, second)
    )
