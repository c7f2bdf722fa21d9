"""A bisection in words: the answer in a line, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import unified_diff

from promptreg import numbers
from promptreg.pipeline.bisect.result import Bisection
from promptreg.pipeline.bisect.tester import accused
from promptreg.stages.bisect import CommitFinding, Finding, Kind, Outcome, Piece
from promptreg.stages.load import State
from promptreg.stages.report.lines import line_of
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Difference

__all__ = [
    "accused_metrics",
    "accused_pieces",
    "commit_words",
    "headline",
    "piece_diff",
    "piece_place",
    "reasons",
    "state_diff",
    "target_words",
    "unit_words",
]


def headline(b: Bisection) -> str:
    """Return the answer in one line."""
    if not b.targets:
        return f"NO REGRESSION — {_nothing(b)}"
    if b.commits is not None:
        return _commit_headline(b, b.commits)
    assert b.finding is not None  # noqa: S101 - one of both is there if there are targets
    return _edit_headline(b, b.finding)


def _nothing(b: Bisection) -> str:
    good, bad = one_line(b.good, 60), one_line(b.bad, 60)
    if b.metric is None:
        return f"no gating metric is shown to be worse in {bad} than in {good}"
    lines = [d for d in b.ends if d.metric == b.metric and d.slice == b.where]
    said = f"; verdict: {line_of(lines[0]).verdict}" if lines else ": it applies to no scenario"
    name = line_of(lines[0]).metric if lines else one_line(b.metric, 40)
    return f"{name} is not shown to be worse in {bad} than in {good}{said}"


def _edit_headline(b: Bisection, f: Finding) -> str:
    bad = one_line(b.bad, 60)
    sets = [unit_words(b, units) for units in f.culprits]
    total = len(b.parts.units) if b.parts else 0
    every = unit_words(b, frozenset().union(*f.culprits))
    single = all(len(units) == 1 for units in f.culprits)
    several = every if single else _and(sets)
    if f.kind is Kind.SINGLE and total == 1:
        return f"CULPRIT — {sets[0]}: the edit is one piece"
    if f.kind is Kind.SINGLE:
        return (
            f"CULPRIT — {sets[0]} of {len(b.edit.pieces) if b.edit else 0}: alone it regresses, "
            f"and {bad} without it is no worse"
        )
    if f.kind is Kind.SEVERAL:
        rest = f"and {bad} without them is no worse"
        if len(frozenset().union(*f.culprits)) == total:
            rest = "and they are the whole edit"
        return f"CULPRITS — {several}: each regresses by itself, {rest}"
    if f.kind is Kind.COMBINATION:
        return (
            f"COMBINATION — {sets[0]} together, none of them alone; {bad} without them is no worse"
        )
    if f.kind is Kind.UNPROVEN:
        alone, them = ("regresses by itself", "it") if len(sets) == 1 else ("regress", "them")
        return (
            f"NOT SINGLED OUT — {several} {alone}, but {bad} without {them} is not shown to be "
            "no worse"
        )
    among = "" if len(f.among) in (0, total) else f"; it lies among {unit_words(b, f.among)}"
    return f"NOT SINGLED OUT — the evidence does not say which {_noun(b)} it is{among}"


def _commit_headline(b: Bisection, f: CommitFinding) -> str:
    last = f.boundaries[-1]
    if f.named and len(f.boundaries) == 1:
        return f"CULPRIT — commit {commit_words(b.states[last.bad])}"
    if f.named:
        times = ", ".join(b.states[x.bad].commit.hash[:10] for x in f.boundaries)
        return (
            f"CULPRIT — commit {commit_words(b.states[last.bad])}; it regressed and was mended "
            f"before (first bad commits: {times})"
        )
    n = last.bad - last.good
    return (
        f"NOT SINGLED OUT — one of {numbers.count(n, 'commit')} after "
        f"{b.states[last.good].commit.hash[:10]}, up to {b.states[last.bad].commit.hash[:10]}"
    )


def reasons(b: Bisection) -> Iterator[str]:
    """Yield what else is to be said: what is mended, what was cut short, what would help."""
    f = b.finding
    if f is not None and f.mended:
        yield (
            f"{unit_words(b, f.mended)} would regress alone as well; the rest of the edit mends it"
        )
    if f is not None and f.kind is Kind.UNPROVEN and f.rest is Outcome.REGRESSED:
        yield f"the rest of the edit, {unit_words(b, f.among)}, regresses too"
    if (f is not None and f.exhausted) or (b.commits is not None and b.commits.exhausted):
        yield (
            f"the {numbers.count(b.most, 'test')} planned for are used up; --max-tests allows more "
            "(and makes each accusation stricter)"
        )
    broken = sum(t.outcome is Outcome.BROKEN for t in b.tests)
    if broken and not b.named:
        yield f"{numbers.count(broken, 'text')} between both ends could not be tested"
    needed = b.scenarios_needed
    if needed and not b.named:
        yield (
            f"about {needed:,} more scenarios would show no worse what is no worse; more --repeats "
            "help where answers vary from one asking to the next"
        )
    if f is not None and b.named and b.edit is not None and b.edit.level != "word":
        big = any(p.old.count("\n") + p.new.count("\n") > 2 for p in accused_pieces(b))
        if big:
            yield "--split cuts finer (paragraph, line, sentence, word)"
    if b.commits is not None and b.commits.named:
        last = b.commits.boundaries[-1]
        good, bad = (b.states[i].commit.hash[:10] for i in (last.good, last.bad))
        yield (
            f"'promptreg bisect {b.template}@git:{good} {b.template}@git:{bad} --hunks' looks into "
            "that commit"
        )


def accused_metrics(b: Bisection, piece: Piece) -> str:
    """Return which metrics a piece was accused on: `: in_range, overall`; empty if all."""
    if b.finding is None or b.parts is None:
        return ""
    for units, proof in zip(b.finding.culprits, b.proofs, strict=False):
        if proof is not None and piece.number in b.parts.pieces(units):
            names = [line_of(d).metric for d in proof.lines if accused(d, b.level)]
            return f": {', '.join(names)}" if len(names) < len(b.targets) else ""
    return ""


def target_words(d: Difference) -> str:
    """Return what regressed: `risk_level -26.5pp [-38.1, -15.2], 84.8% to 58.3%`."""
    line = line_of(d)
    unit = f" {line.unit}" if line.unit else ""
    return f"{line.metric} {line.change}{unit} {line.interval}, {line.baseline} to {line.candidate}"


def unit_words(b: Bisection, units: Iterable[int]) -> str:
    """Return units as people call them: `hunk 2`, `hunks 2 and 3`, `hunks 1+5`."""
    if b.parts is None:
        return ""
    named = ["+".join(map(str, sorted(b.parts.units[u]))) for u in sorted(units)]
    many = len(named) > 1 or any("+" in name for name in named)
    return f"{_noun(b)}{'s' if many else ''} {_and(named)}"


def accused_pieces(b: Bisection) -> tuple[Piece, ...]:
    """Return the pieces of all culprits, or those among which one lies."""
    if b.finding is None or b.parts is None or b.edit is None:
        return ()
    units = frozenset().union(*b.finding.culprits) or b.finding.among
    chosen = b.parts.pieces(units)
    return tuple(p for p in b.edit.pieces if p.number in chosen)


def piece_place(b: Bisection, piece: Piece) -> str:
    """Return a piece's number and where it is: `hunk 2, line 14`."""
    line = piece.new_line if piece.new else piece.old_line
    side = "" if piece.new else f" of {one_line(b.good, 40)}"
    return f"{_noun(b)} {piece.number}, line {line}{side}"


def piece_diff(piece: Piece) -> list[str]:
    """Return a piece as lines of a diff, without context."""
    old = [f"-{line}" for line in _whole_lines(piece.old)]
    return old + [f"+{line}" for line in _whole_lines(piece.new)]


def state_diff(before: State, after: State) -> list[str]:
    """Return what a commit did to the template, as lines of a diff with one line of context."""
    old, new = (s.template.text.split("\n") if s.template else [] for s in (before, after))
    return list(unified_diff(old, new, lineterm="", n=1))[2:]


def commit_words(state: State) -> str:
    """Return a commit in a line: hash, date, subject."""
    c = state.commit
    return f"{c.hash[:10]} {one_line(c.date, 25)} {one_line(c.subject, 72)}".strip()


def _noun(b: Bisection) -> str:
    return "hunk" if b.edit is not None and b.edit.level == "hunk" else "piece"


def _and(words: list[str]) -> str:
    if not words:
        return ""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _whole_lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []
