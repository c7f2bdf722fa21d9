"""The page: everything cleaned and put into words first, then one template with escaping on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from promptreg import numbers
from promptreg.clock import to_minute
from promptreg.policy import OVERALL
from promptreg.stages.report import digest, pages
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, GateVerdict, ScenarioChange
from promptreg_plugins import look
from promptreg_plugins.reporters.html.numbers import at_a_glance, metrics, prices, slices
from promptreg_plugins.reporters.html.pictures import pictures
from promptreg_plugins.reporters.html.provenance import provenance
from promptreg_plugins.reporters.html.table import MAX_ROWS, filters_of, table_rows

__all__ = ["page"]

_ASSETS = Path(__file__).parent / "assets"
_TONES = {GateVerdict.PASS: "good", GateVerdict.FAIL: "bad", GateVerdict.INCONCLUSIVE: "unsure"}
_CARDS, _FAILED_CARDS = 6, 2
"""Scenarios shown whole in the text, and how many of them failed; the table holds the others."""
_OPEN_DIFFS = 1
"""Of several templates' diffs so many are open at first."""


def page(comparison: Comparison) -> str:
    """Return the whole page."""
    labels = _labels(comparison)
    values = {
        "labels": labels,
        "several": len(digest.templates(comparison)) > 1,
        **_verdict(comparison),
        **at_a_glance(comparison),
        **metrics(comparison, labels),
        **slices(comparison, labels),
        **prices(comparison),
        **pictures(comparison, labels),
        **_changed(comparison, labels),
        **_scenarios(comparison, labels),
        **provenance(comparison),
    }
    body = _template().render(contents=_contents(values), **values)
    title = f"{values['verdict']}: {labels[1]} against {labels[0]}, {values['suite']}"
    return pages.document(
        title,
        Markup(body),  # noqa: S704 - rendered with escaping on
        style=look.style() + _asset("report.css"),
        script=_asset("report.js"),
    )


@cache
def _template() -> Template:
    return look.environment(_ASSETS).get_template("report.html.j2")


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


def _labels(c: Comparison) -> look.Labels:
    return one_line(c.baseline.label, 24), one_line(c.candidate.label, 24)


def _verdict(c: Comparison) -> dict[str, Any]:
    return {
        "suite": one_line(c.suite, 80),
        "verdict": str(c.gate.verdict).upper(),
        "badge": look.badge(c.gate.verdict),
        "tone": _TONES[c.gate.verdict],
        "sentence": digest.sentence(c),
        "reasons": digest.because(c),
        "facts": digest.facts(c),
        "design": digest.design(c),
        "compared": digest.compared(c),
        "stopping": digest.stopping(c),
        "synthetic": c.synthetic,
        "warnings": [one_line(w, 500) for w in c.warnings[:30]],
        "created_at": one_line(c.created_at, 40),
        "created_words": f"{to_minute(one_line(c.created_at, 40))} UTC",
    }


def _changed(c: Comparison, labels: look.Labels) -> dict[str, Any]:
    found: list[tuple[str, Markup, str, bool]] = []
    for name, (before, after) in sorted(c.template_diffs.items()):
        told = one_line(name, 60)
        caption = f"Template {told}, {labels[0]} beside {labels[1]}"
        diff = look.template_diff(before, after, labels, caption=caption)
        lines = [numbers.count(len(text.splitlines()), "line") for text in (before, after)]
        sizes = f"{lines[0]} in {labels[0]}, {lines[1]} in {labels[1]}."
        found.append((told, diff, sizes, len(found) < _OPEN_DIFFS))
    return {"diffs": found}


def _scenarios(c: Comparison, labels: look.Labels) -> dict[str, Any]:
    filters = filters_of(c.changes[:MAX_ROWS])
    rows, whole = table_rows(c.changes, labels, filters)
    several = len(digest.templates(c)) > 1
    total = max(c.changes_total, len(c.changes))
    return {
        "rows": rows,
        "whole": whole,
        "rows_total": total,
        "filters": filters.attributes,
        "template_names": [one_line(name, 60) for name in filters.templates],
        "cards": [look.scenario_card(change, labels, template=several) for change in _worst(c)],
        "all_changes": (
            f"{_figure(c)}Of those that failed at most {_FAILED_CARDS} are here; the table "
            f"further down holds {len(rows):,} of {numbers.count(total, 'scenario')}."
        ),
    }


def _figure(c: Comparison) -> str:
    """Return what the change of a scenario is a change of."""
    if any(d.metric == OVERALL for d in c.differences):
        return f"The figure is the change of {OVERALL}, below 0 for worse. "
    return "The figure is the change of the first metric that gates, below 0 for worse. "


def _worst(c: Comparison) -> list[ScenarioChange]:
    """Return the scenarios to show whole: of failed ones, which say little, only some."""
    found: list[ScenarioChange] = []
    failed = 0
    for change in digest.worst(c, len(c.changes)):
        failed += bool(change.candidate.failure)
        if len(found) < _CARDS and not (change.candidate.failure and failed > _FAILED_CARDS):
            found.append(change)
    return found


def _contents(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the sections that there are: (id, name)."""
    there = [
        ("changed", "Template", values["diffs"]),
        ("metrics", "Metrics", True),
        ("slices", "Slices", values["slices_total"] or values["breakdowns"]),
        ("worst", "Worst scenarios", values["cards"]),
        ("failures", "Failures", True),
        ("risk", "Risk and calibration", values["drawn"]),
        ("cost", "Cost", True),
        ("all", "All scenarios", values["rows"]),
        ("reading", "How to read this", True),
    ]
    return [(id_, name) for id_, name, wanted in there if wanted]
