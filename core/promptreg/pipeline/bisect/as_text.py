"""A bisection as plain lines, for a terminal and, in fences, for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from promptreg import numbers
from promptreg.pipeline.bisect.plan import BisectPlan
from promptreg.pipeline.bisect.result import Bisection
from promptreg.pipeline.bisect.tester import Tested
from promptreg.pipeline.bisect.words import (
    accused_metrics,
    accused_pieces,
    commit_words,
    headline,
    piece_diff,
    piece_place,
    reasons,
    state_diff,
    target_words,
)
from promptreg.stages.bisect import Outcome
from promptreg.stages.report.lines import line_of
from promptreg.stages.report.text import clean, one_line

__all__ = ["bisection_markdown", "bisection_text", "plan_text"]

_SHOWN = 30
"""Lines of one diff; the JSON report holds all."""
_OUTCOMES = {
    Outcome.REGRESSED: "REGRESSED",
    Outcome.HARMLESS: "no worse",
    Outcome.UNCLEAR: "unclear",
    Outcome.BROKEN: "cannot be tested",
}


def bisection_text(b: Bisection, *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines a terminal shows; all text of others is made harmless."""
    yield headline(b)
    yield from (f"  {reason}" for reason in reasons(b))
    if b.targets:
        yield ""
        yield f"What regressed from {one_line(b.good, 60)} to {one_line(b.bad, 60)}"
        yield from (f"  {target_words(d)}" for d in b.targets)
    elif verbose or b.metric is None:
        yield ""
        yield from (f"  {target_words(d)}: {line_of(d).verdict}" for d in b.ends)
    yield from _culprits(b, None if verbose else _SHOWN)
    if b.tests:
        yield ""
        yield from _tests(b.tests, b, verbose=verbose)
    yield ""
    yield _spent(b)
    yield f"provider {one_line(b.provider, 200)}"
    yield from (f"warning: {one_line(w, 500)}" for w in b.warnings)


def bisection_markdown(b: Bisection) -> str:
    """Return a bisection as Markdown; everything of others stands in fences."""
    title, _, rest = headline(b).partition(" — ")
    body = [f"## promptreg bisect: {title.lower()}", "", *_fenced("text", [rest, *reasons(b)])]
    if b.targets:
        body += ["", "What regressed", "", *_fenced("text", map(target_words, b.targets))]
    culprits = list(_culprits(b, None))
    if culprits:
        body += ["", *_fenced("diff", [line.removeprefix("  ") for line in culprits[1:]])]
    if b.tests:
        body += ["", *_fenced("text", _tests(b.tests, b, verbose=True))]
    body += [
        "",
        *_fenced(
            "text", [_spent(b), one_line(b.provider), *(one_line(w, 500) for w in b.warnings)]
        ),
    ]
    return "\n".join(body) + "\n"


def plan_text(plan: BisectPlan) -> Iterator[str]:
    """Yield the lines a terminal shows of a plan."""
    what = f"{len(plan.states) - 1} commits changed the template"
    if plan.edit is not None and plan.parts is not None:
        n = len(plan.edit.pieces)
        noun = "hunk" if plan.edit.level == "hunk" else "piece"
        what = f"the edit has {numbers.count(n, noun)} (cut by {plan.edit.level})"
        if len(plan.parts.units) < n:
            what += f", of which {len(plan.parts.units)} can be told apart"
    yield f"{one_line(plan.template, 60)}: {what}"
    yield (
        f"at most {numbers.count(plan.tests_at_most, 'test')} between both ends, each accusation "
        f"at {plan.level:.2g}; at most {numbers.count(plan.calls_at_most, 'call')}"
    )
    yield ""
    width = max(len(one_line(t.label, 40)) for t in plan.texts)
    for t in plan.texts:
        label = one_line(t.label, 40).ljust(width)
        if t.problem:
            yield f"  {label}  cannot be tested: {one_line(t.problem, 120)}"
        else:
            yield f"  {label}  {t.trials:,} trials, {t.cached:,} cached, {t.calls:,} calls to make"
    if plan.tests_at_most > len(plan.texts) - 2:
        yield "  ... what comes next depends on what these say"
    yield from (f"note: {one_line(note, 500)}" for note in plan.notes)


def _culprits(b: Bisection, limit: int | None) -> Iterator[str]:
    for piece in accused_pieces(b) if b.targets else ():
        yield ""
        yield f"  {piece_place(b, piece)}{accused_metrics(b, piece)}"
        yield from _cut([f"  {clean(line)}" for line in piece_diff(piece)], limit)
    if b.commits is None:
        return
    for boundary in b.commits.boundaries:
        for i in range(boundary.good + 1, boundary.bad + 1):
            state = b.states[i]
            yield ""
            author = one_line(state.commit.author, 60)
            yield f"  commit {commit_words(state)} ({author})"
            diff = [f"  {clean(line)}" for line in state_diff(b.states[i - 1], state)]
            yield from _cut(diff, limit)


def _cut(lines: Sequence[str], limit: int | None) -> Iterator[str]:
    if limit is None or len(lines) <= limit:
        yield from lines
        return
    yield from lines[:limit]
    yield f"  ... {len(lines) - limit} more lines"


def _tests(tests: Sequence[Tested], b: Bisection, *, verbose: bool) -> Iterator[str]:
    yield f"Tests, each against {one_line(b.good, 60)}"
    labels = [one_line(t.label, 48) for t in tests]
    width = max(map(len, labels))
    for label, t in zip(labels, tests, strict=True):
        shown = f"  {label.ljust(width)}  {_OUTCOMES[t.outcome]:<16}"
        if t.note:
            yield f"{shown}  {one_line(t.note, 400 if verbose else 100)}"
            continue
        for d in t.lines:
            line = line_of(d)
            unit = f" {line.unit}" if line.unit else ""
            yield f"{shown}  {line.metric} {line.change}{unit} {line.interval}"
            shown = " " * len(shown)


def _spent(b: Bisection) -> str:
    s = b.spending
    made = sum(1 for t in b.tests if t.lines and not t.note)
    parts = [
        f"{numbers.count(made, 'test')} of at most {b.most:,}, each accusation at {b.level:.2g}",
        f"{numbers.count(s.planned, 'trial')} ({s.cached:,} cached, {s.called:,} called)",
        numbers.duration(b.duration_s),
    ]
    if s.cost is not None:
        parts.insert(2, f"cost {s.cost:,.4g}")
    return " · ".join(parts)


def _fenced(language: str, lines: object) -> list[str]:
    """Return lines in a fence that nothing in them can close."""
    shown = [str(line) for line in lines]  # type: ignore[attr-defined] # any iterable of texts
    longest = fence = "```"
    while any(longest in line for line in shown):
        longest += "`"
        fence = longest
    return [f"{fence}{language}", *shown, fence]
