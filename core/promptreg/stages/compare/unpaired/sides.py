"""Two runs of one template of which each holds its own scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import NotComparableError
from promptreg.records import Run
from promptreg.stages.compare.comparable import restrict
from promptreg.stages.compare.pairs import RunPair

__all__ = ["ArmPair", "check_units", "split_arms"]


@dataclass(frozen=True, slots=True)
class ArmPair:
    """Baseline and candidate of one template; every scenario was answered by one of them.

    Attributes:
        pair: both runs over the scenarios of either, in one order; what a side did not answer is
            empty in its run.
        held: which scenarios are the baseline's, and which the candidate's: two masks, shape
            (scenarios,).
        units: name of what was drawn as a whole, for each scenario.
        baseline, candidate: each side's run over its own scenarios alone.
    """

    pair: RunPair
    held: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    units: tuple[str, ...]
    baseline: Run
    candidate: Run

    @property
    def template(self) -> str:
        """The template's name."""
        return self.pair.template


def split_arms(
    baseline: Run, candidate: Run, units: Mapping[str, str], *, allow_unmatched: bool
) -> tuple[ArmPair, list[str]]:
    """Return both sides over what each answered, and the ids that neither did.

    Args:
        baseline: run over all scenarios, of which it answered some.
        candidate: the same of the other version.
        units: scenario id to the name of what was drawn as a whole.
        allow_unmatched: leave out scenarios that no side holds.

    Raises:
        NotComparableError: a scenario is held by both sides, or by none; or a side holds nothing.
    """
    name = baseline.facts.template
    every = {*baseline.scenario_ids, *candidate.scenario_ids}
    left, right = (set(run.scenario_ids) - set(run.absent) for run in (baseline, candidate))
    both = sorted(left & right)
    if both:
        raise NotComparableError(
            f"not comparable: template {name!r}: {len(both)} of {len(every)} scenarios were "
            f"answered by both versions ({_some(both)}), and the suite says 'design: unpaired', "
            "each by one of them. Where both answered, leave 'design' out: pairs tell more"
        )
    neither = sorted(every - left - right)
    if neither and not allow_unmatched:
        raise NotComparableError(
            f"not comparable: template {name!r}: {len(neither)} of {len(every)} scenarios were "
            f"answered by neither version ({_some(neither)}), so nobody knows for which they were "
            "drawn; --allow-unmatched compares the rest"
        )
    for side, held in (("baseline", left), ("candidate", right)):
        if not held:
            raise NotComparableError(
                f"not comparable: template {name!r}: the {side} answered no scenario"
            )
    union = left | right
    b, c = restrict(baseline, union), restrict(candidate, union)
    masks = [np.array([s in held for s in b.scenario_ids], dtype=bool) for held in (left, right)]
    return (
        ArmPair(
            pair=RunPair(name, b, c),
            held=(masks[0], masks[1]),
            units=tuple(units[s] for s in b.scenario_ids),
            baseline=restrict(baseline, left),
            candidate=restrict(candidate, right),
        ),
        neither,
    )


def check_units(arms: Sequence[ArmPair], unit: str) -> None:
    """Refuse a unit whose scenarios were answered by both versions.

    Raises:
        NotComparableError: names some, and what else the unit may be.
    """
    sides: dict[str, set[int]] = {}
    for arm in arms:
        for name, mine in zip(arm.units, arm.held[1], strict=True):
            sides.setdefault(name, set()).add(int(mine))
    torn = sorted(name for name, found in sides.items() if len(found) > 1)
    if torn:
        raise NotComparableError(
            f"not comparable: {len(torn)} of {len(sides)} units ({unit}: {_some(torn)}) have "
            "scenarios of both versions, so they were not drawn as a whole; say what was: "
            "design.unit, 'scenario' where each was drawn for itself"
        )


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
