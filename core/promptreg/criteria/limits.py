"""Absolute limits of a `gate` section, and what of a preset nothing can judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from promptreg.criteria.model import (
    GAP_RATE,
    Attributes,
    Bound,
    check_known,
    conditions,
    texts,
)
from promptreg.errors import SuiteError
from promptreg.records import Scale
from promptreg.suite import LimitEntry, Resolved
from promptreg.verdicts import Criterion

__all__ = ["bounds_of", "dropped", "required_words"]


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
        conditions(entry.where, attributes, f"{where}: gate.limits.{name}")
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
        where=texts(entry.where),
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
