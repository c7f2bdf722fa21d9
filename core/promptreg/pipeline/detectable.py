"""The smallest changes that a planned comparison would see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptreg.pipeline.work import Version
from promptreg.policy import Policy
from promptreg.stages.calibrate import least_seen
from promptreg.stats.power import Variances, plan_detectable, plan_scenarios

__all__ = ["TYPICAL", "Detectable", "detectable_changes"]

TYPICAL = "typical variances"
"""What detectable changes rest on where nothing was calibrated."""


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest change of a metric that would be seen with 80 % power.

    `change` rests on the variances of `basis`: typical ones, or those of a calibration; what a
    comparison says rests on measured ones.
    """

    template: str
    metric: str
    unit: str
    binary: bool
    n_scenarios: int
    n_clusters: int
    margin: float
    change: float | None
    scenarios_for_margin: int
    basis: str = TYPICAL


def detectable_changes(
    versions: Sequence[Version],
    policy: Policy,
    repeats: int,
    spreads: Mapping[tuple[str, str], tuple[Variances, str]],
) -> list[Detectable]:
    """Return a line for each gating metric that is an average, with measured variances if any."""
    lines = []
    for version in {v.template.name: v for v in versions}.values():
        n = len(version.scenarios)
        families = len({s.family or s.id for s in version.scenarios})
        for metric in policy.gating:
            scale = policy.scales.get(metric)
            kind = scale.kind if scale else "bounded"
            width = scale.high - scale.low if scale else 1.0
            if (scale and scale.statistic != "mean") or not math.isfinite(width) or kind == "count":
                continue
            margin = policy.margins[metric]
            variances, basis = spreads.get((version.template.name, metric), (None, TYPICAL))
            change = plan_detectable(
                n,
                repeats,
                kind,
                width=width,
                variances=variances,
                n_clusters=families,
                alpha=policy.alpha,
            )
            least = (
                least_seen(variances, kind, width, repeats, families, policy.alpha)
                if variances
                else 0.0
            )
            lines.append(
                Detectable(
                    template=version.template.name,
                    metric=metric,
                    unit=scale.unit if scale else "",
                    binary=kind == "binary",
                    n_scenarios=n,
                    n_clusters=families,
                    margin=margin,
                    change=None if change is None else max(change, least),
                    scenarios_for_margin=plan_scenarios(
                        margin,
                        repeats,
                        kind,
                        width=width,
                        variances=variances,
                        alpha=policy.alpha,
                    ),
                    basis=basis,
                )
            )
    return lines
