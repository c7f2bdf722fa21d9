"""How much the answers to one and the same prompt differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from promptreg.records import Outcome
from promptreg.stages.calibrate.pool import Pool

__all__ = ["NoiseLine", "TextNoise", "noise_lines", "text_noise"]


@dataclass(frozen=True, slots=True)
class NoiseLine:
    """One metric's noise between askings of the same prompt.

    Attributes:
        template, metric, unit, binary: which metric.
        scenarios: those to which it applies without a gap.
        sd: standard deviation within a scenario, in the metric's unit.
        differing: share of scenarios in which not all askings score the same; for pass/fail the
            share that flips.
    """

    template: str
    metric: str
    unit: str
    binary: bool
    scenarios: int
    sd: float
    differing: float


@dataclass(frozen=True, slots=True)
class TextNoise:
    """How many scenarios were not answered with the same text every time."""

    template: str
    scenarios: int
    differing: int


def noise_lines(pool: Pool, metrics: Iterable[str]) -> list[NoiseLine]:
    """Return each metric's noise; metrics that apply nowhere are left out."""
    lines = []
    for name in metrics:
        column = pool.run.columns.get(name)
        if column is None:
            continue
        lost = (column.outcomes == Outcome.GAP) | (column.outcomes == Outcome.NOT_APPLICABLE)
        values = column.values[~lost.any(axis=1) & ~np.isnan(column.values).any(axis=1)]
        if not len(values):
            continue
        lines.append(
            NoiseLine(
                template=pool.template,
                metric=name,
                unit=column.scale.unit,
                binary=column.scale.kind == "binary",
                scenarios=len(values),
                sd=math.sqrt(float(values.var(axis=1, ddof=1).mean())),
                differing=float((values.min(axis=1) != values.max(axis=1)).mean()),
            )
        )
    return lines


def text_noise(template: str, rows: Iterable[Mapping[str, Any]]) -> TextNoise:
    """Return how many scenarios' answers differ.

    Args:
        template: its name.
        rows: trials with `scenario_id`, `text` and `error_cause`; a failed trial counts as an
            answer of its own, equal only to a failure of the same cause and text.
    """
    seen: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        told = (str(row.get("text") or ""), str(row.get("error_cause") or ""))
        seen.setdefault(str(row["scenario_id"]), set()).add(told)
    return TextNoise(template, len(seen), sum(len(texts) > 1 for texts in seen.values()))
