"""What can be known of a policy without a model: what it starts from, and what it cannot judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from promptreg.criteria import required_words
from promptreg.errors import did_you_mean
from promptreg.pipeline.looks.reach import families_in
from promptreg.policy import Guard, Policy
from promptreg.records import Scenario, ScenarioSet
from promptreg.stages.lint import Finding
from promptreg.stages.score import Scoring

__all__ = ["check_policy"]


def check_policy(
    policy: Policy,
    scoring: Scoring,
    served: Mapping[str, Sequence[Scenario]],
    scenarios: ScenarioSet,
) -> Iterator[Finding]:
    """Yield what keeps the gate from passing whatever the model answers, and what was dropped.

    Args:
        policy: the suite's.
        scoring: its scorers.
        served: template to the scenarios it serves.
        scenarios: all of them.
    """
    if policy.preset:
        yield Finding(
            "info", "gate-preset", "gate.use", f"the policy starts from the preset {policy.preset}"
        )
    if not policy.prove:
        yield Finding(
            "warning", "nothing-to-prove", "gate.prove", "is empty; the gate can fail, never pass"
        )
    for criterion in policy.apart:
        told = f"{criterion.what}: {criterion.status.replace('_', ' ')}: {criterion.note}"
        if criterion.status == "not_measured":
            end = f"; the gate cannot pass unless a scorer is added, or 'drop: [{criterion.name}]'"
            yield Finding("warning", "criterion-not-measured", "gate", told + end)
        else:
            yield Finding("info", "criterion-dropped", "gate", told)
    yield from _required(policy, scenarios)
    for guard in policy.guards:
        yield from _guard(guard, policy, scoring, served)


def _required(policy: Policy, scenarios: ScenarioSet) -> Iterator[Finding]:
    attributes = sorted({a for s in scenarios.scenarios for a in s.attributes})
    for attribute, values in policy.required.items():
        there = {s.attributes.get(attribute, "") for s in scenarios.scenarios} - {""}
        lacking = [v for v in values if v not in there]
        if not lacking:
            continue
        words = required_words(attribute, values)
        if there:
            why = f"no scenario has {attribute}={' or '.join(lacking)}"
        else:
            why = f"no scenario has the attribute {attribute}{did_you_mean(attribute, attributes)}"
        yield Finding(
            "warning",
            "values-missing",
            "gate.require_values",
            f"{words}: {why}; the gate cannot pass",
        )


def _guard(
    guard: Guard, policy: Policy, scoring: Scoring, served: Mapping[str, Sequence[Scenario]]
) -> Iterator[Finding]:
    sizes = {
        name: families_in(mine, guard.metric, guard.where, policy, scoring)
        for name, mine in served.items()
    }
    asked = {name: size for name, size in sizes.items() if size} or sizes
    slices = ", ".join(f"{k}={v}" for k, v in guard.where.items())
    for name, size in asked.items():
        if size < guard.min_families:
            block = policy.insufficient == "block"
            yield Finding(
                "warning",
                "guard-insufficient",
                "gate.guard",
                f"{name}: {guard.metric}" + (f" ({slices})" if slices else "") + " is guarded and "
                f"has {size} of the {guard.min_families} families that a verdict takes"
                + ("; the gate cannot pass for this template" if block else ""),
            )
