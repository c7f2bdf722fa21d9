"""A calibration as tables of finished texts, the same for terminal and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptreg import numbers
from promptreg.pipeline.calibrate.report import CalibrationReport
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Rate

__all__ = ["Section", "headline", "sections", "spent"]


@dataclass(frozen=True, slots=True)
class Section:
    """One table with its title; columns in `right` are right-aligned."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[int]
    remarks: Sequence[str] = ()


def headline(report: CalibrationReport) -> str:
    """Return the rate to quote and what it rests on."""
    sizes = "; ".join(
        (f"{one_line(t.template, 40)}: " if len(report.templates) > 1 else "")
        + numbers.count(t.n_scenarios, "scenario")
        + (f" ({numbers.count(t.n_families, 'family')})" if t.n_families != t.n_scenarios else "")
        for t in report.templates
    )
    label = one_line(report.label, 40)
    made_up = "SYNTHETIC " if report.synthetic else ""
    return (
        f"{made_up}CALIBRATION of {label}: false-alarm rate {_rate(report.again.false_alarm)}, "
        f"{_rate(report.again.passed)} of unchanged gates pass · {sizes}, "
        f"{numbers.count(report.repeats, 'repeat')} per side"
    )


def spent(report: CalibrationReport) -> str:
    """Return what it took."""
    cost = "cost not known" if report.cost is None else f"cost {report.cost:,.4g}"
    return " · ".join(
        (
            f"{numbers.count(report.planned, 'trial')} ({report.cached:,} cached, "
            f"{report.called:,} called)",
            cost,
            f"{report.simulations:,} simulated gates per rate"
            + (f" of up to {report.looks} looks" if report.looks > 1 else "")
            + f", {report.draws:,} flips each",
            numbers.duration(report.duration_s),
        )
    )


def sections(report: CalibrationReport, *, verbose: bool = True) -> Iterator[Section]:
    """Yield the tables.

    Args:
        report: what to show.
        verbose: the noise of every metric, not only of those whose answers differ.
    """
    yield _unchanged(report)
    if report.injected or report.impossible:
        yield _worsened(report)
    yield _noise(report, verbose=verbose)
    if report.spend:
        yield _spend(report)


def _unchanged(report: CalibrationReport) -> Section:
    names = {
        "a metric said to have regressed (false alarm)": "false_alarm",
        "a metric said to have changed, either way": "accused",
        "gate fails": "failed",
        "gate passes": "passed",
        "gate inconclusive": "inconclusive",
    }
    if report.again.limit_missed.count or report.same.limit_missed.count:
        names["the version itself misses a limit"] = "limit_missed"
    rows = [
        [words, _rate(getattr(report.again, name)), _rate(getattr(report.same, name))]
        for words, name in names.items()
    ]
    if report.looks > 1:
        shares = (report.again.asked, report.same.asked)
        rows.append(["calls it takes, in the mean", *(f"{share:.0%}" for share in shares)])
    accused = [
        f"{one_line(name, 80)} {_rate(rate)}"
        for name, rate in sorted(report.again.by_metric.items(), key=lambda kv: -kv[1].count)[:5]
    ]
    remarks = [f"falsely accused: {', '.join(accused)}"] if accused else []
    remarks.append(
        f"as asked, first half against second: {report.as_asked.verdict.upper()}: "
        + "; ".join(one_line(reason, 160) for reason in report.as_asked.reasons[:2])
    )
    heads = ["nothing changed (A/A)", "scenarios like these", "these scenarios"]
    return Section("Nothing changed", heads, rows, frozenset({1, 2}), remarks)


def _worsened(report: CalibrationReport) -> Section:
    several = len(report.templates) > 1
    rows = []
    for found in report.injected:
        i, r = found.injection, found.rates
        rows.append(
            [
                _line(i.template, i.metric, i.where, several=several),
                f"{i.times_margin:g}",
                *(_percent(x) for x in (r.failed, r.passed, r.inconclusive, r.acquitted)),
                *([f"{r.asked:.0%}"] if report.looks > 1 else []),
            ]
        )
    remarks = [
        f"not worsened: {_line(i.template, i.metric, i.where, several=several)} by "
        f"{i.times_margin:g} margins: {one_line(i.reason, 200)}"
        for i in report.impossible
    ]
    remarks.append(
        "by: in margins; the rest in % of gates; acquitted: the metric itself is said to be no "
        f"worse, which {report.alpha / 2:.1%} bounds"
    )
    heads = ["worsened", "by", "fails", "passes", "inconclusive", "acquitted"]
    heads += ["calls"] if report.looks > 1 else []
    right = frozenset(range(1, len(heads)))
    return Section("One metric worse by a known amount", heads, rows, right, remarks)


def _noise(report: CalibrationReport, *, verbose: bool) -> Section:
    several = len(report.templates) > 1
    rows = [
        [
            _line(n.template, n.metric, {}, several=several),
            str(n.scenarios),
            "flips" if n.binary else "differs",
            f"{n.differing:.1%}",
            numbers.amount(n.sd, n.unit, share=n.binary),
        ]
        for n in report.noise
        if verbose or n.differing
    ]
    remarks = [
        (f"{one_line(t.template, 40)}: " if several else "")
        + f"{t.differing:,} of {numbers.count(t.scenarios, 'scenario')} were not answered with the "
        "same text every time"
        for t in report.texts
    ]
    heads = ["same prompt, asked again", "n", "", "scenarios", "SD within a scenario"]
    return Section("Noise of the model", heads, rows, frozenset({1, 3, 4}), remarks)


def _spend(report: CalibrationReport) -> Section:
    several = len(report.templates) > 1
    rows = []
    for s in report.spend:
        total = s.between + s.within
        rows.append(
            [
                _line(s.template, s.metric, {}, several=several),
                f"{s.within / total:.0%}" if total > 0 else "-",
                numbers.margin(s.now, s.unit, share=s.binary),
                numbers.margin(s.with_scenarios, s.unit, share=s.binary),
                numbers.margin(s.with_repeats, s.unit, share=s.binary),
                s.buy if total > 0 else "-",
                "-" if s.break_even is None else f"{s.break_even:.2g}",
            ]
        )
    first = report.spend[0]
    heads = [
        "could see",
        "noise",
        "now",
        f"+{first.new_scenarios} scenarios",
        f"+{first.more_repeats:.2g} repeats",
        "buy",
        "else from",
    ]
    remarks = [
        "noise: share of the variance that lies within scenarios; else from: repeats pay where "
        "making a scenario costs at least so many calls",
    ]
    return Section(
        "What the next 100 calls per version would make visible (80 % power)",
        heads,
        rows,
        frozenset({1, 2, 3, 4, 6}),
        remarks,
    )


def _line(template: str, metric: str, where: Mapping[str, str], *, several: bool) -> str:
    part = ", ".join(f"{one_line(k, 30)}={one_line(v, 40)}" for k, v in where.items())
    name = one_line(metric, 40) + (f" ({part})" if part else "")
    return f"{one_line(template, 40)}: {name}" if several else name


def _percent(rate: Rate) -> str:
    low, high = rate.interval
    return f"{100 * rate.share:.0f} [{100 * low:.0f}, {100 * high:.0f}]"


def _rate(rate: Rate) -> str:
    return numbers.rate(rate.share, *rate.interval)
