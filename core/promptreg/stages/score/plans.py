"""What is read off a scorer once, before the first trial: a plan, and its effective twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from promptreg.errors import PluginError
from promptreg.policy import EFFECTIVE
from promptreg.protocols import Scorer
from promptreg.records import Scale
from promptreg.stages.score.facts import Plan

__all__ = ["plan_of", "twin"]


def plan_of(name: str, scorer: Scorer) -> Plan:
    """Return what is known of a scorer that messages call by a name.

    Raises:
        PluginError: it has no scales.
    """
    scales = getattr(scorer, "scales", None)
    if not isinstance(scales, Sequence) or not scales:
        raise PluginError(f"{name}: the scorer has no scales; 'scales' must list at least one")
    for scale in scales:
        if not isinstance(scale, Scale):
            raise PluginError(f"{name}: 'scales' holds a {type(scale).__name__}; allowed: Scale")
    own = tuple(scales)
    simple = own[0] if len(own) == 1 else None
    needs = tuple(getattr(scorer, "needs", ()))
    scores_failed = bool(getattr(scorer, "scores_failed", False))
    batched = callable(getattr(scorer, "score_batch", None))
    return Plan(name, scorer, own, own, simple, False, needs, scores_failed, batched)


def twin(plan: Plan) -> Plan:
    """Return the plan that asks the same scorer about effective answers."""
    shown = tuple(replace(scale, name=EFFECTIVE + scale.name) for scale in plan.own)
    return replace(plan, who=f"{plan.who} (effective)", shown=shown, simple=None, effective=True)
