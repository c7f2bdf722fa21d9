"""`promptreg history trend METRIC`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o
from promptreg.cli.history import asking as a
from promptreg.clock import to_minute
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.pipeline.history.trend import Chart, Point

__all__ = ["trend"]


def trend(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="Such as overall or in_range.")],
    config: o.Config = None,
    template: a.TemplateName = "",
    where: Annotated[
        str, typer.Option("--where", metavar="K=V", help="On the scenarios of this slice.")
    ] = "",
    since: a.Since = None,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, help="At most so many runs, the newest.")
    ] = 100,
    every: Annotated[bool, typer.Option("--all", help="Partial and scripted runs, too.")] = False,
    alpha: Annotated[
        float,
        typer.Option("--alpha", min=0.0005, max=0.2, help="False alarms per new run, at most."),
    ] = 0.005,
    output: Annotated[
        list[str] | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write a plot: .svg or .html."),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if the newest run raises an alarm.")
    ] = False,
    no_sync: a.NoSync = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Follow a metric over versions and dates, and watch unchanged versions for drift.

    Each run of the same text on the same scenarios is tested against the earlier ones together;
    an alarm is wrong in at most ALPHA of the runs. After an alarm a new level begins.
    """
    from promptreg.cli.show import print_json
    from promptreg.past import Wanted
    from promptreg.pipeline.history.trend import trend as follow
    from promptreg.stages.report.chart import chart_page, chart_svg
    from promptreg.stages.report.write import write_whole

    places = [Path(path) for path in output or []]
    for path in places:
        if path.suffix.lower() not in (".svg", ".html"):
            raise UsageError(f"-o {path}: a plot is .svg or .html")
    slice_ = _slice(where)
    o.read_env_file(env_file)
    project, history = a.open_history(config, no_sync=no_sync)
    wanted = Wanted(project.suite.suite, template, "", a.moment(since), limit)
    charts = follow(project, history, metric, wanted, where=slice_, every=every, alpha=alpha)
    drawn = [_drawn(chart) for chart in charts]
    for path in places:
        if path.suffix.lower() == ".svg" and len(drawn) > 1:
            raise UsageError(
                f"-o {path}: an SVG holds one template, there are {len(drawn)}; give --template, "
                "or write .html"
            )
        text = chart_svg(drawn[0]) if path.suffix.lower() == ".svg" else chart_page(drawn)
        write_whole(path, text.encode("utf-8"))
    if as_json:
        print_json([_as_json(chart) for chart in charts])
    else:
        for chart in charts:
            _show(chart)
        for path in places:
            print(f"wrote {path}")
    newest = [chart.points[-1].look for chart in charts]
    return int(exit_code and any(look is not None and look.alarm for look in newest))


def _slice(where: str) -> tuple[str, str] | None:
    if not where:
        return None
    name, sign, value = where.partition("=")
    if not sign or not name:
        raise UsageError(f"--where {where!r}: must be ATTRIBUTE=VALUE")
    return name, value


def _drawn(chart: Chart) -> Any:
    from promptreg.stages.report.chart import Dot, Plot

    slice_ = f" ({chart.where[0]}={chart.where[1]})" if chart.where else ""
    return Plot(
        title=f"{chart.template}: {chart.metric}{slice_}",
        unit="share" if chart.binary else chart.unit,
        dots=tuple(
            Dot(
                at=p.run.created_at,
                label=p.run.label,
                version=p.run.template_sha256[:8],
                value=p.measure.value,
                low=p.measure.low,
                high=p.measure.high,
                alarm=p.look is not None and p.look.alarm,
                note=_note(p, share=chart.binary),
                p_value=None if p.look is None else p.look.p_value,
            )
            for p in chart.points
        ),
        foot=_small(chart),
        direction=chart.direction,
        alpha=chart.alpha,
    )


def _small(chart: Chart) -> str:
    """Return what to know of runs that could not have raised an alarm; empty for none."""
    blind = sum(
        p.look is not None and p.look.p_value is not None and not p.look.possible
        for p in chart.points
    )
    return (
        f"{blind} of the looks had too few scenarios that differ to raise an alarm."
        if blind
        else ""
    )


def _note(point: Point, *, share: bool) -> str:
    from promptreg.numbers import change

    words = []
    look = point.look
    if point.problem:
        words.append(f"not watched: {point.problem}")
    elif look is not None and look.p_value is not None:
        moved = change(look.difference, share=share)
        p = f"p {look.p_value:.4f}" if look.p_value >= 0.0005 else "p <.0005"
        against = f"against {look.earlier} earlier"
        if look.alarm:
            words.append(f"DRIFT {moved} {against}, {p}")
        else:
            words.append(f"{moved} {against}, {p}")
            if not look.possible:
                words.append("too few scenarios differ for an alarm")
    if point.changed:
        words.append(f"differs in {', '.join(point.changed)}")
    return "; ".join(words)


def _show(chart: Chart) -> None:
    from promptreg.cli.show import print_table
    from promptreg.numbers import amount, between, titled
    from promptreg.stages.report.text import clean

    slice_ = f", {chart.where[0]}={chart.where[1]}" if chart.where else ""
    print(clean(f"{chart.template}: {chart.metric}{slice_}"))
    unit = "" if chart.binary else chart.unit
    rows = []
    for p in chart.points:
        m = p.measure
        rows.append(
            [
                to_minute(p.run.created_at),
                p.run.label,
                p.run.template_sha256[:8],
                p.run.origin.commit[:8] or "-",
                amount(m.value, share=chart.binary),
                between(m.low, m.high, share=chart.binary),
                str(m.n),
                _note(p, share=chart.binary),
            ]
        )
    heads = ["finished", "version", "text", "commit"]
    heads += [titled(chart.metric, unit), "95% interval", "n", "drift"]
    print_table(heads, rows, {4, 5, 6})
    alarms = sum(p.look is not None and p.look.alarm for p in chart.points)
    looks = sum(p.look is not None and p.look.p_value is not None for p in chart.points)
    print(
        f"{alarms} of {looks} looks at unchanged versions raised an alarm (each is false with a "
        f"probability of at most {chart.alpha:.2%})"
        if looks
        else "no version was run twice: there is nothing to watch for drift yet"
    )


def _as_json(chart: Chart) -> dict[str, Any]:
    return {
        "template": chart.template,
        "metric": chart.metric,
        "slice": None
        if chart.where is None
        else {"attribute": chart.where[0], "value": chart.where[1]},
        "unit": chart.unit,
        "direction": chart.direction,
        "alpha": chart.alpha,
        "points": [
            {
                "run_id": p.run.id,
                "created_at": p.run.created_at,
                "label": p.run.label,
                "template_hash": p.run.template_sha256,
                "commit": p.run.origin.commit,
                "value": p.measure.value,
                "interval": None if p.measure.low is None else [p.measure.low, p.measure.high],
                "n_scenarios": p.measure.n,
                "changed": list(p.changed),
                "drift": None
                if p.look is None or p.look.p_value is None
                else {
                    "earlier": p.look.earlier,
                    "difference": p.look.difference,
                    "p_value": p.look.p_value,
                    "alarm": p.look.alarm,
                    "possible": p.look.possible,
                    "scenarios": p.look.scenarios,
                },
                "problem": p.problem or None,
            }
            for p in chart.points
        ],
    }
