"""A metric over time: a picture for a file, and a page that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from promptreg import numbers
from promptreg.stages.report.pages import document, style
from promptreg.stages.report.plots.alone import alone
from promptreg.stages.report.plots.trend import Dot, control_chart, marks_of, trend_chart
from promptreg.stages.report.text import one_line

__all__ = ["Dot", "Plot", "chart_page", "chart_svg"]

_SHEET = (
    ".plot { max-width: 620px; } figure { margin-bottom: var(--s5); } "
    ".whole { white-space: nowrap; } .drifted > * { background: var(--bad-soft); } "
    ".drifted td:last-child { color: var(--bad); font-weight: 600; } "
    ".note { color: var(--muted); font-size: var(--t-s); } h1 .badge { margin-right: .5rem; } "
    "@media (max-width: 640px) { td, th { font-size: var(--t-s); } }\n"
)


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: dots in the order of time, and how to read them.

    Attributes:
        title: template and metric.
        unit: of the values; `share` for shares.
        dots: the runs, the oldest first.
        foot: how to read it.
        direction: `higher_is_better`, `lower_is_better`, or empty where it is not known.
        alpha: false alarms per look, at most; None where nothing was watched.
    """

    title: str
    unit: str
    dots: tuple[Dot, ...]
    foot: str = ""
    direction: str = ""
    alpha: float | None = None

    @property
    def share(self) -> bool:
        """Whether values are shares."""
        return self.unit == "share"

    @property
    def looks(self) -> int:
        """How many runs were held against earlier ones."""
        return sum(d.p_value is not None for d in self.dots)

    @property
    def alarms(self) -> int:
        """How many of them raised an alarm."""
        return sum(d.alarm for d in self.dots)


def chart_svg(plot: Plot) -> str:
    """Return the metric over time as an SVG document; pointing at a mark says what it is."""
    return alone(_drawn(plot, "trend", headed=True), 760) + "\n"


def chart_page(plots: Sequence[Plot]) -> str:
    """Return a page with each metric over time, its control chart and its numbers."""
    parts = [_head(plots)]
    parts += [_section(plot, i) for i, plot in enumerate(plots)]
    parts.append(_END)
    title = one_line(plots[0].title, 80) if len(plots) == 1 else "Trend"
    return document(f"{title}: trend", Markup("\n").join(parts), style=style() + _SHEET)


_END = Markup(
    "</main>\n<footer><p>A vertical line through a mark is its 95 % interval: what other scenarios "
    "like these might have given. Each run is tested against the earlier runs of the same text "
    "on the same scenarios; after an alarm a new level begins.</p></footer>"
)


def _head(plots: Sequence[Plot]) -> Markup:
    looks, alarms = sum(p.looks for p in plots), sum(p.alarms for p in plots)
    if alarms:
        tone, word = "bad", "drift"
        said = f"{alarms} of {numbers.count(looks, 'look')} at unchanged versions raised an alarm."
    elif looks:
        tone, word = "good", "steady"
        said = f"No unchanged version drifted in {numbers.count(looks, 'look')}."
    else:
        tone, word = "unsure", "not watched"
        said = "No version was run twice: there is nothing to watch for drift yet."
    runs = numbers.count(sum(len(p.dots) for p in plots), "run")
    days = sorted(d.at[:10] for p in plots for d in p.dots if d.at)
    when = f" · {one_line(days[0], 10)} to {one_line(days[-1], 10)}" if days else ""
    return Markup(
        '<header><p class="kicker">{}{}</p>\n<h1><span class="badge {}">{}</span> {}</h1>'
        "</header>\n<main>"
    ).format(runs, when, tone, word.upper(), said)


def _section(plot: Plot, i: int) -> Markup:
    control = Markup("")
    if plot.alpha is not None and plot.looks:
        control = Markup(
            "<figure><figcaption>Is an unchanged version still what it was?"
            '<span class="quiet">{}</span></figcaption>{}</figure>'
        ).format(
            f"An alarm is false in at most {plot.alpha:.2%} of the runs "
            f"(one in {round(1 / plot.alpha):,}).",
            control_chart(plot.dots, plot.alpha, f"control{i}"),
        )
    better = {"higher_is_better": "Higher is better.", "lower_is_better": "Lower is better."}
    return Markup(
        '<section aria-labelledby="of{0}"><h2 id="of{0}">{1}</h2>\n'
        '<figure><figcaption>Every run with its 95 % interval<span class="quiet">{2}</span>'
        "</figcaption>{3}</figure>\n{4}\n{5}\n{6}</section>"
    ).format(
        i,
        one_line(plot.title, 120),
        better.get(plot.direction, ""),
        _drawn(plot, f"trend{i}"),
        control,
        _table(plot),
        Markup('<p class="note">{}</p>').format(one_line(plot.foot, 400)) if plot.foot else "",
    )


def _drawn(plot: Plot, key: str, *, headed: bool = False) -> Markup:
    unit = "" if plot.share else plot.unit
    title = one_line(plot.title, 120)
    return trend_chart(plot.dots, title, unit, key, share=plot.share, headed=headed)


def _table(plot: Plot) -> Markup:
    def words(value: float | None) -> str:
        return numbers.amount(value, share=plot.share)

    signs = marks_of(plot.dots)
    rows = []
    for d in plot.dots:
        interval = "-" if d.low is None or d.high is None else f"{words(d.low)} to {words(d.high)}"
        rows.append(
            Markup(
                '<tr{}><th scope="row"><span class="whole">{}</span> {}</th>'
                '<td>{} {} <span class="unit whole">{}</span></td>'
                '<td class="num strong">{}</td><td class="num wide">{}</td><td>{}</td></tr>\n'
            ).format(
                Markup(' class="drifted"') if d.alarm else "",
                one_line(d.at[:10], 20),
                one_line(d.at[11:16], 20),
                Markup('<span aria-hidden="true">{}</span>').format(signs[d.version]),
                one_line(d.label, 40),
                one_line(d.version, 12),
                words(d.value),
                interval,
                one_line(d.note, 300),
            )
        )
    return Markup(
        '<table class="rows"><caption class="unseen">{} by run</caption>\n<thead><tr>'
        '<th scope="col">Finished</th><th scope="col">Version</th><th scope="col" class="num">'
        'Value</th><th scope="col" class="num wide">95% interval</th><th scope="col">Drift</th>'
        "</tr></thead>\n<tbody>{}</tbody></table>"
    ).format(one_line(plot.title, 120), Markup("").join(rows))
