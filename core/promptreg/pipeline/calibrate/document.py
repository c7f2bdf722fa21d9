"""Stored calibrations, read with suspicion: every field that is used is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from promptreg.pipeline.calibrate.report import FORMAT
from promptreg.verdicts import Power, Rate, Slice

__all__ = ["Kept", "KeptTemplate", "Spread", "read_document"]

_MOST = 1_000
"""Entries of a list that are read."""


@dataclass(frozen=True, slots=True)
class KeptTemplate:
    """Hashes of the text that was asked and of its scenarios."""

    text: str
    scenarios: str


@dataclass(frozen=True, slots=True)
class Spread:
    """Variances of a metric's scores: between scenarios, and between askings of one."""

    between: float
    within: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What is used of a stored calibration; see `CalibrationReport`."""

    suite: str
    created_at: str
    made: datetime
    version: str
    templates: Mapping[str, KeptTemplate]
    fingerprints: Mapping[str, str]
    policy_sha256: str
    looks: int
    simulations: int
    false_alarm: Rate
    passed: Rate
    power: tuple[Power, ...]
    spreads: Mapping[tuple[str, str], Spread]
    """By (template, metric)."""


def read_document(content: Any) -> Kept:
    """Return a calibration.

    Raises:
        ValueError: names the field that is not what it should be.
    """
    top = _Object(content, "")
    if (found := top.whole("format")) != FORMAT:
        raise ValueError(f"format is {found}; this version reads {FORMAT}")
    if top.flag("synthetic"):
        raise ValueError("synthetic is true; calibrations of made-up answers are never used")
    created_at = top.text("created_at")
    rates = top.object("a_a").object("scenarios_like_these")
    kept = {
        name: KeptTemplate(entry.text("template_sha256"), entry.text("scenarios_sha256"))
        for name, entry in top.object("templates").entries()
    }
    return Kept(
        suite=top.text("suite"),
        created_at=created_at,
        made=_time(created_at),
        version=top.text("promptreg"),
        templates=kept,
        fingerprints=top.texts("fingerprints"),
        policy_sha256=top.text("policy_sha256"),
        looks=top.whole("looks"),
        simulations=top.whole("simulations"),
        false_alarm=_rate(rates.object("false_alarm")),
        passed=_rate(rates.object("passed")),
        power=tuple(_power(entry) for entry in top.list("injected")),
        spreads={
            (e.text("template"), e.text("metric")): Spread(
                e.variance("between"), e.variance("within")
            )
            for e in top.list("next_calls")
        },
    )


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as e:
        raise ValueError(f"created_at is {text!r:.60}; expected an ISO 8601 time") from e
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rate(entry: _Object) -> Rate:
    count, of = entry.whole("count"), entry.whole("of")
    if count > of or of < 1:
        raise ValueError(f"{entry.where}count is {count} of {of}; expected no more than of")
    low, high = entry.pair("interval")
    return Rate(count, of, (low, high))


def _power(entry: _Object) -> Power:
    part = entry.content.get("slice")
    where = None
    if part is not None:
        inner = entry.object("slice")
        where = Slice(inner.text("attribute"), inner.text("value"))
    return Power(
        template=entry.text("template"),
        metric=entry.text("metric"),
        slice=where,
        times_margin=entry.variance("times_margin"),
        failed=_rate(entry.object("failed")),
        passed=_rate(entry.object("passed")),
    )


class _Object:
    """A JSON object whose fields must be what they should be."""

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, dict):
            raise ValueError(f"{where.rstrip('.') or 'the whole'} is no object")  # noqa: TRY004
        self.content: dict[str, Any] = content
        self.where = where

    def _wrong(self, name: str, expected: str) -> ValueError:
        found = self.content.get(name)
        shown_ = "missing" if name not in self.content else f"{found!r:.60}"
        return ValueError(f"{self.where}{name} is {shown_}; expected {expected}")

    def text(self, name: str) -> str:
        value = self.content.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return value

    def flag(self, name: str) -> bool:
        value = self.content.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def whole(self, name: str) -> int:
        value = self.content.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            raise self._wrong(name, "a whole number from 0")
        return value

    def variance(self, name: str) -> float:
        value: Any = self.content.get(name)
        if not _is_number(value) or value < 0:
            raise self._wrong(name, "a number from 0")
        return float(value)

    def pair(self, name: str) -> tuple[float, float]:
        value = self.content.get(name)
        if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))):
            raise self._wrong(name, "two numbers")
        if not 0 <= value[0] <= value[1] <= 1:
            raise self._wrong(name, "two shares in order")
        return float(value[0]), float(value[1])

    def object(self, name: str) -> _Object:
        return _Object(self.content.get(name), f"{self.where}{name}.")

    def entries(self) -> list[tuple[str, _Object]]:
        if not 0 < len(self.content) <= _MOST:
            raise ValueError(f"{self.where.rstrip('.')} holds {len(self.content)} entries")
        return [(k, _Object(v, f"{self.where}{k}.")) for k, v in self.content.items()]

    def texts(self, name: str) -> dict[str, str]:
        inner = self.object(name)
        return {key: inner.text(key) for key in inner.content}

    def list(self, name: str) -> list[_Object]:
        value = self.content.get(name)
        if not isinstance(value, list) or len(value) > _MOST:
            raise self._wrong(name, f"a list of at most {_MOST:,} entries")
        return [_Object(v, f"{self.where}{name}.{i}.") for i, v in enumerate(value)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
