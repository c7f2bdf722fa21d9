"""Slices and guards of a `gate` section, checked against what exists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from promptreg.criteria.model import (
    OVERALL,
    Attributes,
    Guard,
    Slicing,
    check_known,
    check_margin,
    conditions,
)
from promptreg.errors import SuiteError
from promptreg.records import Scale
from promptreg.suite import Resolved

__all__ = ["fewest_families", "guards_of", "slicings_of"]


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
        words = conditions(entry.where, attributes, spot)
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
