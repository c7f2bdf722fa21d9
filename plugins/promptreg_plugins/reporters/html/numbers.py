"""The numbers of the page: what moved, every metric, which slices pay, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from promptreg.stages.report import digest
from promptreg.stages.report.lines import slice_words
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Difference
from promptreg_plugins import look

__all__ = ["at_a_glance", "metrics", "prices", "slices"]

_BOX = 5
"""Rows of a box at the top."""
_SIDE = 8
"""Slices named as losing, and as gaining."""
_MAX_SLICES = 300

Item = tuple[str, str, str, str]
"""Metric, template and slice, both values, change."""


def at_a_glance(c: Comparison) -> dict[str, Any]:
    """Return the boxes at the top: what became worse, better, was held, is open, and the price."""
    found = digest.shifts(c)
    several = len(digest.templates(c)) > 1
    boxes = [
        ("Worse", "bad", "◆", found.worse, "Nothing that gates is shown to be worse."),
        ("Better", "good", "▲", found.better, "Nothing that gates is shown to be better."),
        ("Shown no worse", "fine", "●", found.held, "Nothing."),
        ("Not decided", "unsure", "○", found.undecided, "Nothing is open."),
        ("Price", "cost", "×", found.price, "Not measured."),
    ]
    return {
        "boxes": [
            (title, tone, sign, _items(rows[:_BOX], several), max(0, len(rows) - _BOX), none)
            for title, tone, sign, rows, none in boxes
            if rows or title in ("Worse", "Better")
        ]
        if c.differences
        else []
    }


def _items(rows: Sequence[Difference], several: bool) -> list[Item]:
    items = []
    for d in rows:
        line = look.marked(d)[0]
        unit = f" {line.unit}" if line.unit and line.unit != line.metric else ""
        where = [one_line(d.template, 30)] if several else []
        where += [slice_words(d.slice)] if d.slice else []
        where += ["lower is better"] if line.hint.endswith("lower is better") else []
        moved = f"{line.moved}{unit}"
        items.append((one_line(d.metric, 40), ", ".join(where), moved, line.change))
    return items


def metrics(c: Comparison, labels: look.Labels) -> dict[str, Any]:
    """Return a table per template, the limits, and what else the policy asks for."""
    guarding = digest.guards(c)
    tables = []
    for name, rows in digest.whole_suite(c).items():
        own = [d for d in guarding if d.template == name]
        told = one_line(name, 60)
        tables.append(
            (
                told,
                look.metric_table(
                    rows,
                    labels,
                    caption=f"Metrics of {told} on all scenarios",
                    guards=own,
                    hide_caption=True,
                ),
                [look.marked(d) for d in (*rows, *own)],
            )
        )
    return {
        "tables": tables,
        "limits": [
            (one_line(limit.template, 40), what, status, limit.status == "not_met")
            for limit, what, status in digest.limits(c)[:60]
        ],
        "criteria": [
            (what, status, criterion.status in ("missing", "not_measured"))
            for criterion, what, status in digest.criteria(c)[:60]
        ],
        "preset": one_line(c.preset, 60),
    }


def slices(c: Comparison, labels: look.Labels) -> dict[str, Any]:
    """Return what loses beside what gains, all slices, and where scenarios fail."""
    several = len(digest.templates(c)) > 1
    every = [d for d in c.differences if d.slice is not None and not d.gating]
    losing, more_losing = digest.hurting_slices(c, _SIDE)
    gaining, more_gaining = digest.gaining_slices(c, _SIDE)
    return {
        "ledger": [
            (
                "Became worse",
                "bad",
                [_entry(d, several) for d in losing],
                more_losing,
                "No slice stands out.",
            ),
            (
                "Became better",
                "good",
                [_entry(d, several) for d in gaining],
                more_gaining,
                "No slice stands out.",
            ),
        ],
        "too_small": digest.too_small(c),
        "slices_total": len(every),
        "slices_shown": min(len(every), _MAX_SLICES),
        "slice_table": look.metric_table(
            every[:_MAX_SLICES],
            labels,
            caption="Every metric on every slice",
            templates=several,
            hide_caption=True,
        ),
        "breakdowns": [
            (
                f"{one_line(b.template, 40)}: {_failing(b.metric)}",
                [one_line(a, 40) for a in b.by],
                [
                    ([one_line(v, 40) for v in r.values], r.scenarios, r.baseline, r.candidate)
                    for r in b.rows[:_MAX_SLICES]
                ],
            )
            for b in c.breakdowns[:40]
        ],
    }


def _entry(d: Difference, several: bool) -> tuple[str, str, str, str, str, str, str, int]:
    line, tone, sign = look.marked(d)
    where = slice_words(d.slice) if d.slice else ""
    if several:
        where = f"{one_line(d.template, 30)}, {where}"
    if line.hint.endswith("lower is better"):
        where += ", lower is better"
    metric = one_line(d.metric, 40)
    return where, metric, line.moved, line.change, tone, sign, line.verdict, line.n


def _failing(metric: str) -> str:
    """Return what it means that a pass/fail metric fails."""
    known = {"in_range": "outside the expected range", "context_gap": "context not mentioned"}
    return known.get(metric, f"{one_line(metric, 60)} fails")


def prices(c: Comparison) -> dict[str, Any]:
    """Return latency, tokens and cost of a trial on both sides, and what the comparison took."""
    return {
        "prices": [(one_line(d.template, 40), *look.marked(d)) for d in digest.shifts(c).price],
        "spent": digest.spent(c),
    }
