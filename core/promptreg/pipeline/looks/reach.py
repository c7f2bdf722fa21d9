"""How many lines a plan holds scenarios for, and how many it can give a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptreg.criteria import fewest_families
from promptreg.policy import OVERALL, Policy
from promptreg.records import Scenario
from promptreg.stages.score import Scoring
from promptreg.verdicts import Difference

__all__ = ["Reach", "families_in", "reach_of", "reached"]


@dataclass(frozen=True, slots=True)
class Reach:
    """Gating lines, metrics on all scenarios and guards alike.

    Attributes:
        met: those that have scenarios.
        able: those that have families enough for an accusation, or for a guard's verdict.
    """

    met: int
    able: int


def reach_of(templates: Sequence[Sequence[Scenario]], policy: Policy, scoring: Scoring) -> Reach:
    """Return what the lines of a comparison will have when all is asked.

    Args:
        templates: the scenarios of each template.
        policy: says which lines gate.
        scoring: says which metrics apply to a scenario.
    """
    least = fewest_families(policy.alpha)
    lines: list[tuple[str, Mapping[str, str], int]] = [(name, {}, least) for name in policy.gating]
    lines += [(guard.metric, guard.where, guard.min_families) for guard in policy.guards]
    sizes = [
        (families_in(scenarios, metric, where, policy, scoring), needed)
        for scenarios in templates
        for metric, where, needed in lines
    ]
    return Reach(sum(n > 0 for n, _ in sizes), sum(n >= needed for n, needed in sizes))


def reached(gating: Sequence[Difference], policy: Policy) -> Reach:
    """Return what gating lines have so far."""
    least = fewest_families(policy.alpha)
    return Reach(
        sum(d.n_scenarios > 0 for d in gating),
        sum(d.n_clusters >= (d.min_clusters or least) for d in gating),
    )


def families_in(
    scenarios: Sequence[Scenario],
    metric: str,
    where: Mapping[str, str],
    policy: Policy,
    scoring: Scoring,
) -> int:
    """Return how many families a metric has among those scenarios that a slice selects."""
    metrics = {metric}
    if metric == OVERALL:
        metrics = {name for block in policy.overall.values() for name in block}
    return len(
        {
            s.family or s.id
            for s in scenarios
            if all(s.attributes.get(k) == v for k, v in where.items())
            and not metrics.isdisjoint(scoring.applying(s))
        }
    )
