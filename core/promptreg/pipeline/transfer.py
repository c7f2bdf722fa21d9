"""Recorded completions out of stored runs, and out of other tools' results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from promptreg import numbers
from promptreg.errors import DataError, UsageError
from promptreg.pipeline.project import Project
from promptreg.records import Cause
from promptreg.stages.load.text import numbered_lines
from promptreg.store.runs import load_run, read_trials

__all__ = [
    "COLUMNS",
    "CSV_EMPTY",
    "checked_source",
    "export_runs",
    "import_results",
    "rows_of_table",
    "write_rows",
]

COLUMNS = (
    "scenario_id",
    "template",
    "version",
    "repeat",
    "text",
    "error",
    "latency_s",
    "prompt_tokens",
    "completion_tokens",
    "finish",
    "model",
)
"""Columns of recorded completions; `score.NAME` columns may follow."""
CSV_EMPTY = f"{Cause.CANCELLED}: an empty cell, and CSV does not tell no answer from an empty one"
"""A gap: what it would have been is not known."""
MAX_IMPORT_BYTES = 256_000_000


def export_runs(project: Project, run_ids: Sequence[str], output: str) -> int:
    """Write runs as recorded completions and return how many trials were written.

    Raises:
        StoreError: a run is missing or damaged.
        UsageError: the file's ending is not one that can be written.
    """
    runs = [load_run(project.store, run_id) for run_id in run_ids]

    def rows() -> Iterator[dict[str, Any]]:
        for run in runs:
            for row in read_trials(run, ids=None):
                yield {
                    "scenario_id": row["scenario_id"],
                    "template": run.facts.template,
                    "version": run.facts.label,
                    "repeat": row["repeat"],
                    "text": row["text"],
                    # What reading decided is decided anew from the text; only facts are exported.
                    "error": row["error_cause"] if row["text"] is None else None,
                    "latency_s": row["latency_s"],
                    "prompt_tokens": row["prompt_tokens"],
                    "completion_tokens": row["completion_tokens"],
                    "finish": row["finish"],
                    "model": row["model"],
                }

    return write_rows(rows(), Path(output), COLUMNS)


def import_results(
    source: str, output: str, mapping: Sequence[str], scenario_variable: str
) -> tuple[int, list[str]]:
    """Turn results of another tool into recorded completions.

    A `.json` file is read as promptfoo's result file; `.jsonl`, `.csv` and `.parquet` as a table
    whose columns `mapping` names (`text=output`). Nothing is guessed: rows that lack an id, a
    version, or both text and error are left out and counted. An empty text is an empty answer; in
    CSV, which cannot tell it from none, a gap.

    Returns:
        Rows written, and one line per reason for which rows were left out.

    Raises:
        DataError: the file cannot be read as promised, or no row of it can be used.
        UsageError: the mapping is malformed.
    """
    path = checked_source(source)
    renames = dict(_pair(item) for item in mapping)
    rows = (
        _promptfoo(path, scenario_variable)
        if path.suffix == ".json"
        else _renamed(rows_of_table(path), renames)
    )
    skipped: dict[str, int] = {}

    def whole() -> Iterator[dict[str, Any]]:
        kept = 0
        for row in rows:
            lacking = [k for k in ("scenario_id", "version") if row.get(k) in (None, "")]
            # An empty text is an empty answer, which fails; left out, it would count no more.
            if row.get("text") is None and not row.get("error"):
                lacking.append("text or error")
            if lacking:
                reason = f"no {', '.join(lacking)}"
                skipped[reason] = skipped.get(reason, 0) + 1
                continue
            kept += 1
            if path.suffix == ".csv" and not row.get("text") and not row.get("error"):
                row = {**row, "text": None, "error": CSV_EMPTY}
            yield row
        if not kept:  # before anything is put in place of a file that stands
            why = "; ".join(_left_out(skipped))
            raise DataError(
                f"{source}: nothing to import: "
                + (f"{why}; --map OURS=THEIRS says which column is which" if why else "no rows")
            )

    written = write_rows(whole(), Path(output), COLUMNS)
    return written, _left_out(skipped)


def _left_out(skipped: Mapping[str, int]) -> list[str]:
    return [f"{numbers.count(n, 'row')}: {reason}" for reason, n in skipped.items()]


def checked_source(source: str) -> Path:
    """Return the path of a file to import.

    Raises:
        DataError: it cannot be read, or is too large.
    """
    path = Path(source)
    try:
        size = path.stat().st_size
    except OSError as e:
        raise DataError(f"{source}: cannot be read: {e.strerror}") from e
    if size > MAX_IMPORT_BYTES:
        raise DataError(f"{source}: larger than {MAX_IMPORT_BYTES:,} bytes")
    return path


def _pair(item: str) -> tuple[str, str]:
    ours, sign, theirs = item.partition("=")
    if not sign or not theirs or (ours not in COLUMNS and not ours.startswith("score.")):
        raise UsageError(
            f"--map {item!r}: must be OURS=THEIRS, OURS one of {', '.join(COLUMNS)} or score.NAME"
        )
    return theirs, ours


def rows_of_table(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a .jsonl, .csv or .parquet file.

    Raises:
        DataError: it is none of these, or a row is broken.
    """
    if path.suffix in (".jsonl", ".ndjson"):
        for number, line in numbered_lines(path, MAX_IMPORT_BYTES):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as e:
                raise DataError(f"{path}: line {number}: no valid JSON: {e}") from e
            if not isinstance(row, dict):
                raise DataError(f"{path}: line {number}: must be an object")
            yield row
    elif path.suffix == ".csv":
        yield from _csv(path)
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(1000):
                    yield from batch.to_pylist()
        except pa.ArrowException as e:
            raise DataError(f"{path}: no readable Parquet file: {e}") from e
    else:
        raise DataError(
            f"{path}: cannot import {path.suffix!r}; allowed: .json .jsonl .csv .parquet"
        )


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    import csv

    rows = csv.DictReader(line for _, line in numbered_lines(path, MAX_IMPORT_BYTES))
    before = csv.field_size_limit(MAX_IMPORT_BYTES)  # an answer may be long
    try:
        for name in rows.fieldnames or ():
            if len(rows.fieldnames or ()) == 1 and (";" in name or "\t" in name):
                raise DataError(
                    f"{path}: line 1: the header is one column, {name!r:.80}; allowed: cells with "
                    "commas between them"
                )
        yield from rows
    except csv.Error as e:
        raise DataError(f"{path}: line {rows.line_num}: no valid CSV: {e}") from e
    finally:
        csv.field_size_limit(before)


def _renamed(
    rows: Iterable[Mapping[str, Any]], renames: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {renames.get(k, k): v for k, v in row.items()}


def _promptfoo(path: Path, scenario_variable: str) -> Iterator[dict[str, Any]]:
    try:
        data = json.loads(path.read_text("utf-8-sig"))
        found = data["results"]
        results = found["results"] if isinstance(found, dict) else found
        if not isinstance(results, list):
            raise TypeError
    except (ValueError, RecursionError, KeyError, TypeError) as e:
        raise DataError(
            f"{path}: not a promptfoo result file: it must be an object with results.results"
        ) from e
    asked: dict[tuple[str, str], int] = {}
    for result in results:
        if not isinstance(result, dict):
            continue
        answer = result.get("response") or {}
        variables = result.get("vars") or (result.get("testCase") or {}).get("vars") or {}
        prompt = result.get("prompt") or {}
        scenario = str(variables.get(scenario_variable) or "")
        version = str(prompt.get("label") or prompt.get("id") or "")
        usage = answer.get("tokenUsage") or {}
        text = answer.get("output")
        latency = result.get("latencyMs")
        repeat = asked.get((scenario, version), 0)
        asked[scenario, version] = repeat + 1
        yield {
            "scenario_id": scenario,
            "version": version,
            "repeat": repeat,
            "text": text if isinstance(text, str) or text is None else json.dumps(text),
            "error": result.get("error") if text is None else None,
            "latency_s": latency / 1000 if isinstance(latency, (int, float)) else None,
            "prompt_tokens": usage.get("prompt"),
            "completion_tokens": usage.get("completion"),
        }


def write_rows(rows: Iterator[dict[str, Any]], path: Path, columns: Sequence[str]) -> int:
    """Write rows whole or not at all, and return how many there were.

    Raises:
        UsageError: the file's ending is not one that can be written.
    """
    part = path.with_name(f".{path.name}.part")
    written = 0
    try:
        if path.suffix in (".jsonl", ".ndjson"):
            with part.open("w", encoding="utf-8") as out:
                for row in rows:
                    kept = {k: v for k, v in row.items() if v is not None and _ours(k)}
                    out.write(json.dumps(kept, ensure_ascii=True, allow_nan=False) + "\n")
                    written += 1
        elif path.suffix in (".csv", ".parquet"):
            import pyarrow as pa
            import pyarrow.csv as pc
            import pyarrow.parquet as pq

            table = pa.Table.from_pylist([{k: row.get(k) for k in columns} for row in rows])
            written = table.num_rows
            if path.suffix == ".csv":
                pc.write_csv(table, part)
            else:
                pq.write_table(table, part, compression="zstd")
        else:
            raise UsageError(f"{path}: cannot write {path.suffix!r}; allowed: .jsonl .csv .parquet")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return written


def _ours(column: str) -> bool:
    return column in COLUMNS or column.startswith("score.")
