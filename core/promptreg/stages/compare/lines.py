"""What is analysed: one line per metric, on all scenarios, on guarded slices and on hints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.policy import Policy
from promptreg.stages.compare.pairs import RunPair
from promptreg.verdicts import Slice

__all__ = ["Line", "slice_lines", "slice_of", "whole_lines"]


@dataclass(frozen=True, slots=True)
class Line:
    """One row to be analysed: which metric of which pair on which scenarios.

    Attributes:
        min_families: how many families a verdict takes; 0 on the whole suite.
        prove: whether the gate needs this guard to be shown no worse.
    """

    pair: RunPair
    metric: str
    slice: Slice | None
    mask: NDArray[np.bool_]
    margin: float
    gating: bool
    min_families: int = 0
    prove: bool = False


def whole_lines(pairs: Sequence[RunPair], policy: Policy) -> Iterator[Line]:
    """Yield the metrics that gate, the guards, and the metrics that are only shown.

    A template whose scenarios a guard does not select has no line for it, as long as another
    template has: a guard on nothing at all is a line without scenarios, which proves nothing.
    """
    for pair in pairs:
        everything = np.ones(len(pair.scenario_ids), dtype=bool)
        for metric in policy.gating:
            yield Line(pair, metric, None, everything, policy.margins[metric], True)
    for guard in policy.guards:
        masks = [pair.where(guard.where) for pair in pairs]
        nowhere = not any(mask.any() for mask in masks)
        for pair, mask in zip(pairs, masks, strict=True):
            if mask.any() or nowhere:
                yield Line(
                    pair=pair,
                    metric=guard.metric,
                    slice=slice_of(guard.where),
                    mask=mask,
                    margin=guard.margin,
                    gating=True,
                    min_families=guard.min_families,
                    prove=guard.prove,
                )
    for pair in pairs:
        everything = np.ones(len(pair.scenario_ids), dtype=bool)
        for metric in policy.scales:
            if metric not in policy.gating:
                yield Line(pair, metric, None, everything, policy.margins[metric], False)


def slice_lines(pairs: Sequence[RunPair], policy: Policy) -> Iterator[list[Line]]:
    """Yield the lines of each slice that is shown as a hint: every gating metric of it.

    Not those made of all scenarios at once: on few scenarios, or of one kind, they say little or
    are not defined, and each takes thousands of recomputations.
    """
    for pair in pairs:
        for slicing in policy.slicings:
            values = sorted(set(pair.baseline.attributes.get(slicing.by, ())) - {""})
            for value in values:
                mask = pair.where({slicing.by: value})
                yield [
                    Line(
                        pair=pair,
                        metric=metric,
                        slice=Slice(slicing.by, value),
                        mask=mask,
                        margin=slicing.margins.get(metric, policy.margins[metric]),
                        gating=False,
                        min_families=slicing.min_families,
                    )
                    for metric in policy.gating
                    if metric not in policy.scales or policy.scales[metric].statistic != "aggregate"
                ]


def slice_of(where: Mapping[str, str]) -> Slice:
    """Return conditions as a slice; several are joined by commas."""
    return Slice(",".join(where), ",".join(where.values()))
