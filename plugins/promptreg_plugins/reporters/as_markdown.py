"""Markdown for pull requests: verdict and table first, the rest folded, small enough to post."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from promptreg.stages.report import digest, write_whole
from promptreg.stages.report.lines import Line, lines_of
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, GateVerdict, ScenarioChange

MAX_CHARACTERS = 60_000
"""GitHub refuses comments above 65,536 characters."""
_SCENARIOS = 10
_MARKS = {GateVerdict.PASS: "✅", GateVerdict.FAIL: "❌", GateVerdict.INCONCLUSIVE: "⚠️"}
_ACTIVE = re.compile(r"[\\`*\[\]<>#|~&$]|(?<!\w)_|_(?!\w)")
_LINKS = re.compile(
    r"(?<=[A-Za-z0-9])(?=://)|(?<=[Ww]{3})(?=\.)|(?<=[@])|(?<=:)(?=[A-Za-z0-9_+-]+:)"
)


class MarkdownReporter:
    """Writes the comparison as GitHub-flavoured Markdown, at most 60,000 characters."""

    extensions: ClassVar[Sequence[str]] = (".md",)

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        write_whole(path, markdown(comparison).encode())


def markdown(comparison: Comparison) -> str:
    """Return the report; sections that do not fit are left out, and it says so."""
    text = "\n".join(_head(comparison))
    sections = [
        *_tables(comparison),
        _limits(comparison),
        _slices(comparison),
        _failures(comparison),
        *_scenarios(comparison),
    ]
    end = _end(comparison)
    room = MAX_CHARACTERS - len(end) - 200
    left_out = 0
    for section in filter(None, sections):
        if len(text) + len(section) + 2 <= room:
            text += f"\n\n{section}"
        else:
            left_out += 1
    if left_out:
        text += f"\n\n_{left_out} sections did not fit here; the HTML and JSON reports are whole._"
    return f"{text}\n\n{end}\n"


def escape(text: str, limit: int = 200) -> str:
    """Return untrusted text on one line, so that Markdown and GitHub see nothing but text.

    Signs with a meaning become entities; a zero-width space keeps mentions, references, addresses
    and shortcodes from being recognised.
    """
    spaced = _LINKS.sub("\u200b", one_line(text, limit))
    spaced = re.sub(r"#(?=\w)", "#\u200b", spaced)
    return _ACTIVE.sub(lambda m: f"&#{ord(m.group())};", spaced)


def _head(c: Comparison) -> Iterator[str]:
    yield f"## {_MARKS[c.gate.verdict]} GATE {escape(digest.headline(c), 600)}"
    yield ""
    yield f"**{escape(c.suite)}**: {escape(digest.sentence(c), 400)}"
    yield ""
    yield f"{escape(digest.facts(c), 600)}."
    if c.synthetic:
        yield "\n**SYNTHETIC** answers from a scripted provider: this can never pass a gate."
    for reason in c.gate.reasons[2:10]:
        yield f"\n- {escape(reason, 300)}"
    for warning in c.warnings[:10]:
        yield f"\n> **Warning:** {escape(warning, 400)}"


def _tables(c: Comparison) -> Iterator[str]:
    tables = digest.whole_suite(c)
    for name, rows in tables.items():
        guarding = [d for d in digest.guards(c) if d.template == name]
        title = f"### {escape(name, 60)}\n\n" if len(tables) > 1 else ""
        yield title + _table(lines_of([*rows, *guarding]), c)


def _table(lines: Sequence[Line], c: Comparison) -> str:
    labels = [escape(side.label, 24) for side in (c.baseline, c.candidate)]
    level = round(100 * lines[0].difference.level) if lines else 95
    head = ["metric", *labels, "change", f"{level}% interval", "margin", "verdict"]
    aligned = ["---", *["---:"] * 5, "---", "---:", "---:", "---"]
    rows = [[*head, "could have seen", "n", ""], aligned]
    for x in lines:
        verdict = f"**{x.verdict}**" if x.verdict.startswith("REGRESSED") else x.verdict
        figures = [x.baseline, x.candidate, x.change, x.interval, x.margin]
        extras = escape(" · ".join((*x.extras, *x.finer)), 300)
        rows.append([escape(x.title, 90), *figures, verdict, x.seen, str(x.n), extras])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _limits(c: Comparison) -> str:
    rows = [
        f"- {escape(limit.template, 40)}: {escape(what, 160)}: {escape(status, 160)}"
        for limit, what, status in digest.limits(c)[:30]
    ]
    return "**Limits on the candidate**\n\n" + "\n".join(rows) if rows else ""


def _slices(c: Comparison) -> str:
    rows, more = digest.hurting_slices(c, 20)
    if not rows:
        return ""
    parts = []
    for name in dict.fromkeys(d.template for d in rows):
        lines = lines_of(d for d in rows if d.template == name)
        parts.append(f"{escape(name, 60)}\n\n{_table(lines, c)}")
    parts += [f"and {more} more"] if more else []
    return _folded("Slices that became worse (hints, never gating)", "\n\n".join(parts))


def _failures(c: Comparison) -> str:
    rows = digest.causes(c)
    if not rows:
        return ""
    labels = " | ".join(escape(side.label, 24) for side in (c.baseline, c.candidate))
    body = [f"| cause | {labels} | counts as |", "| --- | ---: | ---: | --- |"]
    body += [
        f"| {escape(r.cause)} | {r.baseline} | {r.candidate} | {digest.TREATMENTS[r.treatment]} |"
        for r in rows[:40]
    ]
    return _folded("Failed trials by cause", "\n".join(body))


def _scenarios(c: Comparison) -> Iterator[str]:
    for change in digest.worst(c, _SCENARIOS):
        yield _scenario(change, c)


def _scenario(change: ScenarioChange, c: Comparison) -> str:
    by = "" if change.change is None else f" ({change.change:+.3f})"
    facts = [f"{k}={v}" for k, v in list(change.attributes.items())[:6]]
    if "risk_range" in change.ground_truth:
        facts.append(f"expected {change.ground_truth['risk_range']}")
    body = [escape(" · ".join(facts), 300), ""]
    for side, trial in ((c.baseline, change.baseline), (c.candidate, change.candidate)):
        body.append(f"- **{escape(side.label, 24)}**")
        body += [f"  - {escape(words, 320)}" for words in digest.answer_words(trial, 300)]
    title = f"{escape(change.template, 40)}: {escape(change.scenario_id, 80)}{escape(by)}"
    return _folded(title, "\n".join(body))


def _end(c: Comparison) -> str:
    parts = [digest.spent(c), f"provider {c.provider}", f"alpha {c.alpha:g}"]
    parts += [f"policy {c.policy_sha256[:12]}", c.created_at]
    calibration = f"<sub>{escape(digest.calibration_words(c), 900)}</sub>"
    return f"<sub>{escape(' · '.join(parts), 500)}</sub>\n\n{calibration}"
