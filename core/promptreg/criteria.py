"""What a `gate` section asks of slices and of the candidate, checked against what exists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from promptreg.errors import SuiteError, did_you_mean
from promptreg.records import Scale
from promptreg.suite import LimitEntry, Resolved
from promptreg.verdicts import Criterion

__all__ = [
    "GAP_RATE",
    "OVERALL",
    "Bound",
    "Guard",
    "Slicing",
    "bounds_of",
    "check_known",
    "check_margin",
    "dropped",
    "fewest_families",
    "guards_of",
    "required_words",
    "slicings_of",
]

OVERALL = "overall"
GAP_RATE = "gap_rate"
"""In limits: the share of the candidate's trials that nothing is known of; `gap_rate.METRIC`: for
one metric."""
_RATIOS = ("signed_ranks", "ratio_of_totals")
Attributes = Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class Guard:
    """A metric on a slice that gates.

    Attributes:
        metric, where, margin: what is compared, on which scenarios, by which margin.
        min_families: fewer are too few for a verdict.
        prove: whether it must be shown to be no worse, rather than only not regress.
    """

    metric: str
    where: Mapping[str, str]
    margin: float
    min_families: int = 6
    prove: bool = False


@dataclass(frozen=True, slots=True)
class Slicing:
    """An attribute whose values are shown as slices, with margins of its own."""

    by: str
    margins: Mapping[str, float]
    min_families: int


@dataclass(frozen=True, slots=True)
class Bound:
    """An absolute limit: `side` is `at_least` or `at_most`.

    Attributes:
        metric, side, threshold: what must not be below or above what.
        name: what the suite calls it.
        where: the slice; empty for all scenarios.
        within: where the threshold is a share of scenarios: how a scenario's value is compared
            (`below`, `up_to`, `above`, `reaches`), and with what.
        must: `not_missed`, or `shown`: what is neither met nor missed does not pass.
    """

    metric: str
    side: str
    threshold: float
    name: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    within: tuple[str, float] | None = None
    must: str = "not_missed"


def fewest_families(alpha: float) -> int:
    """Return how many families an accusation takes: all of G agree by chance in 2/2^G of cases."""
    return math.ceil(1 + math.log2(1 / alpha) - 1e-9)


def slicings_of(
    resolved: Resolved,
    scales: Mapping[str, Scale],
    attributes: Attributes,
    alpha: float,
    where: str,
) -> tuple[Slicing, ...]:
    """Return the attributes to slice by.

    Raises:
        SuiteError: an attribute or metric does not exist, or a margin or size cannot be used.
    """
    _size(None, resolved, alpha, where, where)  # a size is wrong even where nothing is sliced
    found: dict[str, Slicing] = {}
    for i, entry in enumerate(resolved.gate.slices):
        spot = f"{where}: gate.slices[{i}]"
        check_known(entry.by, attributes, f"{where}: gate.slices")
        if entry.by in found:
            raise SuiteError(f"{spot}: {entry.by!r} is listed twice")
        for name, margin in entry.margins.items():
            check_known(name, (*scales, OVERALL), f"{spot}.margins")
            check_margin(scales.get(name), margin, f"{spot}.margins.{name}")
        size = _size(entry.min_families, resolved, alpha, spot, where)
        found[entry.by] = Slicing(entry.by, dict(entry.margins), size)
    return tuple(found.values())


def guards_of(
    resolved: Resolved,
    slicings: Sequence[Slicing],
    scales: Mapping[str, Scale],
    margins: Mapping[str, float],
    attributes: Attributes,
    prove: Sequence[str],
    known: Iterable[str],
    alpha: float,
    where: str,
) -> tuple[Guard, ...]:
    """Return the guards: those listed, then one per proven metric and value of gating slices.

    Raises:
        SuiteError: a metric, attribute or value does not exist, or a margin or size cannot be used.
    """
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Guard] = {}
    known = tuple(known)
    for i, entry in enumerate(resolved.gate.guard):
        spot = f"{where}: gate.guard[{i}]"
        check_known(entry.metric, known, spot)
        words = _conditions(entry.where, attributes, spot)
        margin = entry.margin or margins[entry.metric]
        check_margin(scales.get(entry.metric), margin, f"{spot}.margin")
        size = _size(entry.min_families, resolved, alpha, spot, where)
        guard = Guard(entry.metric, words, margin, size, entry.prove)
        if found.setdefault((guard.metric, tuple(sorted(words.items()))), guard) is not guard:
            raise SuiteError(f"{spot}: {entry.metric!r} is guarded on this slice already")
    for entry_, slicing in zip(resolved.gate.slices, slicings, strict=True):
        if not entry_.gate:
            continue
        for value in sorted(attributes[slicing.by]):
            for metric in prove:
                margin = slicing.margins.get(metric, margins[metric])
                guard = Guard(metric, {slicing.by: value}, margin, slicing.min_families)
                found.setdefault((metric, ((slicing.by, value),)), guard)
    return tuple(found.values())


def bounds_of(
    resolved: Resolved,
    scales: Mapping[str, Scale],
    attributes: Attributes,
    known: Sequence[str],
    where: str,
) -> tuple[tuple[Bound, ...], tuple[Criterion, ...]]:
    """Return the limits, and those of a preset that nothing in this suite measures.

    Raises:
        SuiteError: the suite's own limit names what does not exist, or a threshold that no value
            can reach.
    """
    bounds: list[Bound] = []
    lacking: list[Criterion] = []
    for name, entry in resolved.gate.limits.items():
        bound = _bound(name, entry, resolved.gate.limits_must)
        metric = bound.metric
        if name in resolved.kept:
            why = _why_not(metric, bound.where, known, attributes)
            if why:
                lacking.append(Criterion(name, _words(bound), "not_measured", why))
                continue
        spot = f"{where}: gate.limits" + (f".{name}" if name != metric else "")
        measured = metric.removeprefix(f"{GAP_RATE}.")
        if metric != GAP_RATE:
            check_known(measured, (*known, GAP_RATE), spot)
        _conditions(entry.where, attributes, f"{where}: gate.limits.{name}")
        _check_threshold(bound, scales.get(metric), f"{where}: gate.limits.{name}")
        bounds.append(bound)
    return tuple(bounds), tuple(lacking)


def dropped(resolved: Resolved) -> Iterator[Criterion]:
    """Yield the preset's criteria that the suite takes out, or replaces by its own."""
    base = resolved.preset
    if base is None:
        return
    for name in (*resolved.dropped, *resolved.replaced):
        if name in base.gate.limits:
            words = _words(_bound(name, base.gate.limits[name], ""))
        else:
            words = required_words(name, map(str, base.gate.require_values[name]))
        gone = name in resolved.dropped
        told = "by the suite: gate.drop" if gone else "the suite has its own instead"
        yield Criterion(name, words, "dropped", told)


def required_words(attribute: str, values: Iterable[str]) -> str:
    """Return what `require_values` asks for, in words."""
    return f"scenarios of every {attribute}: {', '.join(values)}"


def check_known(name: str, known: Iterable[str], spot: str) -> None:
    """Refuse a name that does not exist.

    Raises:
        SuiteError: with what there is.
    """
    names = sorted(known)
    if name not in names:
        listed = ", ".join(names) if names else "none"
        raise SuiteError(f"{spot}: unknown {name!r}{did_you_mean(name, names)}; known: {listed}")


def check_margin(scale: Scale | None, margin: float, spot: str) -> None:
    """Refuse a difference where a ratio is due.

    Raises:
        SuiteError: the metric is compared as a ratio, and the margin is none above 1.
    """
    if scale is not None and scale.statistic in _RATIOS and margin <= 1:
        raise SuiteError(
            f"{spot} is {margin:g}; this margin is a ratio above 1, "
            "such as 1.10 for ten percent more"
        )


def _size(own: int | None, resolved: Resolved, alpha: float, spot: str, where: str) -> int:
    least = fewest_families(alpha)
    if own is None:
        own, spot = resolved.gate.min_families, f"{where}: gate"
    if own is not None and own < least:
        raise SuiteError(
            f"{spot}.min_families is {own}; at alpha {alpha:g} fewer than {least} families can "
            f"accuse nothing, so allowed: {least} or more"
        )
    return least if own is None else own


def _conditions(where: Mapping[str, object], attributes: Attributes, spot: str) -> dict[str, str]:
    words = _texts(where)
    for attribute, value in words.items():
        check_known(attribute, attributes, f"{spot}.where")
        check_known(value, attributes[attribute], f"{spot}.where.{attribute}")
    return words


def _texts(where: Mapping[str, object]) -> dict[str, str]:
    """Return values as scenarios' attributes spell them."""
    return {
        k: ("true" if v else "false") if isinstance(v, bool) else str(v) for k, v in where.items()
    }


def _bound(name: str, entry: LimitEntry, must: str) -> Bound:
    source = entry.share or entry
    if source.at_least is not None:
        side, threshold = "at_least", source.at_least
    else:
        side, threshold = "at_most", source.at_most or 0.0
    return Bound(
        metric=entry.metric or name,
        side=side,
        threshold=float(threshold),
        name=name,
        where=_texts(entry.where),
        within=entry.share.within if entry.share else None,
        must=entry.must or must,
    )


def _why_not(
    metric: str, where: Mapping[str, str], known: Sequence[str], attributes: Attributes
) -> str:
    """Return why a criterion cannot be judged in this suite; empty where it can."""
    if metric not in known:
        return f"no scorer gives {metric}"
    for attribute, value in where.items():
        if value not in set(attributes.get(attribute, ())):
            return f"no scenario has {attribute}={value}"
    return ""


def _words(bound: Bound) -> str:
    side = bound.side.replace("_", " ")
    slices = ", ".join(f"{k}={v}" for k, v in bound.where.items())
    name = f"{bound.metric} ({slices})" if slices else bound.metric
    if bound.within is None:
        return f"{name} {side} {bound.threshold:g}"
    word, value = bound.within
    return f"{name} {word.replace('_', ' ')} {value:g} on {side} {bound.threshold:.0%} of scenarios"


def _check_threshold(bound: Bound, scale: Scale | None, spot: str) -> None:
    gaps = bound.metric == GAP_RATE or bound.metric.startswith(f"{GAP_RATE}.")
    if gaps and (bound.within is not None or bound.side != "at_most"):
        raise SuiteError(f"{spot}: {bound.metric} takes 'at_most', a share from 0 to 1")
    if scale is not None and scale.statistic == "aggregate":
        raise SuiteError(
            f"{spot}: {bound.metric!r} is made of all scenarios at once and has no interval of its "
            "own, so no limit on it can be shown to be met or missed"
        )
    low, high = (0.0, 1.0) if gaps or scale is None else (scale.low, scale.high)
    told, value = bound.within or (bound.side, bound.threshold)
    if not low <= value <= high:
        raise SuiteError(
            f"{spot}: {told} {value:g} lies outside {low:g} to {high:g}, the range of "
            f"{bound.metric}"
        )
