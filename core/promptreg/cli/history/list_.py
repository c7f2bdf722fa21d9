"""`promptreg history list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o
from promptreg.cli.history import asking as a
from promptreg.clock import to_minute
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptreg.past import Past, PastComparison, PastEvent, PastRun

__all__ = ["list_"]

_VERDICTS = ("pass", "fail", "inconclusive")


def list_(
    config: o.Config = None,
    template: a.TemplateName = "",
    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="Show this metric of each.")
    ] = "overall",
    verdict: Annotated[
        str,
        typer.Option("--verdict", help="Comparisons of this verdict: pass, fail, inconclusive."),
    ] = "",
    since: a.Since = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many.")] = 20,
    runs: Annotated[bool, typer.Option("--runs", help="List runs instead of comparisons.")] = False,
    events: Annotated[
        bool, typer.Option("--events", help="List promotions, rollbacks and bisections instead.")
    ] = False,
    no_sync: a.NoSync = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """List comparisons, or runs, or what happened to versions, the newest first.

    What waits in the outbox is recorded first.
    """
    from promptreg.cli.history.as_json import comparison_dict, event_dict, run_dict
    from promptreg.cli.show import print_json
    from promptreg.past import Wanted

    if verdict and verdict not in _VERDICTS:
        raise UsageError(f"--verdict {verdict!r}: must be one of {', '.join(_VERDICTS)}")
    if runs and events:
        raise UsageError("--runs and --events exclude each other")
    if verdict and (runs or events):
        raise UsageError("--verdict is of comparisons; leave --runs and --events out")
    o.read_env_file(env_file)
    project, history = a.open_history(config, no_sync=no_sync)
    wanted = Wanted(project.suite.suite, template, verdict, a.moment(since), limit + 1)
    found: list[dict[str, Any]] = []
    listed: Sequence[Past]
    if events:
        listed = happened = history.events(wanted)
        if as_json:
            found = [event_dict(event) for event in happened[:limit]]
        else:
            _show_events(happened[:limit])
    elif runs:
        listed = runs_found = history.runs(wanted)
        if as_json:
            found = [run_dict(run, [metric]) for run in runs_found[:limit]]
        else:
            _show_runs(runs_found[:limit], metric)
    else:
        listed = past = history.comparisons(wanted)
        if as_json:
            found = [comparison_dict(c) for c in past[:limit]]
        else:
            _show(past[:limit], metric)
    if as_json:
        print_json(found)
    elif not listed:
        print(f"nothing fits; {history.where()} is where it was looked for")
    elif len(listed) > limit:  # one more than asked for was looked up
        print(f"the newest {limit}; there are more: -n {5 * limit} shows them")
    return 0


def _show(found: Any, metric: str) -> None:
    from promptreg.cli.show import print_table

    rows = []
    for c in found:
        lines = [line for line in c.lines if line.metric == metric and line.slice is None]
        for i, line in enumerate(lines or [None]):
            name = line.template if line else ", ".join(c.template_sha256)
            head = _head(c, name) if i == 0 else ["", "", name, "", ""]
            rows.append([*head, *_numbers(line)])
    if rows:
        heads = ["finished", "comparison", "template", "versions", "gate", f"{metric}: change"]
        print_table([*heads, "95% interval", "verdict"], rows, {5, 6})


def _head(c: PastComparison, name: str) -> list[str]:
    when = to_minute(c.created_at)
    mark = " (scripted)" if c.synthetic else ""
    return [when, c.id[:10], name, f"{c.baseline} → {c.candidate}", f"{c.verdict}{mark}"]


def _numbers(line: Any) -> list[str]:
    if line is None:
        return ["-", "-", "-"]
    from promptreg import numbers

    ends = (line.low, line.high)
    change, span = numbers.moved(line.difference, ends, share=line.share, ratios=line.ratios)
    return [change, span, line.verdict.replace("_", " ")]


def _show_events(found: Sequence[PastEvent]) -> None:
    from promptreg.cli.show import print_table

    rows = [
        [
            to_minute(e.created_at),
            e.id[:10],
            e.kind,
            e.summary,
            e.facts.get("by", ""),
            e.origin.commit[:8] or "-",
        ]
        for e in found
    ]
    if rows:
        print_table(["when", "id", "what", "summary", "by", "commit"], rows, set())


def _show_runs(found: Any, metric: str) -> None:
    from promptreg import numbers
    from promptreg.cli.show import print_table

    rows = []
    units = {}
    for run in found:
        m = run.measure(metric)
        share, unit = run.scale(metric)
        units[unit] = True
        value = "-" if m is None else numbers.amount(m.value, share=share)
        span = "-" if m is None else numbers.between(m.low, m.high, share=share)
        rows.append([*_run_head(run), value, span])
    if rows:
        heads = ["finished", "run", "version", "text", "trials", "commit"]
        heads.append(numbers.titled(metric, next(iter(units))) if len(units) == 1 else metric)
        print_table([*heads, "95% interval"], rows, {4, 6})


def _run_head(run: PastRun) -> list[str]:
    marks = [word for word in ("partial", "synthetic") if getattr(run, word)]
    version = f"{run.template}@{run.label}" + (f" ({', '.join(marks)})" if marks else "")
    dirty = "+" if run.origin.dirty else ""
    return [
        to_minute(run.created_at),
        run.id[:24],
        version,
        run.template_sha256[:8],
        f"{run.trials:,}",
        run.origin.commit[:8] + dirty or "-",
    ]
