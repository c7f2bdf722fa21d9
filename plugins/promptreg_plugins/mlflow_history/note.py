"""What MLflow's page says of a comparison above all else: verdict, lines, links to both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from promptreg import numbers
from promptreg.past import Line, PastComparison
from promptreg_plugins.mlflow_history.names import tag_text

__all__ = ["NOTE", "comparison_note"]

NOTE = "mlflow.note.content"
_MOST = 4_500
"""Characters: a tag holds a little more."""
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#|!~&])")


def comparison_note(comparison: PastComparison, home: str, places: Mapping[str, str]) -> str:
    """Return a comparison in Markdown: decision, links to its runs, its lines, the gating first.

    Args:
        comparison: what is described.
        home: id of the experiment.
        places: run id to MLflow's id of it.
    """
    c = comparison
    head = [f"**GATE {_safe(c.verdict.upper())}** - {_safe('; '.join(c.reasons))[:1_500]}"]
    sides = ((c.baseline, c.baseline_runs), (c.candidate, c.candidate_runs))
    for name, runs in sides:
        links = ", ".join(
            f"[{_safe(template)}](#/experiments/{home}/runs/{places[run]})"
            for template, run in sorted(runs.items())
            if run in places
        )
        head.append(f"{_safe(name)}: {links or 'no run'}")
    head.append(
        "| template | metric | scenarios | change | 95% interval | verdict |\n"
        "|---|---|---|---|---|---|"
    )
    text = "\n\n".join(head)
    rows = list(_rows(c.lines))
    for i, row in enumerate(rows):
        if len(text) + len(row) > _MOST - 60:
            text += f"\n\n{len(rows) - i} lines more are in report.json."
            break
        text += f"\n{row}"
    return tag_text(text)


def _rows(lines: tuple[Line, ...]) -> Iterator[str]:
    ordered = sorted(lines, key=lambda n: (n.verdict != "regressed", not n.gating))
    for n in ordered:
        where = "all" if n.slice is None else f"{n.slice[0]}={n.slice[1]}"
        ends = (n.low, n.high)
        change, span = numbers.moved(n.difference, ends, share=n.share, ratios=n.ratios)
        verdict = n.verdict.replace("_", " ") + ("" if n.gating else " (not gating)")
        cells = [n.template, numbers.titled(n.metric, n.shown_unit), where, change, span, verdict]
        yield "| " + " | ".join(_safe(cell) for cell in cells) + " |"


def _safe(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
