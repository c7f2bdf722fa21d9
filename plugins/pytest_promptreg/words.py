"""A check in words: what is wrong, by how much, how sure, and which scenarios show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from promptreg import numbers
from promptreg.pipeline.checks import Checked
from promptreg.policy import OVERALL
from promptreg.stages.report import digest
from promptreg.stages.report.lines import Line, lines_of
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Difference, GateVerdict, ScenarioChange, Verdict

__all__ = ["failure_text", "inconclusive_text"]

_SHOWN = 5
_FIELDS = ("risk_score", "risk_level")
_NUMBERS = ("baseline", "candidate", "change", "interval", "margin")


def failure_text(checked: Checked, comparison: Comparison) -> str:
    """Return why a check failed, as plain text of several lines."""
    return "\n".join(_lines(checked, comparison))


def inconclusive_text(checked: Checked) -> str:
    """Return why a check could not be decided, on one line."""
    return f"promptreg: {one_line(checked.check.id, 160)}: inconclusive: {_reasons(checked)}"


def _lines(checked: Checked, comparison: Comparison) -> Iterator[str]:
    check, gate = checked.check, checked.gate
    head = "inconclusive" if gate.verdict is GateVerdict.INCONCLUSIVE else "FAIL"
    yield f"promptreg: {one_line(check.id, 160)}: {head}: {_reasons(checked)}"
    sides = [one_line(side.label, 60) for side in (comparison.candidate, comparison.baseline)]
    yield f"{sides[0]} against {sides[1]} · {_size(checked.rows)}"
    if check.where and not any(d.gating for d in checked.rows):
        yield "a slice is a hint to 'promptreg gate'; this test takes it as a verdict"
    yield from digest.compared(comparison)
    if comparison.synthetic:
        yield "SYNTHETIC answers from a scripted provider: they say nothing about any model"
    if gate.verdict is GateVerdict.INCONCLUSIVE and not comparison.synthetic:
        yield "too little is known to pass; inconclusive='skip' (mark or option) skips such tests"
    yield ""
    yield from _table(checked, comparison)
    for limit, what, status in digest.limits(comparison):
        if limit in checked.limits:
            yield f"limit: {what}: {status}"
    yield from _scenarios(checked, comparison)


def _reasons(checked: Checked) -> str:
    return "; ".join(one_line(reason, 160) for reason in checked.gate.reasons)


def _size(rows: Sequence[Difference]) -> str:
    if not rows:
        return "nothing was compared here"
    apart = any(d.scenarios_by_side is not None for d in rows)
    return ("unpaired, randomised, " if apart else "") + digest.size(rows)


def _table(checked: Checked, comparison: Comparison) -> Iterator[str]:
    """Yield a line per metric that decides, and under each what else is known of it."""
    rows = sorted(checked.rows, key=_rank)
    shown = [d for d in rows if _tells(d, checked)]
    lines = lines_of(shown)
    if lines:
        level = numbers.level(lines[0].difference.level)
        labels = [one_line(s.label, 12) for s in (comparison.baseline, comparison.candidate)]
        heads = ("metric", *labels, "change", f"{level} interval", "margin", "verdict")
        body = [
            (
                _title(line, not checked.check.where),
                *(getattr(line, n) for n in _NUMBERS),
                line.verdict,
            )
            for line in lines
        ]
        widths = [max(len(row[i]) for row in (heads, *body)) for i in range(len(heads))]
        yield _row(heads, widths)
        for line, row in zip(lines, body, strict=True):
            yield _row(row, widths)
            seen = () if line.seen == "-" else (f"could have seen {line.seen}",)
            if details := (*seen, *line.extras):
                yield f"    {' · '.join(details)}"
    rest = Counter(str(d.verdict).replace("_", " ") for d in rows if d not in shown)
    if rest:
        yield f"other metrics: {', '.join(f'{n} {verdict}' for verdict, n in rest.items())}"


def _rank(d: Difference) -> tuple[bool, bool, bool]:
    return d.verdict is not Verdict.REGRESSED, not d.suspect, not d.gating


def _tells(d: Difference, checked: Checked) -> bool:
    """Return whether a row is worth a reader's time: a change, a suspicion, or what is open."""
    loud = d.verdict in (Verdict.REGRESSED, Verdict.IMPROVED) or d.suspect
    open_point = any(reason.startswith(f"{d.metric} ") for reason in checked.gate.reasons)
    return loud or open_point or d.metric in (OVERALL, checked.check.metric)


def _title(line: Line, several: bool) -> str:
    """Return the metric's name and unit; a check's own slice is said above the table."""
    metric = line.metric if several else one_line(line.difference.metric, 40)
    return f"{metric}, {line.unit}" if line.unit not in ("", metric) else metric


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    last = len(cells) - 1
    shown = [
        cell.ljust(width) if i in (0, last) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(shown).rstrip()


def _scenarios(checked: Checked, comparison: Comparison) -> Iterator[str]:
    worse = checked.worse
    if not worse:
        return
    several = f", {_SHOWN} of {len(worse)}" if len(worse) > _SHOWN else ""
    labels = [one_line(s.label, 20) for s in (comparison.baseline, comparison.candidate)]
    yield ""
    yield f"What became worse ({labels[0]} to {labels[1]}, the worst first{several}):"
    accused = [d.metric for d in checked.rows if d.verdict is Verdict.REGRESSED]
    for change in worse[:_SHOWN]:
        answers = ", ".join(_answers(change))
        scores = ", ".join(_scores(change, accused))
        words = "; ".join(part for part in (answers, scores) if part)
        yield f"  {one_line(change.scenario_id, 80)}: {words}"


def _answers(change: ScenarioChange) -> Iterator[str]:
    before, after = change.baseline, change.candidate
    if after.failure:
        yield f"FAILED {one_line(after.failure, 160)}"
    for name in _FIELDS:
        old, new = before.answer.get(name), after.answer.get(name)
        if new is not None and (old != new or name == _FIELDS[0]):
            yield f"{name} {_value(old)} to {_value(new)}"
    wanted = change.ground_truth.get("risk_range")
    if isinstance(wanted, (list, tuple)) and len(wanted) == 2:
        yield f"range {_value(wanted[0])}-{_value(wanted[1])}"


def _scores(change: ScenarioChange, accused: Sequence[str]) -> Iterator[str]:
    before, after = change.baseline.scores, change.candidate.scores
    for metric in accused:
        if after.get(metric) is not None and before.get(metric) != after.get(metric):
            ends = (_value(side.get(metric)) for side in (before, after))
            yield f"metric {one_line(metric, 40)} {' to '.join(ends)}"
    if change.change is not None:
        yield f"overall {numbers.change(change.change)}"


def _value(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else one_line(str(value), 40)
