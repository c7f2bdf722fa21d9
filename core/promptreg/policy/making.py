"""A policy from the suite's `gate` section, the scorers' scales and the command line."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from promptreg.criteria import (
    GAP_RATE,
    OVERALL,
    bounds_of,
    check_margin,
    dropped,
    guards_of,
    slicings_of,
)
from promptreg.criteria import check_known as _known
from promptreg.errors import SuiteError
from promptreg.policy.model import EFFECTIVE, LookPolicy, Policy
from promptreg.records import Scale
from promptreg.suite import MOST_LOOKS, GateEntry, resolve

__all__ = ["default_margin", "make_policy"]


_RATIO_MARGIN = 1.10
_OVERALL_MARGIN = 0.05
_LOOKS, _LOOKS_ANYTIME = 4, 20


def default_margin(scale: Scale) -> float | None:
    """Return the margin of a scale that names none: 5 % of its range, or a ratio of 1.10."""
    if scale.margin is not None:
        return scale.margin
    if scale.statistic in ("signed_ranks", "ratio_of_totals"):
        return _RATIO_MARGIN
    width = scale.high - scale.low
    return 0.05 * width if math.isfinite(width) else None


def make_policy(
    entry: GateEntry,
    scales: Sequence[Scale],
    blocks: Mapping[str, Sequence[str]],
    attributes: Mapping[str, Iterable[str]],
    *,
    where: str,
    alpha: float | None = None,
    margins: Mapping[str, float] | None = None,
    looks: int | None = None,
    anytime: bool = False,
    strict: bool = False,
    shown_only: Collection[str] = (),
    pairwise: Sequence[Scale] = (),
) -> Policy:
    """Join the suite's `gate` section, the scorers' scales and the command line.

    Args:
        entry: the suite's `gate` section.
        scales: every metric of the suite.
        blocks: default blocks of the composite, used when the section names none.
        attributes: attribute to its values in the scenarios, to check guards and slices.
        where: the file, for messages.
        alpha: override from the command line.
        margins: overrides from the command line, by metric.
        looks: override from the command line; 0: a suite's own looks, else the usual number.
        anytime: override from the command line: accuse by e-processes.
        strict: the same, and judge bounded scores whatever their distribution.
        shown_only: metrics that gate only where the section names them under `prove`.
        pairwise: metrics that are measured on pairs of answers, besides `scales`.

    Raises:
        SuiteError: the section names a metric, attribute or value that does not exist.
    """
    resolved = resolve(entry, where)
    entry = resolved.gate
    level = alpha if alpha is not None else entry.alpha
    if entry.draws < (fewest := math.ceil(10 / level - 1e-9) - 1):
        raise SuiteError(
            f"{where}: gate.draws is {entry.draws}; at alpha {level:g} resampling takes {fewest:,} "
            "or more"
        )
    of_pairs = tuple(s.name for s in pairwise)
    scales = [*scales, *pairwise]
    by_name = {s.name: s for s in scales}
    overall = _composite(entry, blocks, by_name, of_pairs, where)
    known = dict.fromkeys((*by_name, *((OVERALL,) if overall else ())))
    given = {**entry.margins, **(margins or {})}
    every_margin = _margins(scales, given, known, where)
    prove = tuple(n for n in entry.prove if n != OVERALL or overall)
    for name in prove:
        _known(name, known, f"{where}: gate.prove")
        _gates(name, f"{where}: gate.prove")
    for i, guard in enumerate(entry.guard):
        _gates(guard.metric, f"{where}: gate.guard[{i}]")
    slicings = slicings_of(resolved, by_name, attributes, level, where)
    guards = guards_of(
        resolved, slicings, by_name, every_margin, attributes, prove, known, level, where
    )
    limits, lacking = bounds_of(resolved, by_name, attributes, tuple(known), where)
    for bound in limits:
        metric = bound.metric.removeprefix(f"{GAP_RATE}.")
        _of_one_version(metric, of_pairs, f"{where}: gate.limits.{bound.name}")
    gating = [OVERALL] if overall else []
    gating += [
        n for n in by_name if not n.startswith(EFFECTIVE) and (n not in shown_only or n in prove)
    ]
    policy = Policy(
        alpha=level,
        draws=entry.draws,
        exact=entry.exact,
        prove=prove,
        overall=overall,
        weights={b: entry.weights.get(b, 1.0) for b in overall},
        margins=every_margin,
        gating=tuple(dict.fromkeys(gating)),
        slices=tuple(s.by for s in slicings),
        guards=guards,
        limits=limits,
        inconclusive=entry.inconclusive,
        scales=by_name,
        slicings=slicings,
        insufficient=entry.insufficient,
        required={k: tuple(map(_text, v)) for k, v in entry.require_values.items()},
        preset=resolved.preset.name if resolved.preset else "",
        apart=(*lacking, *dropped(resolved)),
        looks=_look_policy(entry, looks, where, anytime=anytime or strict, strict=strict),
        pairwise=of_pairs,
    )
    for name in policy.pairs_gate:
        _may_gate(name, policy, given, where)
    return policy


def _composite(
    entry: GateEntry,
    blocks: Mapping[str, Sequence[str]],
    by_name: Mapping[str, Scale],
    of_pairs: Sequence[str],
    where: str,
) -> dict[str, tuple[str, ...]]:
    """Return the metrics of each block of the composite; empty: there is none.

    Raises:
        SuiteError: a block holds what cannot be part of it, or a weight is no weight.
    """
    overall = {k: tuple(v) for k, v in (entry.overall or blocks).items() if v}
    for block, members in overall.items():
        if len(set(members)) < len(members):
            raise SuiteError(f"{where}: gate.overall.{block} names a metric twice")
        for name in members:
            _known(name, by_name, f"{where}: gate.overall.{block}")
            _of_one_version(name, of_pairs, f"{where}: gate.overall.{block}")
            _gates(name, f"{where}: gate.overall.{block}")
            scale = by_name[name]
            if scale.statistic != "mean" or not math.isfinite(scale.high - scale.low):
                raise SuiteError(
                    f"{where}: gate.overall.{block}: {name!r} has no finite range to be "
                    "mapped to 0-1; leave it out of the composite (it still gates by itself)"
                )
    for block, weight in entry.weights.items():
        _known(block, overall, f"{where}: gate.weights")
        if not (math.isfinite(weight) and weight > 0):
            raise SuiteError(f"{where}: gate.weights.{block} is {weight!r}; allowed: above 0")
    return overall


def _margins(
    scales: Sequence[Scale], given: Mapping[str, float], known: Collection[str], where: str
) -> dict[str, float]:
    """Return the margin of each metric and of the composite: those given, else the defaults.

    Raises:
        SuiteError: one is missing, is of no metric, or is as wide as the metric.
    """
    by_name = {s.name: s for s in scales}
    chosen = {s.name: default_margin(s) for s in scales}
    chosen[OVERALL] = _OVERALL_MARGIN
    for name, margin in given.items():
        _known(name, known, f"{where}: gate.margins")
        check_margin(by_name.get(name), margin, f"{where}: gate.margins.{name}")
        chosen[name] = margin
    missing = [n for n, m in chosen.items() if m is None]
    if missing:
        raise SuiteError(
            f"{where}: gate.margins needs a margin for {', '.join(missing)}: "
            "the range is open, so there is no default"
        )
    return {n: m for n, m in chosen.items() if m is not None}


def _of_one_version(name: str, pairwise: Sequence[str], spot: str) -> None:
    """Refuse a metric of two versions where one alone is judged.

    Raises:
        SuiteError: it is one.
    """
    if name in pairwise:
        raise SuiteError(
            f"{spot}: {name!r} says which of two versions' answers is preferred, and no version "
            "has it alone; it may stand under 'prove', 'margins' and 'guard'"
        )


def _may_gate(name: str, policy: Policy, given: Mapping[str, float], where: str) -> None:
    """Refuse preferences that gate without a margin of their own, or at several looks.

    Raises:
        SuiteError: says what is missing.
    """
    if name in policy.gating and name not in given:
        raise SuiteError(
            f"{where}: gate.margins needs a margin for {name!r}, which gates: how many more "
            "preferences than it wins may a version lose (0.1: ten of a hundred)?"
        )
    if policy.looks.several:
        raise SuiteError(
            f"{where}: {name!r} gates and is judged when both runs are whole, so a gate cannot "
            "look several times; leave out gate.sequential, gate.more and --sequential, or let "
            f"{name!r} be shown only"
        )


def _gates(name: str, spot: str) -> None:
    """Refuse a metric that is only shown.

    Raises:
        SuiteError: it is one on the effective answer.
    """
    if name.startswith(EFFECTIVE):
        raise SuiteError(
            f"{spot}: {name!r} is made of what a service would have shown and never gates; "
            f"name {name.removeprefix(EFFECTIVE)!r}, which is what the model said"
        )


def _look_policy(
    entry: GateEntry, looks: int | None, where: str, *, anytime: bool, strict: bool
) -> LookPolicy:
    """Return how often the data are looked at.

    Raises:
        SuiteError: so many looks, or further repeats, do not go with how lines are accused.
    """
    own = entry.sequential
    if anytime and looks is None:
        looks = 0
    anytime = anytime or (own is not None and own.anytime)
    if looks is None and own is None:
        looks = 1
    elif not looks:
        looks = (own.looks if own else None) or (_LOOKS_ANYTIME if anytime else _LOOKS)
    if looks > MOST_LOOKS and not anytime:
        raise SuiteError(
            f"{where}: {looks} looks are more than {MOST_LOOKS}; more need --anytime or "
            "'anytime: true' under gate.sequential"
        )
    if anytime and looks > 1 and entry.more is not None:
        raise SuiteError(
            f"{where}: gate.more asks scenarios again, which is no further evidence where lines "
            "are accused at any time; leave one of both out"
        )
    return LookPolicy(
        looks=looks,
        futility=own.futility if own else True,
        more_repeats=entry.more.repeats if entry.more else 0,
        more_calls=entry.more.calls if entry.more else None,
        anytime=anytime and looks > 1,
        strict=(strict or (own is not None and own.strict)) and looks > 1,
    )


def _text(value: object) -> str:
    """Return a value as scenarios' attributes spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
