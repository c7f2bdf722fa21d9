"""`promptreg judge agreement`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o

if TYPE_CHECKING:
    from promptreg.pipeline.judging import DimensionReport, JudgeReport
    from promptreg.stats.agreement import Agreement, Bias

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look into what judges say.")


@app.callback()
def _judge() -> None:
    """Keep `agreement` a sub-command although it is the only one."""


@app.command()
def agreement(
    refs: Annotated[
        list[str],
        typer.Argument(metavar="REF [REF]", help="A run or version, or baseline and candidate."),
    ],
    labels: Annotated[
        Path,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="What people say: .csv, .jsonl, .json or .parquet with the columns scenario_id, "
            "version, dimension, label, and optional rater, repeat, template.",
        ),
    ],
    config: o.Config = None,
    template: o.TemplateNames = None,
    alpha: o.Alpha = None,
    budget: o.Budget = None,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Compare a judge's grades with human labels, and take its bias out of a difference.

    Labels must be of a random part of the scenarios; from 40 on, the difference between two
    versions is corrected by them (prediction-powered inference).
    """
    from promptreg.cli.show import complain, print_json
    from promptreg.pipeline.judging.command import agreement_of
    from promptreg.pipeline.project import open_project

    o.read_env_file(env_file)
    options = o.make_options(template=template, alpha=alpha, budget=budget)
    project = open_project(config)
    reports = agreement_of(project, refs, labels, options)
    if as_json:
        print_json([_as_json(report) for report in reports])
    else:
        for report in reports:
            _show(report)
    complain(project.plugins)
    return 0


def _show(report: JudgeReport) -> None:
    from promptreg import numbers
    from promptreg.cli.show import print_table
    from promptreg.stages.report.text import clean

    runs = ", ".join(f"{r.facts.label} (run:{r.id})" for r in report.runs)
    left = f" · {report.left_out:,} of other versions left out" if report.left_out else ""
    print(clean(f"{report.runs[0].facts.template}: {runs}"))
    print(f"{numbers.count(report.labels, 'human label')}{left}")
    names = [f"bias in {r.facts.label}" for r in report.runs]
    heads = ["dimension", "answers", "kappa", "alpha", "people", "judge itself", *names]
    rows = [
        [
            d.metric,
            f"{d.kappa.units:,}",
            _coefficient(d.kappa),
            _coefficient(d.alpha),
            _coefficient(d.people),
            _coefficient(d.itself),
            *(_signed(bias) for bias in d.bias),
        ]
        for d in report.dimensions
    ]
    print_table(heads, rows, set(range(1, len(heads))))
    print(
        "kappa: judge and mean of people, quadratic weights; alpha: Krippendorff's, ordinal "
        "(below .667: flagged by !); bias: judge minus people. Intervals are over families."
    )
    if len(report.runs) == 2:
        _show_differences(report)


def _show_differences(report: JudgeReport) -> None:
    from promptreg.cli.show import print_table
    from promptreg.stages.report.text import clean

    rows, notes = [], []
    for d in report.dimensions:
        c = d.corrected
        alone = _interval(*c.labels_alone) if c else "-"
        corrected = _interval(c.value, c.low, c.high) if c else "-"
        weight = f"{c.weight:.2f}" if c else "-"
        rows.append([d.metric, _signed(d.difference), corrected, alone, weight, _verdict(d)])
        if d.note:
            notes.append(f"{d.metric}: {d.note}")
    baseline, candidate = (r.facts.label for r in report.runs)
    print(clean(f"\nDifference {candidate} - {baseline}"))
    heads = ["dimension", "judge alone", "corrected", "labels alone", "weight", "corrected says"]
    print_table(heads, rows, {1, 2, 3, 4})
    print(
        "corrected: prediction-powered (PPI++); right if the labelled scenarios were drawn at "
        "random. Each line for itself: nothing is corrected for looking at several."
    )
    for note in notes:
        print(clean(f"note: {note}"))


def _verdict(d: DimensionReport) -> str:
    if d.corrected is None:
        return "-"
    low, high = d.corrected.low, d.corrected.high
    if not d.higher_is_better:
        low, high = -high, -low
    if d.margin is not None and -d.margin < low and high < d.margin:
        return "equivalent"
    if high < 0:
        return "worse"
    if low > 0:
        return "better"
    if d.margin is not None and low > -d.margin:
        return "no worse"
    return "inconclusive"


def _coefficient(found: Agreement | None) -> str:
    from promptreg.stats.agreement import LOW

    if found is None or found.value is None:
        return "-"
    mark = "!" if found.value < LOW else ""
    if found.low is None or found.high is None:
        return f"{found.value:.2f}{mark}"
    return f"{found.value:.2f}{mark} [{found.low:.2f}, {found.high:.2f}]"


def _signed(found: Bias | None) -> str:
    if found is None or found.value is None:
        return "-"
    return _interval(found.value, found.low, found.high)


def _interval(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"{value:+.2f}"
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _as_json(report: JudgeReport) -> dict[str, Any]:
    return {
        "template": report.runs[0].facts.template,
        "runs": [{"label": r.facts.label, "id": r.id} for r in report.runs],
        "labels": report.labels,
        "left_out": report.left_out,
        "dimensions": [_dimension_json(d) for d in report.dimensions],
    }


def _dimension_json(d: DimensionReport) -> dict[str, Any]:
    c = d.corrected
    return {
        "dimension": d.metric,
        "kappa": _agreement_json(d.kappa),
        "alpha": _agreement_json(d.alpha),
        "alpha_people": _agreement_json(d.people),
        "alpha_judge_itself": _agreement_json(d.itself),
        "bias": [_bias_json(bias) for bias in d.bias],
        "difference_judge": _bias_json(d.difference),
        "difference_corrected": None
        if c is None
        else {
            "value": c.value,
            "interval": _finite(c.low, c.high),
            "weight": c.weight,
            "labelled": c.labelled,
            "unlabelled": c.unlabelled,
            "representative": c.representative,
            "labels_alone": {
                "value": c.labels_alone[0],
                "interval": _finite(*c.labels_alone[1:]),
            },
        },
        "margin": d.margin,
        "verdict_corrected": None if c is None else _verdict(d).replace(" ", "_"),
        "note": d.note,
    }


def _agreement_json(found: Agreement | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": found.value,
        "interval": _finite(found.low, found.high),
        "units": found.units,
        "families": found.families,
    }


def _bias_json(found: Bias | None) -> dict[str, Any] | None:
    if found is None or found.value is None:
        return None
    return {
        "value": found.value,
        "interval": _finite(found.low, found.high),
        "units": found.units,
    }


def _finite(low: float | None, high: float | None) -> list[float] | None:
    import math

    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return [low, high]
