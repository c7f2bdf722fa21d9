"""Verdicts of judged metrics by what people say, where their labels are enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from promptreg.numbers import count
from promptreg.stages.compare import excludes_no_change, without_accusation
from promptreg.stats.decision import decide
from promptreg.stats.multiplicity import shared_out
from promptreg.stats.power import multiplier
from promptreg.stats.ppi import Corrected
from promptreg.verdicts import CorrectedDifference, Difference, JudgeAlone, Verdict

__all__ = ["LEAST_FAMILIES", "Key", "decided_by_people", "undecided_because"]

Key = tuple[str, str]
"""Template and metric, on all scenarios."""
LEAST_FAMILIES = 8
"""Families with labels below which they decide nothing: as few as coverage was simulated with."""
_TEST = "prediction-powered mean, Student's t"


def undecided_because(line: Difference, found: Corrected) -> str:
    """Return why labels that correct a difference cannot decide its verdict; empty if they can."""
    if not found.representative:
        return (
            "the judge grades labelled scenarios otherwise than the rest: were they drawn at "
            "random?"
        )
    if found.families < LEAST_FAMILIES or math.isinf(found.se):
        return f"labels are of {found.families} families; {LEAST_FAMILIES} are needed"
    lost = line.missing.baseline + line.missing.candidate
    if lost:
        return f"{count(lost, 'trial')} failed or not graded, of which labels say nothing"
    if line.margin is None or line.interval is None or line.difference is None:
        return "the judge's own difference is not defined"
    return ""


def decided_by_people(
    differences: Sequence[Difference],
    found: Mapping[Key, tuple[Corrected, CorrectedDifference]],
    *,
    alpha: float,
) -> tuple[Difference, ...]:
    """Return the differences, those of `found` with verdicts by their corrected intervals.

    A corrected mean has no flips, so it cannot take part in the joint correction of accusations;
    the error of accusations is shared out between the two groups by their numbers of gating lines
    (:func:`promptreg.stats.multiplicity.shared_out`). Slices stay the judge's own.

    Args:
        differences: all of a comparison, by the judges.
        found: for each metric that labels decide what they say, and how reports show it.
        alpha: two-sided error.
    """
    if not found:
        return tuple(differences)

    def of(d: Difference) -> Key | None:
        key = d.template, d.metric
        return key if d.slice is None and key in found else None

    gating = [i for i, d in enumerate(differences) if d.gating and d.p_adjusted is not None]
    ours = [i for i in gating if of(differences[i])]
    rest = [i for i in gating if not of(differences[i])]
    jointly, apart = shared_out(
        [differences[i].p_adjusted or 0.0 for i in rest],
        [found[differences[i].template, differences[i].metric][0].p_value for i in ours],
    )
    adjusted = dict(zip((*rest, *ours), (*jointly, *apart), strict=True))
    out = []
    for i, d in enumerate(differences):
        key = of(d)
        if key is not None:
            out.append(_by_people(d, *found[key], adjusted.get(i), alpha))
        elif i in adjusted and ours:
            out.append(without_accusation(d, adjusted[i], alpha))
        else:
            out.append(d)
    return tuple(out)


def _by_people(
    d: Difference,
    found: Corrected,
    shown: CorrectedDifference,
    p_adjusted: float | None,
    alpha: float,
) -> Difference:
    """Return a difference as labels have it, with the judge's own beside."""
    assert d.difference is not None  # noqa: S101 - else labels do not decide
    assert d.interval is not None  # noqa: S101
    assert d.margin is not None  # noqa: S101
    sign = 1 if d.direction == "higher_is_better" else -1
    low, high = sorted((sign * found.low, sign * found.high))
    p = found.p_value if p_adjusted is None else p_adjusted
    verdict = Verdict(decide(low, high, sign * found.value, d.margin, p, alpha))
    factor = multiplier(found.families, alpha)
    out = replace(
        d,
        difference=found.value,
        interval=(found.low, found.high),
        level=1 - alpha,
        p_value=found.p_value,
        p_adjusted=p_adjusted,
        effect_size=("none", None),
        test=_TEST,
        verdict=verdict,
        detectable_difference=None if factor is None else max(factor * found.se, found.hidden),
        scenarios_needed=None,
        rerun_se=None,
        variance=None,
        corrected=replace(shown, alone=JudgeAlone(d.difference, d.interval, d.p_value, d.verdict)),
    )
    return replace(out, suspect=verdict is Verdict.INCONCLUSIVE and excludes_no_change(out))
