"""A comparison in the terminal: the verdict first, then the numbers, then what to look at.

Text from models, scenarios and plug-ins is printed as plain `Text`, never as markup, with control
characters made visible; no line is longer than the console is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from promptreg import numbers
from promptreg.cli.view_scenarios import scenario_blocks
from promptreg.cli.view_table import GATE_STYLES, table
from promptreg.stages.report import digest
from promptreg.stages.report.lines import lines_of
from promptreg.stages.report.text import one_line
from promptreg.verdicts import CalibrationState, Comparison

__all__ = ["render_comparison"]

_SHOWN, _SHOWN_VERBOSE = 3, 12
_SLICE_COLUMNS = ("title", "n", "baseline", "candidate", "change", "interval", "verdict")


def render_comparison(
    comparison: Comparison,
    console: Console,
    *,
    verbose: bool = False,
    reports: Sequence[str | Path] = (),
) -> None:
    """Print a comparison for people.

    Args:
        comparison: what to print.
        console: where; its width, colour and encoding are respected.
        verbose: more scenarios and slices, fingerprints, the complete-case footnote.
        reports: files that were written, named at the end.
    """
    out = _Out(console)
    _verdict(comparison, out)
    _tables(comparison, out, verbose=verbose)
    _slices(comparison, out, verbose=verbose)
    _limits(comparison, out)
    _failures(comparison, out)
    _scenarios(comparison, out, verbose=verbose)
    _rankings(comparison, out)
    _end(comparison, out, verbose=verbose, reports=reports)


class _Out:
    """Prints wrapped plain text, in whatever characters the console can show."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = max(40, console.width)
        self.unicode = console.encoding.lower().replace("-", "").startswith("utf")

    def line(self, text: str | Text = "", style: str = "", indent: int = 0) -> None:
        """Print one paragraph, wrapped; continued lines are indented two more."""
        body = text if isinstance(text, Text) else Text(text, style=style)
        if not self.unicode:
            body = _ascii(body)
        if not body.plain:
            self.console.print()
            return
        room = max(20, self.width - indent - 2)
        lines = list(body.wrap(self.console, room, overflow="fold", tab_size=4))
        for i, piece in enumerate(lines):
            pad = " " * (indent + (2 if i else 0))
            piece.rstrip()
            self.console.print(Text(pad) + piece, soft_wrap=True, highlight=False)

    def exact(self, text: Text) -> None:
        """Print a line that is known to fit."""
        body = text if self.unicode else _ascii(text)
        self.console.print(body, soft_wrap=True, highlight=False)

    def heading(self, text: str, note: str = "") -> None:
        """Print the title of a section, with a remark."""
        self.line()
        title = Text(text, style="bold")
        if note:
            title.append(f"  {note}", style="dim")
        self.line(title)


_ASCII = str.maketrans(
    {"—": "-", "±": "+/-", "×": "x", "·": "|", "…": "...", "→": "->", "│": "|", "⟨": "<", "⟩": ">"}
)


def _ascii(text: Text) -> Text:
    """Return the text for a console that knows ASCII only."""
    plain = text.plain.translate(_ASCII).encode("ascii", "replace").decode("ascii")
    return Text(plain, style=text.style)


def _labels(c: Comparison) -> tuple[str, str]:
    return one_line(c.baseline.label, 12), one_line(c.candidate.label, 12)


def _verdict(c: Comparison, out: _Out) -> None:
    style = GATE_STYLES[c.gate.verdict]
    line = Text(f"GATE {digest.headline(c)}", style=f"bold {style}")
    line.append(f" · {digest.facts(c)}", style="not bold default")
    out.line(line)
    if c.synthetic:
        out.line("SYNTHETIC answers from a scripted provider: this can never pass a gate", "bold")
    if c.design is not None:
        out.line(digest.design(c), indent=2)
    for what in digest.compared(c):
        out.line(what, indent=2)
    if c.stopping is not None:
        out.line(digest.stopping(c), indent=2)
    for reason in c.gate.reasons[2:]:
        out.line(f"also: {one_line(reason, 300)}", indent=2)
    for warning in c.warnings:
        out.line(f"warning: {one_line(warning, 400)}", "yellow")


def _tables(c: Comparison, out: _Out, *, verbose: bool) -> None:
    labels = _labels(c)
    tables = digest.whole_suite(c)
    for name, rows in tables.items():
        out.heading(one_line(name, 60) if len(tables) > 1 else "All scenarios")
        for text in table(lines_of(rows), labels, out.width, verbose=verbose):
            out.exact(text)
        guarding = [d for d in digest.guards(c) if d.template == name]
        if guarding:
            out.line("Guards: slices that gate", "dim")
            for text in table(lines_of(guarding), labels, out.width, verbose=verbose):
                out.exact(text)


def _slices(c: Comparison, out: _Out, *, verbose: bool) -> None:
    rows, more = digest.hurting_slices(c, 40 if verbose else digest.SLICES_SHOWN)
    if not any(d.slice is not None and not d.gating for d in c.differences):
        return
    out.heading("Slices that became worse", "hints, never gating")
    small = digest.too_small(c)
    if not rows:
        out.line("none stands out" + (f"; {small}" if small else ""), indent=2)
        return
    labels = _labels(c)
    for name in dict.fromkeys(d.template for d in rows):
        if len(digest.whole_suite(c)) > 1:
            out.line(one_line(name, 60), "dim")
        lines = [replace(x, extras=()) for x in lines_of(rows) if x.difference.template == name]
        shown = table(lines, labels, out.width, columns=_SLICE_COLUMNS, spare=("n", "interval"))
        for text in shown:
            out.exact(text)
    if more:
        out.line(f"and {more} more", "dim", indent=2)
    if small:
        out.line(small, "dim", indent=2)
    if advice := digest.how_to_guard(c):
        out.line(advice, "dim", indent=2)


def _limits(c: Comparison, out: _Out) -> None:
    if not c.limits and not c.criteria:
        return
    preset = f"; policy preset {one_line(c.preset, 60)}" if c.preset else ""
    out.heading("Limits", f"on the candidate alone{preset}")
    for limit, what, status in digest.limits(c):
        style = "bold red" if limit.status == "not_met" else ""
        out.line(f"{one_line(limit.template, 30)}: {what}: {status}", style, indent=2)
    for criterion, what, status in digest.criteria(c):
        style = "yellow" if criterion.status in ("missing", "not_measured") else ""
        out.line(f"{what}: {status}", style, indent=2)


def _failures(c: Comparison, out: _Out) -> None:
    rows = digest.causes(c)
    if not rows:
        return
    labels = _labels(c)
    out.heading("Failed trials by cause", f"{labels[0]} and {labels[1]}")
    width = max(len(r.cause) for r in rows)
    for row in rows:
        counts = f"{row.baseline:>6,} {row.candidate:>6,}"
        out.line(f"{row.cause.ljust(width)} {counts}  {digest.TREATMENTS[row.treatment]}", indent=2)


def _scenarios(c: Comparison, out: _Out, *, verbose: bool) -> None:
    shown = digest.worst(c, _SHOWN_VERBOSE if verbose else _SHOWN)
    if not shown:
        return
    out.heading("Scenarios that became worse", "the worst first")
    labels = _labels(c)
    for change in shown:
        for text in scenario_blocks(change, labels, out.width, out.console, out.unicode):
            out.exact(text)
    left = len(digest.worst(c, len(c.changes))) - len(shown)
    if left > 0:
        out.line(f"and {left} more; -o report.html shows them all", "dim", indent=2)


def _rankings(c: Comparison, out: _Out) -> None:
    if len(c.rankings) < 3:  # of two versions the comparison says all
        return
    out.heading("Places the data allow")
    for r in sorted(c.rankings, key=lambda r: (r.metric, r.best_rank, r.worst_rank)):
        places = " to ".join(str(p) for p in sorted({r.best_rank, r.worst_rank}))
        who = f"{one_line(r.template, 30)}@{one_line(r.label, 30)}"
        low, high = (numbers.number(v) for v in r.interval)
        value = f"{one_line(r.metric, 30)} {numbers.number(r.mean)} [{low}, {high}]"
        out.line(f"place {places}: {who}, {value}", indent=2)


def _end(c: Comparison, out: _Out, *, verbose: bool, reports: Sequence[str | Path]) -> None:
    out.line()
    out.line(digest.spent(c), "dim")
    out.line(f"provider {one_line(c.provider, 200)}", "dim")
    if verbose or c.calibration.state is not CalibrationState.NONE:
        out.line(digest.calibration_words(c), "dim")
    if verbose:
        for side in (c.baseline, c.candidate):
            for name, run in side.run_ids.items():
                sha = side.template_sha256.get(name, "")
                words = (one_line(side.label, 40), one_line(name, 40), one_line(run, 80), sha[:12])
                out.line("{}: {} run {} template {}".format(*words), "dim")
        for i, look in enumerate(c.stopping.looks if c.stopping else ()):
            what = "E from" if c.stopping and c.stopping.anytime else "|T| above"
            bound = "none" if look.boundary is None else f"{what} {look.boundary:.2f}"
            out.line(
                f"look {i + 1}: {numbers.count(look.scenarios, 'scenario')}, "
                f"{numbers.count(look.repeats, 'repeat')}, alpha spent {look.alpha_spent:.2g}, "
                f"accused from {bound}, intervals at {look.level:.2%}",
                "dim",
            )
        out.line(f"policy {one_line(c.policy_sha256, 64)}, alpha {c.alpha:g}", "dim")
        for metric, change in digest.without_failed(c):
            out.line(f"without failed trials: {metric} {change} (a footnote, never used)", "dim")
    for path in reports:
        out.line(f"report: {one_line(str(path), 500)}")
