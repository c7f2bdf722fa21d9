"""Whether scenarios went to the versions as was declared: a sample ratio mismatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from promptreg.errors import UsageError, did_you_mean
from promptreg.records import Run
from promptreg.stages.compare.unpaired.sides import ArmPair
from promptreg.stats.unpaired.split import MISMATCH_ALPHA, binomial_p
from promptreg.verdicts import Allocation

__all__ = ["allocations"]


def allocations(arms: Sequence[ArmPair], split: Mapping[str, float]) -> tuple[Allocation, ...]:
    """Return how units went to the sides, one entry per template, tested against the split.

    Where more than two versions were drawn, the test is about the two compared.

    Raises:
        UsageError: the split does not name a version.
    """
    found = []
    for arm in arms:
        before, after = (_share(run, split) for run in (arm.baseline, arm.candidate))
        share = after / (before + after)
        units = [
            len({u for u, mine in zip(arm.units, held, strict=True) if mine}) for held in arm.held
        ]
        p_value = binomial_p(units[1], sum(units), share)
        found.append(
            Allocation(
                template=arm.template,
                scenarios=(int(arm.held[0].sum()), int(arm.held[1].sum())),
                units=(units[0], units[1]),
                share=share,
                p_value=p_value,
                balanced=p_value >= MISMATCH_ALPHA,
            )
        )
    return tuple(found)


def _share(run: Run, split: Mapping[str, float]) -> float:
    label = run.facts.label
    if label not in split:
        raise UsageError(
            f"design.split does not say how often {label!r} was to be drawn"
            f"{did_you_mean(label, split)}; it names: {', '.join(split)}"
        )
    return split[label]
