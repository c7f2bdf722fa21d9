"""What is known of a scenario before any trial: which metrics apply, what a failure counts as."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from promptreg.protocols import Scorer
from promptreg.records import Scale, Scenario, payload_code
from promptreg.stages.score.results import one_line
from promptreg.stages.score.views import scenario_view

__all__ = ["Facts", "Plan", "applies_to", "facts_of"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A scorer and the metrics it fills.

    Attributes:
        who: the scorer in words, for messages.
        scorer: the plug-in.
        own: its scales.
        shown: the scales under which scores are kept, as many.
        simple: the scale, where there is one that is kept under its own name; else None.
        effective: whether effective answers are scored instead of strict ones.
        needs: fields without which there is nothing to score.
        scores_failed: whether failed trials are scored too.
        batched: whether it is asked about several trials at once.
    """

    who: str
    scorer: Scorer
    own: tuple[Scale, ...]
    shown: tuple[Scale, ...]
    simple: Scale | None
    effective: bool
    needs: tuple[str, ...]
    scores_failed: bool
    batched: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """One scenario for one plan list.

    Attributes:
        scenario: the scenario these are the facts of.
        view: the read-only view scorers get.
        applies: per plan, per scale: True, False, or why that could not be told.
        any: per plan: whether any of its scales applies, or may.
        worst: per plan, per scale: what a failed trial counts as; NaN for no value.
        worst_payloads: shown scale's name to what a failed trial carries, for scales with payloads.
    """

    scenario: Scenario
    view: Scenario
    applies: tuple[tuple[bool | str, ...], ...]
    any: tuple[bool, ...]
    worst: tuple[tuple[float, ...], ...]
    worst_payloads: Mapping[str, str] = field(default_factory=dict)


def facts_of(scenario: Scenario, plans: Sequence[Plan]) -> Facts:
    """Return the facts of a scenario; what a plug-in raises becomes a reason."""
    view = scenario_view(scenario)
    applies = tuple(tuple(applies_to(plan, view, s) for s in plan.own) for plan in plans)
    worst = tuple(tuple(_worst(plan, view, s) for s in plan.own) for plan in plans)
    payloads = {
        shown.name: payload
        for plan in plans
        for own, shown in zip(plan.own, plan.shown, strict=True)
        if own.payload and (payload := _worst_payload(plan, view, own)) is not None
    }
    return Facts(scenario, view, applies, tuple(any(a) for a in applies), worst, payloads)


def applies_to(plan: Plan, scenario: Scenario, scale: Scale) -> bool | str:
    """Return whether a metric applies to a scenario, or why that cannot be told."""
    ask = getattr(plan.scorer, "applies", None)
    if ask is None:
        return True
    try:
        return bool(ask(scenario, scale))
    except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
        return one_line(f"{plan.who} raised {type(e).__name__} in applies(): {e}")


def _worst_payload(plan: Plan, scenario: Scenario, scale: Scale) -> str | None:
    try:
        found = plan.scorer.worst_payload(scenario, scale)  # type: ignore[attr-defined]  # of such
        return found if type(found) is str else None
    except Exception:  # noqa: BLE001 - a stranger's code may raise anything; failed trials are gaps
        return None


def _worst(plan: Plan, scenario: Scenario, scale: Scale) -> float:
    """Return a value of the scale, or NaN: a wrong one would be made up."""
    ask = getattr(plan.scorer, "worst", None)
    if scale.payload:
        payload = _worst_payload(plan, scenario, scale)
        return math.nan if payload is None else payload_code(payload)
    try:
        found = scale.worst if ask is None else ask(scenario, scale)
        value = math.nan if found is None else float(found)
    except Exception:  # noqa: BLE001 - a stranger's code may raise anything; failed trials are gaps
        return math.nan
    return value if scale.low <= value <= scale.high and math.isfinite(value) else math.nan
