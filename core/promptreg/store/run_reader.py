"""Stored runs, listed and read back as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg.errors import StoreError, UsageError, did_you_mean
from promptreg.records import Outcome, Run, RunFacts, ScoreColumn
from promptreg.store.manifest import MANIFEST, TABLE, Manifest, read_manifest
from promptreg.store.problems import from_os
from promptreg.store.table_file import (
    check_bounds,
    check_sum,
    numbers,
    open_table,
    strings,
    texts,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RUNS", "StoredRun", "list_runs", "load_run", "read_run"]

RUNS = "runs"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One stored run in a list.

    Attributes:
        id, path: name and folder.
        facts, repeats, scenarios, counts: as in the manifest; None and 0 where it cannot be read.
        problem: why it cannot be read; empty when it can.
    """

    id: str
    path: str
    facts: RunFacts | None
    repeats: int
    scenarios: int
    counts: Mapping[str, int]
    problem: str = ""


def list_runs(root: Path) -> list[StoredRun]:
    """Return the stored runs, the newest first; runs that cannot be read come last."""
    listed = []
    for folder in _folders(root):
        try:
            manifest = read_manifest(folder / MANIFEST)
        except StoreError as error:
            listed.append(StoredRun(folder.name, str(folder), None, 0, 0, {}, str(error)))
            continue
        listed.append(
            StoredRun(
                folder.name,
                str(folder),
                manifest.facts,
                manifest.repeats,
                manifest.scenarios,
                manifest.counts,
            )
        )
    return sorted(
        listed, key=lambda run: (run.facts.created_at if run.facts else "", run.id), reverse=True
    )


def load_run(
    root: Path, reference: str, aggregates: Mapping[str, Callable[..., Any]] | None = None
) -> Run:
    """Return a stored run.

    Args:
        root: the store's folder.
        reference: the run's id, or the beginning of just one.
        aggregates: for `aggregate` scales, metric to function; functions are not stored.

    Raises:
        UsageError: no run, or more than one, is called so.
        StoreError: the run is damaged or of another format; names the file.
    """
    names = {folder.name: folder for folder in _folders(root)}
    matches = [reference] if reference in names else [n for n in names if n.startswith(reference)]
    if len(matches) == 1:
        return read_run(names[matches[0]], aggregates)
    if matches and reference:
        some = ", ".join(sorted(matches)[:5])
        raise UsageError(f"{reference!r} begins {len(matches)} runs: {some}; give more of the id")
    hint = did_you_mean(reference, names)
    raise UsageError(f"no run is called {reference!r}{hint}; {root / RUNS} holds {len(names)}")


def _folders(root: Path) -> list[Path]:
    try:
        found = [
            entry
            for entry in (root / RUNS).iterdir()
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise from_os(root / RUNS, error) from error
    return sorted(found)


def read_run(folder: Path, aggregates: Mapping[str, Callable[..., Any]] | None = None) -> Run:
    """Return the run in a folder.

    Raises:
        StoreError: the run is damaged or of another format; names the file.
    """
    manifest = read_manifest(folder / MANIFEST)
    path = folder / TABLE
    check_sum(path, manifest)
    names = ["scenario_id", "family", "repeat", *(f"attr.{a}" for a in manifest.attributes)]
    for scale in manifest.scales:
        names += [f"{part}.{scale.name}" for part in ("score", "worst", "outcome")]
        names += [f"payload.{scale.name}"] if scale.payload else []
    with open_table(path) as file:
        check_bounds(path, file, names)
        if file.metadata.num_rows != manifest.trials:
            raise StoreError(
                f"{path}: {file.metadata.num_rows} trials; the manifest says {manifest.trials}"
            )
        table = file.read(columns=names)
    return _assemble(folder, manifest, table, aggregates or {})


def _assemble(
    folder: Path,
    manifest: Manifest,
    table: pa.Table,
    aggregates: Mapping[str, Callable[..., Any]],
) -> Run:
    import numpy as np

    path = folder / TABLE
    ids = strings(table, "scenario_id", path)
    order = {name: at for at, name in enumerate(sorted(set(ids)))}
    scenario = np.fromiter((order[name] for name in ids), np.int64, len(ids))
    repeat = numbers(table, "repeat", path).astype(np.int64)
    size = manifest.scenarios * manifest.repeats
    cell = scenario * manifest.repeats + repeat
    inside = len(order) == manifest.scenarios and bool(
        ((repeat >= 0) & (repeat < manifest.repeats)).all()
    )
    if not inside or (size and (np.bincount(cell, minlength=size) != 1).any()):
        raise StoreError(f"{path}: not one trial for each scenario and repeat")
    shape = (manifest.scenarios, manifest.repeats)
    first = np.empty(size, np.int64)
    first[cell] = np.arange(size)  # the row of each cell
    rows = first.reshape(shape)[:, 0].tolist() if size else []
    columns: dict[str, ScoreColumn] = {}
    for scale in manifest.scales:
        codes = numbers(table, f"outcome.{scale.name}", path).astype(np.uint8)
        scored = numbers(table, f"score.{scale.name}", path)
        worst = numbers(table, f"worst.{scale.name}", path)
        if (codes > max(Outcome)).any() or np.isnan(scored[codes == Outcome.SCORED]).any():
            raise StoreError(f"{path}: column 'outcome.{scale.name}' does not fit the scores")
        values = np.where(codes == Outcome.SCORED, scored, worst)
        learn = getattr(aggregates.get(scale.name), "learn", None)
        if scale.payload and learn is not None:  # what the codes among the values stand for
            for payload in texts(table, f"payload.{scale.name}", path):
                learn(payload)
        columns[scale.name] = ScoreColumn(
            scale=scale,
            values=values[first].reshape(shape),
            outcomes=codes[first].reshape(shape),
            aggregate=aggregates.get(scale.name),
        )
    return Run(
        id=manifest.id,
        facts=manifest.facts,
        scenario_ids=tuple(order),
        families=_pick(strings(table, "family", path), rows),
        attributes={
            name: _pick(strings(table, f"attr.{name}", path), rows) for name in manifest.attributes
        },
        repeats=manifest.repeats,
        columns=columns,
        counts=manifest.counts,
        failures=manifest.failures,
        path=str(folder),
    )


def _pick(values: Sequence[str], rows: list[int]) -> tuple[str, ...]:
    return tuple([values[row] for row in rows])
