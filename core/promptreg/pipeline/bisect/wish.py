"""What is to be explained, and how to look for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from promptreg.errors import UsageError, did_you_mean
from promptreg.policy import Guard, Policy
from promptreg.verdicts import Difference, Slice, Verdict

__all__ = ["Wish", "policy_of", "regressed_lines", "sharpened"]

_DRAWS_AT_LEVEL = 20
"""Draws expected beyond the level, so that a p-value at the level is known well enough."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of a bisection.

    Attributes:
        metric: whose regression; None: of every gating metric that regressed.
        where: the slice of that metric, attribute to value; empty: all scenarios.
        by: `hunks`, `commits`, or None: commits where both ends are revisions of git and more than
            one commit between them changed the template.
        split: into what the edit is cut, one of `promptreg.stages.bisect.LEVELS`; None: the
            coarsest that gives more than one piece.
        most: tests that may be made; None: as many as the search usually needs.
    """

    metric: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    by: str | None = None
    split: str | None = None
    most: int | None = None


def policy_of(wish: Wish, policy: Policy, attributes: Mapping[str, set[str]]) -> Policy:
    """Return the policy with the wished line among those that gate; slices are left out.

    Raises:
        UsageError: no metric, attribute or value is called so.
    """
    slicings = {s.by: s for s in policy.slicings}
    policy = replace(policy, slices=(), slicings=())
    if wish.metric is None:
        if wish.where:
            raise UsageError("--where goes with --metric: it says on which scenarios of it")
        return policy
    known = [*policy.gating, *(n for n in policy.scales if n not in policy.gating)]
    _known("metric", wish.metric, known)
    if not wish.where:
        gating = dict.fromkeys((*policy.gating, wish.metric))
        return replace(policy, gating=tuple(gating))
    for attribute, value in wish.where.items():
        _known("attribute", attribute, sorted(attributes))
        _known(f"value of {attribute}", value, sorted(attributes[attribute]))
    if any((g.metric, dict(g.where)) == (wish.metric, dict(wish.where)) for g in policy.guards):
        return policy
    guard = Guard(wish.metric, dict(wish.where), policy.margins[wish.metric])
    slicing = slicings.get(next(iter(wish.where)))
    if slicing is not None and len(wish.where) == 1:  # as the hint is shown, so it is explained
        margin = slicing.margins.get(wish.metric, guard.margin)
        guard = replace(guard, margin=margin, min_families=slicing.min_families)
    return replace(policy, guards=(*policy.guards, guard))


def sharpened(policy: Policy, level: float) -> Policy:
    """Return the policy with enough draws to tell p-values at a level."""
    return replace(policy, draws=max(policy.draws, math.ceil(_DRAWS_AT_LEVEL / level)))


def regressed_lines(wish: Wish, differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return what is to be explained: the lines that regressed, or the wished one if it did."""
    gating = [d for d in differences if d.gating]
    return tuple(d for d in _wished(wish, gating) if d.verdict is Verdict.REGRESSED)


def _wished(wish: Wish, lines: Sequence[Difference]) -> list[Difference]:
    if wish.metric is None:
        return list(lines)
    part = Slice(",".join(wish.where), ",".join(wish.where.values())) if wish.where else None
    return [d for d in lines if d.metric == wish.metric and d.slice == part]


def _known(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise UsageError(
            f"no {what} is called {word!r}{did_you_mean(word, known)}; there are: "
            f"{', '.join(known) or 'none'}"
        )
