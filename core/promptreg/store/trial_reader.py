"""The trials of a stored run, read one by one under a memory limit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg.errors import StoreError, UsageError, did_you_mean
from promptreg.records import Run
from promptreg.store.arrow import column
from promptreg.store.manifest import MANIFEST, TABLE, read_manifest
from promptreg.store.table_file import check_bounds, check_sum, open_table, spread

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["read_trials"]

_BATCH_ROWS = 256
_BATCH_BYTES = 256 * 2**20


def read_trials(
    run: Run, ids: Collection[str] | None = None, columns: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield trials of a stored run as rows, in the order in which they came.

    Args:
        run: with a path.
        ids: of the scenarios wanted; None for all.
        columns: wanted; None for all. `trial_table.BASE` lists those every run has; there are
            `attr.NAME`, `score.NAME`, `worst.NAME`, `outcome.NAME` and `reason.NAME` too.

    Raises:
        StoreError: the run is not stored, or damaged.
        UsageError: the run has no such column.
    """
    if not run.path:
        raise StoreError(f"run {run.id} is not stored: its trials cannot be read")
    path = Path(run.path) / TABLE
    check_sum(path, read_manifest(Path(run.path) / MANIFEST))
    wanted = None if ids is None else set(ids)
    with open_table(path) as file:
        known = file.schema_arrow.names
        chosen = list(known if columns is None else columns)
        for name in chosen:
            if name not in known:
                raise UsageError(f"run {run.id} has no column {name!r}{did_you_mean(name, known)}")
        check_bounds(path, file, chosen)
        for group in range(file.metadata.num_row_groups):
            if wanted is not None and not _meets(file, group, wanted):
                continue
            reading = list(dict.fromkeys(["scenario_id", *chosen]))
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=reading):
                yield from _rows(batch, wanted, chosen, path)


def _meets(file: pq.ParquetFile, group: int, wanted: set[str]) -> bool:
    chunks: list[Any] = file.read_row_group(group, columns=["scenario_id"]).column(0).chunks
    return any(name in wanted for chunk in chunks for name in chunk.dictionary.to_pylist())


def _rows(
    batch: pa.RecordBatch, wanted: set[str] | None, chosen: list[str], path: Path
) -> Iterator[dict[str, Any]]:
    if wanted is not None:
        ids = batch.column("scenario_id").to_pylist()
        batch = batch.filter(column("bool", [name in wanted for name in ids]))
    size = sum(spread(values) for values in batch.columns)
    if size > _BATCH_BYTES:
        raise StoreError(f"{path}: {batch.num_rows} trials of {size} bytes; more than is allowed")
    yield from batch.select(chosen).to_pylist()
