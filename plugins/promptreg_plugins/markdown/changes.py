"""Scenarios that became worse, with both answers, and what the change did to the templates."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from promptreg.stages.report import digest
from promptreg.stages.report.answers import answer_words
from promptreg.stages.report.text import clean
from promptreg.verdicts import Comparison, ScenarioChange
from promptreg_plugins.markdown.escaping import escape, fenced
from promptreg_plugins.markdown.fitting import Rank, Section

__all__ = ["diffs", "scenarios"]

_DIFF_LINES = 80
_COMPARED_LINES = 600
"""Matching lines costs the square of their number, or more."""
_LINE = 300


def scenarios(c: Comparison, limit: int) -> Iterator[Section]:
    """Yield the worst scenarios, each folded."""
    found = digest.worst(c, limit)
    if found:
        yield Section(
            "scenarios that became worse",
            tuple(_scenario(change, c) for change in found),
            head="**Scenarios that became worse**, the worst first\n\n",
            rank=Rank.SCENARIOS,
            between="\n\n",
        )


def _scenario(change: ScenarioChange, c: Comparison) -> str:
    by = "" if change.change is None else f" ({change.change:+.3f})"
    facts = [f"{k}={v}" for k, v in list(change.attributes.items())[:6]]
    if "risk_range" in change.ground_truth:
        facts.append(f"expected {change.ground_truth['risk_range']}")
    body = [escape(" · ".join(facts), 300), ""]
    for side, trial in ((c.baseline, change.baseline), (c.candidate, change.candidate)):
        body.append(f"- **{escape(side.label, 24)}**")
        body += [f"  - {escape(words, 320)}" for words in answer_words(trial, 300)]
    title = f"{escape(change.template, 40)}: {escape(change.scenario_id, 80)}{by}"
    return f"<details><summary>{title}</summary>\n\n" + "\n".join(body) + "\n\n</details>"


def diffs(c: Comparison) -> Iterator[Section]:
    """Yield what the change did to each template's text, folded and short."""
    for name, (before, after) in c.template_diffs.items():
        if before == after:
            continue
        lines, added, removed = _unified(before, after)
        counts = f"+{added} −{removed}" if lines else "too long to show here"
        if len(lines) > _DIFF_LINES:
            left = len(lines) - _DIFF_LINES
            lines = [*lines[:_DIFF_LINES], f"… {left} more lines of this diff"]
        yield Section(
            f"template diff of {escape(name, 60)}",
            (fenced("\n".join(lines), "diff") if lines else "",),
            head=f"<details><summary>Template {escape(name, 60)}: {counts}</summary>\n\n",
            tail="\n\n</details>",
            rank=Rank.DIFFS,
        )


def _unified(before: str, after: str) -> tuple[list[str], int, int]:
    """Return the lines of a unified diff, how many were added, how many removed."""
    a, b = (clean(text, 200_000).split("\n") for text in (before, after))
    if max(len(a), len(b)) > _COMPARED_LINES:
        return [], 0, 0
    found = list(difflib.unified_diff(a, b, lineterm="", n=2))[2:]
    added = sum(line.startswith("+") for line in found)
    removed = sum(line.startswith("-") for line in found)
    return [_short(line) for line in found], added, removed


def _short(line: str) -> str:
    return line if len(line) <= _LINE else f"{line[:_LINE]}… ({len(line) - _LINE} more characters)"
