"""The decision in words: one sentence, why, and what moved which way."""

from __future__ import annotations

from dataclasses import dataclass

from promptreg import numbers
from promptreg.stages.report.lines import drop, limit_words, line_of, name_of
from promptreg.stages.report.slices import lost
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Difference, GateVerdict, Limit, Verdict

__all__ = ["Shifts", "because", "sentence", "shifts", "templates"]

_MERGE = ("Do not merge", "Can be merged")


def sentence(comparison: Comparison) -> str:
    """Return the verdict as a sentence for somebody who does not know the tool.

    `Do not merge: v2 is worse than v1 on risk_level, and misses its limit on in_range.`
    """
    c = comparison
    candidate, baseline = (
        "the work tree" if side.label == "work tree" else one_line(side.label, 60)
        for side in (c.candidate, c.baseline)
    )
    # Templates are merged; a provider is switched to.
    no, yes = ("Do not switch", "Can be switched to") if c.subject else _MERGE
    if c.design is not None and not c.design.balanced:
        return f"Not decided: the draw is broken, so nothing here tells what {candidate} did."
    if c.gate.verdict is GateVerdict.FAIL:
        said = []
        worse = [(d.template, name_of(d.metric, d.slice)) for d in _accused(c)]
        missed = [(x.template, name_of(x.metric, x.slice)) for x in _missed(c)]
        if worse:
            said.append(f"is worse than {baseline} on {_named(worse, c)}")
        if missed:
            said.append(f"misses its limit on {_named(missed, c)}")
        return f"{no}: {candidate} {', and '.join(said) or 'does not pass'}."
    if c.gate.verdict is GateVerdict.PASS:
        if not c.differences:  # nothing was compared, and nothing may be claimed
            return f"{candidate} passes; nothing had to be compared."
        shown = f"{candidate} is shown to be no worse than {baseline} by more than the margin"
        if but := lost(c):
            return f"Passes, but look before you go on: {shown} on the whole, and is {but}."
        return f"{yes}: {shown}."
    open_criteria = any(x.status in ("missing", "not_measured") for x in c.criteria)
    unshown = any(x.status != "met" and x.must == "shown" for x in c.limits)
    small = any(d.gating and d.insufficient for d in c.differences)
    if c.synthetic:
        return "Nothing is decided: the answers are scripted, which never passes a gate."
    if open_criteria or unshown or small:
        return f"Not decided: not all that the policy asks {candidate} for is shown."
    but = lost(c)
    return f"Not decided: the data do not tell whether {candidate} is worse than {baseline}" + (
        f" on the whole; it is {but}." if but else "."
    )


def _accused(c: Comparison) -> list[Difference]:
    """Return what regressed; a guard says nothing new where the whole metric did."""
    found = [d for d in c.differences if d.gating and d.verdict is Verdict.REGRESSED]
    whole = {(d.template, d.metric) for d in found if d.slice is None}
    return [d for d in found if d.slice is None or (d.template, d.metric) not in whole]


def _missed(c: Comparison) -> list[Limit]:
    return [limit for limit in c.limits if limit.status == "not_met"]


def templates(comparison: Comparison) -> list[str]:
    """Return the templates that anything is said about, those without a baseline included."""
    named = [d.template for d in comparison.differences] + [x.template for x in comparison.limits]
    return list(dict.fromkeys(named))


def because(comparison: Comparison, most: int = 8) -> list[str]:
    """Return why a gate fails, with the numbers; for other verdicts the gate's own reasons."""
    c = comparison
    several = len(templates(c)) > 1
    if c.gate.verdict is not GateVerdict.FAIL:
        return _some([one_line(reason, 300) for reason in c.gate.reasons], most)
    wholes = {(d.template, d.metric): d for d in c.differences if d.slice is None}
    shares = {d.metric for d in c.differences if d.kind == "binary"}
    said = []
    for d in sorted(_accused(c), key=lambda d: (d.ratio is not None, -drop(d))):
        line = line_of(d)
        of = f"{one_line(d.template, 40)}: " if several else ""
        unit = f" {line.unit}" if line.unit not in ("", line.metric) else ""
        broke = next((f": {x}" for x in line.extras if " broke, " in x), "")
        went = f"from {line.baseline} to {line.candidate}{unit}"
        if line.by_people:
            told = f"changed by {line.change}{unit} by labels of people (the judge alone: {went})"
        else:
            told = f"went {went}{broke}"
        said.append(f"{of}{line.metric} {told}")
    for limit in _missed(c):
        whole = wholes.get((limit.template, limit.metric))
        of = f"{one_line(limit.template, 40)}: " if several else ""
        what, status = limit_words(limit, share=limit.metric in shares)
        value = status.partition("(")[2].partition(",")[0].rstrip(")")
        was = ""
        if whole is not None and limit.slice is None and limit.within is None and not limit.of_gaps:
            was = f"; {one_line(c.baseline.label, 24)} has {line_of(whole).baseline}"
        said.append(f"{of}{what} is asked, {value} was measured{was}")
    # What the gate says besides: a template that is new, a criterion that nothing measures.
    known = ("regressed", "is shown to miss its limit")
    said += [one_line(r, 300) for r in c.gate.reasons if not any(words in r for words in known)]
    return _some(said or [one_line(reason, 300) for reason in c.gate.reasons], most)


def _some(said: list[str], most: int) -> list[str]:
    return [*said[:most], f"and {len(said) - most} more"] if len(said) > most else said


def _named(found: list[tuple[str, str]], c: Comparison) -> str:
    """Return metrics in words, with their templates where the comparison has several."""
    several = len(templates(c)) > 1
    where: dict[str, dict[str, None]] = {}
    for template, metric in found:
        where.setdefault(metric, {})[one_line(template, 30)] = None
    words = []
    for metric, owners in list(where.items())[:3]:
        names = list(owners)
        if several and len(names) > 3:
            metric = f"{metric} ({numbers.count(len(names), 'template')})"
        elif several:
            metric = f"{metric} ({', '.join(names)})"
        words.append(metric)
    if len(where) > 3:
        words.append(numbers.count(len(where) - 3, "more metric"))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


@dataclass(frozen=True, slots=True)
class Shifts:
    """What gates, by what became of it; each list has the most telling first.

    Attributes:
        worse, better: accused of a regression; shown to be better.
        held: shown no worse, or equivalent.
        undecided: the data do not tell; what leans to worse comes first.
        price: ratios (latency, tokens, cost), whatever their verdict.
    """

    worse: list[Difference]
    better: list[Difference]
    held: list[Difference]
    undecided: list[Difference]
    price: list[Difference]


def shifts(comparison: Comparison) -> Shifts:
    """Return the gating metrics and guards sorted by what became of them."""
    found = Shifts([], [], [], [], [])
    places = {
        Verdict.REGRESSED: found.worse,
        Verdict.IMPROVED: found.better,
        Verdict.INCONCLUSIVE: found.undecided,
    }
    for d in comparison.differences:
        if d.ratio is not None and d.slice is None:
            found.price.append(d)
        elif d.gating:
            places.get(d.verdict, found.held).append(d)
    found.worse.sort(key=lambda d: -drop(d))
    found.better.sort(key=drop)
    found.undecided.sort(key=lambda d: (not d.suspect, -drop(d)))
    return found
