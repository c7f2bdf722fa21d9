"""Several opinions to one grade: the mean of the judges' means, with the opinions kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from promptreg import Scale, Score, Unscored

__all__ = ["Opinion", "combined"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """A grade and the sentence that goes with it, or None and why there is none."""

    grade: int | None
    why: str = ""


def combined(scale: Scale, judges: Sequence[Sequence[Opinion]]) -> Score | Unscored:
    """Return the grade of one dimension.

    Each judge counts once, with the mean of its opinions. A judge of whose opinions no more than
    half can be read has none, and without any one of the judges there is no grade: the mean of
    those who happen to answer would be that of another panel.

    Args:
        scale: of the dimension.
        judges: per judge, one opinion for each time it was asked.
    """
    means = []
    for at, opinions in enumerate(judges):
        grades = [o.grade for o in opinions if o.grade is not None]
        if 2 * len(grades) <= len(opinions):
            reason = next(o.why for o in opinions if o.grade is None)
            who = f"judge {at + 1} of {len(judges)}: " if len(judges) > 1 else ""
            return scale.unscored(who + reason)
        means.append(math.fsum(grades) / len(grades))
    votes = tuple(
        tuple(math.nan if o.grade is None else float(o.grade) for o in opinions)
        for opinions in judges
    )
    said = [o.why for opinions in judges for o in opinions if o.grade is not None and o.why]
    return Score(scale, math.fsum(means) / len(means), said[0] if said else "", votes)
