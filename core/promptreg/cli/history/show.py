"""`promptreg history show ID`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import options as o
from promptreg.cli.history import asking as a
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.past import Line, Origin, PastComparison, PastEvent, PastRun

__all__ = ["show"]


def show(
    id_: Annotated[
        str,
        typer.Argument(metavar="ID", help="Of a comparison, run or event; its beginning will do."),
    ],
    config: o.Config = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write what was recorded with it: a comparison's report (.json, .html), a run's "
            "trials (.parquet), a bisection's report (.json, .md).",
        ),
    ] = None,
    no_sync: a.NoSync = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Show one comparison or run with all its metrics, or one promotion, rollback or bisection."""
    from promptreg.cli.history.as_json import comparison_dict, event_dict, run_dict
    from promptreg.cli.show import print_json
    from promptreg.past import PastEvent, PastRun

    o.read_env_file(env_file)
    project, history = a.open_history(config, no_sync=no_sync)
    found = a.find_one(project, history, id_)
    if output is not None:
        from promptreg.stages.report.write import write_whole

        kind, names = _HELD[type(found).__name__]
        path = Path(output)
        if path.suffix.lower() not in names:
            raise UsageError(f"-o {output}: {kind} holds {', '.join(names)}")
        name = names[path.suffix.lower()]
        file = history.fetch(found, name, project.store / "history" / "fetched" / found.id)
        if file is None:
            how = (
                " (with a comparison goes the one that -o wrote, or any where the suite names a "
                "history)"
                if name == "report.html"
                else ""
            )
            raise UsageError(f"{name} of {found.id} was not recorded{how}")
        write_whole(path, file.read_bytes())
        print(f"wrote {path}")
        return 0
    if isinstance(found, PastRun):
        print_json(run_dict(found)) if as_json else _run(found)
    elif isinstance(found, PastEvent):
        print_json(event_dict(found)) if as_json else _event(found)
    else:
        print_json(comparison_dict(found)) if as_json else _comparison(found)
    return 0


_HELD = {
    "PastRun": ("a run", {".parquet": "trials.parquet"}),
    "PastComparison": ("a comparison", {".json": "report.json", ".html": "report.html"}),
    "PastEvent": ("a bisection", {".json": "report.json", ".md": "report.md"}),
}


def _event(event: PastEvent) -> None:
    from promptreg.stages.report.text import clean

    print(clean(event.summary))
    _facts(**{event.kind: event.id, "finished": event.created_at, "tree": _tree(event.origin)})
    for name, value in sorted(event.facts.items()):
        _facts(**{name: value})
    _facts(kept=event.place)


def _comparison(c: PastComparison) -> None:
    from promptreg.cli.show import print_table
    from promptreg.stages.report.text import clean

    print(clean(f"GATE {c.verdict.upper()} - {'; '.join(c.reasons)}"))
    _facts(
        comparison=c.id,
        finished=c.created_at,
        versions=f"{c.baseline} → {c.candidate}",
        command=c.command or "not known",
        provider=c.provider + (" (scripted: says nothing about any model)" if c.synthetic else ""),
        tree=_tree(c.origin),
        kept=c.place,
    )
    for name, sha256 in sorted(c.template_sha256.items()):
        runs = [side.get(name, "-") for side in (c.baseline_runs, c.candidate_runs)]
        _facts(**{name: " → ".join(f"{h[:8]} run:{r}" for h, r in zip(sha256, runs, strict=True))})
    rows = [_row(line) for line in c.lines]
    heads = ["template", "metric", c.baseline, c.candidate, "change", "95% interval", "verdict"]
    print_table(heads, rows, {2, 3, 4, 5})
    for warning in c.warnings:
        print(clean(f"warning: {warning}"))


def _row(line: Line) -> list[str]:
    from promptreg import numbers

    where = "" if line.slice is None else f" ({'='.join(line.slice)})"
    ends = (line.low, line.high)
    return [
        line.template,
        numbers.titled(line.metric + where, line.shown_unit),
        *(numbers.amount(v, share=line.share) for v in (line.baseline, line.candidate)),
        *numbers.moved(line.difference, ends, share=line.share, ratios=line.ratios),
        line.verdict.replace("_", " ") + ("" if line.gating else " (not gating)"),
    ]


def _run(run: PastRun) -> None:
    from promptreg import numbers
    from promptreg.cli.show import print_table
    from promptreg.stages.report.text import clean

    marks = [word for word in ("partial", "synthetic") if getattr(run, word)]
    print(clean(f"{run.template}@{run.label}" + (f" ({', '.join(marks)})" if marks else "")))
    failures = ", ".join(f"{k} {v}" for k, v in sorted(run.failures.items()))
    _facts(
        run=run.id,
        finished=run.created_at,
        text=f"{run.template_sha256[:12]} {run.source}",
        trials=f"{run.trials:,} ({run.scenarios:,} scenarios)"
        + (f"; failed: {failures}" if failures else ""),
        provider=run.provider,
        tree=_tree(run.origin),
        kept=run.place,
    )
    for name, value in sorted(run.fingerprints.items()):
        _facts(**{name: value[:80]})
    rows = []
    for m in run.measures:
        share, unit = run.scale(m.metric)
        where = "all" if m.slice is None else f"{m.slice[0]}={m.slice[1]}"
        value = numbers.amount(m.value, share=share)
        span = numbers.between(m.low, m.high, share=share)
        rows.append([numbers.titled(m.metric, unit), where, value, span, f"{m.n:,}"])
    print_table(["metric", "scenarios", "value", "95% interval", "n"], rows, {2, 3, 4})
    for note in run.notes:
        print(clean(f"note: {note}"))


def _tree(origin: Origin) -> str:
    edited = {True: ", edited", False: "", None: ""}[origin.dirty]
    on = f" on {origin.branch}" if origin.branch else ""
    return f"{origin.commit[:12]}{on}{edited}" if origin.commit else "no git"


def _facts(**facts: str) -> None:
    from promptreg.stages.report.text import clean

    for name, value in facts.items():
        print(clean(f"  {name:12} {value}"))
