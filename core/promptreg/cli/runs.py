"""`promptreg run REF...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import groups as g
from promptreg.cli import options as o
from promptreg.cli.recording import Record
from promptreg.cli.spread import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptreg.pipeline.execute import Executed
    from promptreg.pipeline.summary import RunSummary
    from promptreg.verdicts import Ranking

__all__ = ["run"]


@spread
def run(
    refs: Annotated[list[str], typer.Argument(metavar="REF", help="Template versions to run.")],
    *,
    config: o.Config = None,
    asking: g.Asking,
    record: Record = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    env_file: o.EnvFile = None,
) -> int:
    """Run template versions and show each metric with its interval.

    Versions that served the same scenarios are ranked, with the range of places the data allow.
    """
    from promptreg.cli.progress import progress
    from promptreg.cli.recording import recording, remember_runs
    from promptreg.cli.show import complain, print_json
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.summary import run_versions

    o.read_env_file(env_file)
    options = asking.options()
    project = open_project(config)
    at_once = recording(project, record)
    with progress(project.plugins, quiet=quiet or as_json):
        executed, summaries, ranking = run_versions(project, refs, options, handle_signals=True)
    if as_json:
        print_json(_as_json(executed, summaries, ranking))
    else:
        _show(executed, summaries, ranking, quiet=quiet)
    complain(project.plugins)
    remember_runs(project, executed, refs, options, at_once=at_once, quiet=quiet)
    return 0


def _as_json(
    executed: Executed, summaries: Sequence[RunSummary], ranking: Sequence[Ranking]
) -> dict[str, Any]:
    return {
        "provider": executed.provider,
        "synthetic": executed.synthetic,
        "trials": {
            "planned": executed.tally.planned,
            "cached": executed.tally.cached,
            "called": executed.tally.called,
        },
        "cost": executed.tally.cost,
        "warnings": list(executed.warnings),
        "runs": [
            {
                "id": s.run.id,
                "template": s.run.facts.template,
                "label": s.run.facts.label,
                "template_hash": s.run.facts.template_sha256,
                "fingerprints": dict(s.run.facts.fingerprints),
                "scenarios": len(s.run.scenario_ids),
                "repeats": s.run.repeats,
                "failures": dict(s.run.failures),
                "metrics": {
                    m.metric: {
                        "value": m.value,
                        "interval": list(m.interval) if m.interval else None,
                        "unit": m.unit,
                        "n_scenarios": m.n_scenarios,
                        "failed": m.failed,
                        "gaps": m.gaps,
                    }
                    for m in s.metrics
                },
            }
            for s in summaries
        ],
        "ranking": [
            {
                "template": r.template,
                "label": r.label,
                "metric": r.metric,
                "mean": r.mean,
                "places": [r.best_rank, r.worst_rank],
                "to_best": list(r.interval),
            }
            for r in ranking
        ],
    }


def _show(
    executed: Executed,
    summaries: Sequence[RunSummary],
    ranking: Sequence[Ranking],
    *,
    quiet: bool,
) -> None:
    from promptreg.cli.show import print_table
    from promptreg.numbers import amount, count
    from promptreg.stages.report.text import clean

    for s in summaries:
        facts = s.run.facts
        failed = sum(s.run.failures.values())
        causes = ", ".join(f"{k} {v}" for k, v in sorted(s.run.failures.items()))
        print(
            f"{facts.template}@{facts.label}: run:{s.run.id} - "
            f"{count(len(s.run.scenario_ids), 'scenario')}, {count(s.run.repeats, 'repeat')}, "
            + (f"{count(failed, 'failed trial')} ({causes})" if failed else "all answered")
        )
        if quiet:
            continue
        rows = []
        for m in s.metrics:
            ends = [amount(end, share=m.binary) for end in m.interval or ()]
            span = " to ".join(ends) or "-"
            value = amount(m.value, m.unit, share=m.binary)
            rows.append([m.metric, value, span, str(m.n_scenarios), str(m.failed), str(m.gaps)])
        print_table(
            ["metric", "value", "95% interval", "n", "failed", "gaps"], rows, {1, 2, 3, 4, 5}
        )
    if ranking and not quiet:
        print("Places by", ranking[0].metric, "(the range the data allow, 95 % for all together):")
        rows = [
            [
                f"{r.template}@{r.label}",
                f"{r.best_rank}"
                if r.best_rank == r.worst_rank
                else f"{r.best_rank}-{r.worst_rank}",
                amount(r.mean),
            ]
            for r in ranking
        ]
        print_table(["version", "place", "mean"], rows, {1, 2})
    for warning in executed.warnings:
        print(f"warning: {clean(warning)}")
    t = executed.tally
    trials = count(t.planned, "trial")
    print(f"{executed.provider}: {trials}, {t.cached:,} cached, {t.called:,} called")
