"""The fragments as functions; their markup is in `assets/fragments.html.j2`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from promptreg import numbers
from promptreg.stages.report import pages
from promptreg.stages.report.as_json import finite
from promptreg.stages.report.from_json import change_from, difference_from
from promptreg.stages.report.lines import Line, line_of
from promptreg.stages.report.plots.forest import SHAPES
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Difference, GateVerdict, ScenarioChange, Verdict
from promptreg_plugins.look.diff import side_by_side
from promptreg_plugins.look.scenarios import expected_words, scenario_row

__all__ = [
    "Labels",
    "answers",
    "badge",
    "environment",
    "expected_words",
    "marked",
    "metric_table",
    "scenario_card",
    "style",
    "template_diff",
]

Labels = tuple[str, str]
"""What baseline and candidate are called."""
_ASSETS = Path(__file__).parent / "assets"
_SIGNS = {"diamond": "◆", "triangle": "▲", "circle": "●", "ring": "○"}
_TONES = {GateVerdict.PASS: "good", GateVerdict.FAIL: "bad", GateVerdict.INCONCLUSIVE: "unsure"}


@cache
def style() -> str:
    """Return the style sheet of pages that are made of these fragments."""
    return pages.style() + (_ASSETS / "fragments.css").read_text("utf-8")


def environment(*folders: Path) -> Environment:
    """Return a template environment with escaping on, the fragments' macros and our functions.

    Args:
        folders: with templates of one's own, which may `import "fragments.html.j2"`.
    """
    made = Environment(
        loader=FileSystemLoader([*folders, _ASSETS]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        raw_number=_raw_number, words=one_line, p_words=numbers.p_value, number_words=numbers.number
    )
    return made


def _made(name: str, *values: object) -> Markup:
    """Return what a macro of the fragments makes; escaping is on there."""
    return Markup(getattr(_macros(), name)(*values))  # noqa: S704 - it has escaped its values


@cache
def _macros() -> Any:
    return environment().get_template("fragments.html.j2").module


def _raw_number(value: float | None) -> str:
    """Return the number exactly as the JSON report writes it; empty where there is none."""
    number = finite(value)
    return "" if number is None else repr(number)


def badge(verdict: str) -> Markup:
    """Return a gate's or a metric's verdict as a badge; colour is never all that tells it."""
    try:
        tone = _TONES[GateVerdict(verdict)]
    except ValueError:
        tone = SHAPES[Verdict(verdict)][1] if verdict in set(Verdict) else "plain"
    words = one_line(verdict.replace("_", " "), 40).upper()
    return Markup('<span class="badge {}">{}</span>').format(tone, words)


def marked(difference: Difference | Mapping[str, Any]) -> tuple[Line, str, str]:
    """Return a difference in words, the colour class of its verdict, and its mark."""
    d = difference if isinstance(difference, Difference) else difference_from(difference)
    shape, tone = SHAPES[d.verdict]
    return line_of(d), tone, _SIGNS[shape]


def metric_table(
    rows: Iterable[Difference | Mapping[str, Any]],
    labels: Labels,
    *,
    caption: str,
    guards: Iterable[Difference | Mapping[str, Any]] = (),
    templates: bool = False,
    hide_caption: bool = False,
) -> Markup:
    """Return metrics with both values, change, interval, margin and verdict.

    Args:
        rows: entries of the JSON report's `comparisons`.
        labels: of the versions.
        caption: what the table shows.
        guards: slices that gate; they come last, under a heading of their own.
        templates: whether each row names its template.
        hide_caption: whether the caption is for screen readers alone.
    """
    lines = [marked(row) for row in rows]
    guarding = [marked(row) for row in guards]
    every = [*lines, *guarding]
    level = numbers.level(every[0][0].difference.level) if every else "95%"
    head = (_short(labels), level, caption, templates, hide_caption)
    return _made("metric_table", lines, guarding, *head)


def template_diff(before: str, after: str, labels: Labels, *, caption: str = "") -> Markup:
    """Return both texts of a template side by side, words that changed marked.

    On a narrow page one stands below the other.
    """
    if before == after:
        return Markup("<p>The texts are identical.</p>")
    return _made("template_diff", side_by_side(before, after), _short(labels), caption)


def scenario_card(
    change: ScenarioChange | Mapping[str, Any],
    labels: Labels,
    *,
    template: bool = False,
    limit: int = 3_000,
    level: int = 3,
) -> Markup:
    """Return one scenario with what both versions answered, beside each other.

    Args:
        change: an entry of the JSON report's `worst_scenarios`, or what it was made from.
        labels: of the versions.
        template: whether to name the template.
        limit: characters shown of each text.
        level: of the card's heading, 2 to 5.
    """
    c = change if isinstance(change, ScenarioChange) else change_from(change)
    row = scenario_row(c, _short(labels), limit)
    return _made("scenario_card", row, template, level)


def answers(
    change: ScenarioChange | Mapping[str, Any], labels: Labels, *, limit: int = 3_000
) -> Markup:
    """Return what both versions answered to a scenario, without anything around it."""
    c = change if isinstance(change, ScenarioChange) else change_from(change)
    return _made("answers", scenario_row(c, _short(labels), limit))


def _short(labels: Sequence[str]) -> Labels:
    return one_line(labels[0], 24), one_line(labels[1], 24)
