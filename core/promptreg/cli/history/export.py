"""`promptreg history export`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o
from promptreg.cli.history import asking as a
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptreg.past import PastComparison, PastEvent, PastRun

__all__ = ["export"]

_ENDINGS = (".json", ".csv", ".parquet")


def export(
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="A .json, .csv or .parquet file.")
    ],
    config: o.Config = None,
    template: a.TemplateName = "",
    since: a.Since = None,
    comparisons: Annotated[
        bool,
        typer.Option("--comparisons", help="In .csv and .parquet: comparisons instead of runs."),
    ] = False,
    no_sync: a.NoSync = False,
    env_file: o.EnvFile = None,
) -> int:
    """Write runs and comparisons to a file.

    JSON holds both, and promotions, rollbacks and bisections (`events`). CSV and Parquet hold one
    row per run, metric and slice, or per comparison, template, metric and slice.
    """
    from promptreg.past import Wanted
    from promptreg.stages.report.write import write_whole

    path = Path(output)
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise UsageError(f"-o {output}: must end in {', '.join(_ENDINGS)}")
    o.read_env_file(env_file)
    project, history = a.open_history(config, no_sync=no_sync)
    wanted = Wanted(project.suite.suite, template, "", a.moment(since))
    both = ending == ".json"
    runs = history.runs(wanted) if both or not comparisons else []
    past = history.comparisons(wanted) if both or comparisons else []
    if both:
        data = _json(project.suite.suite, runs, past, history.events(wanted))
    else:
        rows = list(_comparison_rows(past) if comparisons else _run_rows(runs))
        heads = _COMPARISON if comparisons else _RUN
        data = _csv(heads, rows) if ending == ".csv" else _parquet(heads, rows)
    write_whole(path, data)
    print(f"wrote {path}: {len(runs)} runs, {len(past)} comparisons")
    return 0


_RUN = {
    **dict.fromkeys(
        ("run_id", "created_at", "suite", "template", "label", "template_hash"), "text"
    ),
    **dict.fromkeys(("commit", "branch", "provider"), "text"),
    **dict.fromkeys(("partial", "synthetic"), "flag"),
    **dict.fromkeys(("metric", "unit", "attribute", "slice"), "text"),
    **dict.fromkeys(("value", "low", "high"), "number"),
    "n_scenarios": "whole",
}
_COMPARISON = {
    **dict.fromkeys(("comparison_id", "created_at", "suite", "baseline_label"), "text"),
    **dict.fromkeys(("candidate_label", "gate", "commit", "branch", "provider"), "text"),
    "synthetic": "flag",
    **dict.fromkeys(("template", "metric", "attribute", "slice", "verdict"), "text"),
    "gating": "flag",
    **dict.fromkeys(("baseline", "candidate", "difference", "low", "high"), "number"),
}


def _run_rows(runs: Sequence[PastRun]) -> Iterator[list[Any]]:
    for r in runs:
        head = [r.id, r.created_at, r.suite, r.template, r.label, r.template_sha256]
        head += [r.origin.commit, r.origin.branch, r.provider]
        for m in r.measures:
            unit = r.scales.get(m.metric, ("", "", ""))[1]
            where = m.slice or (None, None)
            rest = [r.partial, r.synthetic, m.metric, unit, *where, m.value, m.low, m.high, m.n]
            yield [*head, *rest]


def _comparison_rows(past: Sequence[PastComparison]) -> Iterator[list[Any]]:
    for c in past:
        head = [c.id, c.created_at, c.suite, c.baseline, c.candidate, c.verdict]
        head += [c.origin.commit, c.origin.branch, c.provider]
        for n in c.lines:
            numbers = [n.baseline, n.candidate, n.difference, n.low, n.high]
            where = n.slice or (None, None)
            told = [n.template, n.metric, *where, n.verdict, n.gating]
            yield [*head, c.synthetic, *told, *numbers]


def _json(
    suite: str,
    runs: Sequence[PastRun],
    past: Sequence[PastComparison],
    events: Sequence[PastEvent],
) -> bytes:
    from promptreg.cli.history.as_json import comparison_dict, event_dict, run_dict

    content = {
        "schema_version": "1",
        "suite": suite,
        "runs": [run_dict(run) for run in runs],
        "comparisons": [comparison_dict(c) for c in past],
        "events": [event_dict(e) for e in events],
    }
    return (json.dumps(content, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()


def _csv(heads: dict[str, str], rows: Sequence[Sequence[Any]]) -> bytes:
    import csv

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([_cell(v) for v in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


def _parquet(heads: dict[str, str], rows: Sequence[Sequence[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"text": pa.string(), "flag": pa.bool_(), "number": pa.float64(), "whole": pa.int64()}
    columns = list(zip(*rows, strict=True)) or [()] * len(heads)
    arrays = [
        pa.array(column, kinds[kind]) for column, kind in zip(columns, heads.values(), strict=True)
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays, names=list(heads)), sink)
    return bytes(sink.getvalue())
