"""The trials of a run on their way to disk: streamed, then given their name at the end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from promptreg.errors import StoreError
from promptreg.records import Outcome, Run, RunFacts, Scale, Score, Trial, Unscored
from promptreg.store.folders import make_folder, sync_folder
from promptreg.store.manifest import MANIFEST, TABLE, Manifest, write_manifest
from promptreg.store.problems import from_os
from promptreg.store.run_name import WRITING, run_id, sweep
from promptreg.store.run_reader import RUNS, read_run
from promptreg.store.score_matrix import Contribution, ScoreMatrix
from promptreg.store.trial_row import trial_row
from promptreg.store.trial_table import base_columns, dictionary_columns, schema

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["RunWriter"]

_GROUP_ROWS = 1_000
_GROUP_CHARACTERS = 16 * 2**20


class RunWriter:
    """Writes one run, trial by trial in any order; memory does not grow with the texts.

    Args:
        root: the store's folder.
        facts: what identifies the run; `created_at` says when it is finished.
        repeats: askings per scenario.
        scales: one per metric, in the order wanted.
        attributes: names of all attributes any scenario has.
        aggregates: for `aggregate` scales, metric to function; handed on to the run's columns.

    Raises:
        StoreError: the folder cannot be written.
    """

    def __init__(
        self,
        root: Path,
        facts: RunFacts,
        repeats: int,
        scales: Sequence[Scale],
        *,
        attributes: Sequence[str] = (),
        aggregates: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._runs = root / RUNS
        self._facts = facts
        self._repeats = repeats
        self._scales = tuple(scales)
        self._attributes = tuple(attributes)
        self._known_attributes = frozenset(attributes)
        self._aggregates = aggregates
        self._metrics = [scale.name for scale in scales]
        self._payloads = frozenset(scale.name for scale in scales if scale.payload)
        self._columns = schema(self._attributes, self._metrics, self._payloads)
        # The group that is being collected, one entry per trial.
        self._rows: list[tuple[Any, ...]] = []
        self._contributions: list[list[Contribution]] = []
        self._content: list[hashlib._Hash] = []
        self._scores: list[Mapping[str, Score | Unscored]] = []
        self._characters = 0
        self._digests: list[bytes] = []
        self._asked: dict[str, int] = {}
        self._causes: Counter[str] = Counter()
        self._cached = self._called = 0
        self._table: pq.ParquetWriter | None = None
        self._folder = self._runs / f"{WRITING}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            make_folder(self._runs)
            sweep(self._runs)
            self._folder.mkdir()
        except OSError as error:
            raise from_os(self._runs, error) from error

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Remove what was written and not finished; after `finish` this does nothing."""
        table, self._table = self._table, None
        if table is not None:
            with contextlib.suppress(OSError):  # the disk is full: the folder goes anyway
                table.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(
        self,
        trial: Trial,
        outcomes: Mapping[str, tuple[float | None, Outcome]],
        *,
        key: str = "",
    ) -> None:
        """Take one trial.

        Args:
            trial: with its scores; failed trials too.
            outcomes: metric to what the trial contributes: the score, the worst value for
                `FAILED` (None where there is none), None otherwise.
            key: of the call.

        Raises:
            StoreError: the trial was added before, a metric or attribute is missing or unknown,
                or the disk is full.
        """
        scenario, repeat = trial.scenario, trial.repeat
        name = scenario.id
        asked = self._asked.get(name, 0)
        if not 0 <= repeat < self._repeats or asked >> repeat & 1:
            raise StoreError(
                f"scenario {name!r}, repeat {repeat}: added twice, or not one of {self._repeats}"
            )
        self._asked[name] = asked | 1 << repeat
        if not scenario.attributes.keys() <= self._known_attributes:
            odd = sorted(scenario.attributes.keys() - self._known_attributes)
            raise StoreError(f"scenario {name!r}: attributes {odd} were not announced")
        row = trial_row(trial, key)
        find = scenario.attributes.get
        attributes = tuple([find(attribute, "") for attribute in self._attributes])
        try:
            self._contributions.append([outcomes[metric] for metric in self._metrics])
        except KeyError as error:
            raise StoreError(f"scenario {name!r} has nothing for metric {error}") from error
        # repr tells any two of them apart, and escapes what cannot be encoded.
        content = hashlib.sha256(repr((row.content, attributes)).encode())
        if trial.completion is not None:
            content.update(trial.completion.text.encode("utf-8", "surrogatepass"))
        self._content.append(content)
        self._rows.append(row.cells + attributes)
        self._scores.append(trial.scores)
        self._cached += row.cached
        self._called += row.called
        if row.cause:
            self._causes[row.cause] += 1
        self._characters += row.characters
        if len(self._rows) >= _GROUP_ROWS or self._characters >= _GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._table is None:
            self._table = pq.ParquetWriter(
                self._folder / TABLE,
                self._columns,
                compression="zstd",
                use_dictionary=dictionary_columns(self._attributes),  # type: ignore[arg-type] # stubs know bool only
                write_statistics=False,
                write_page_checksum=True,
            )
        if self._rows:
            ids = [row[0] for row in self._rows]
            scores = ScoreMatrix(
                self._metrics, self._contributions, self._scores, ids, self._payloads
            )
            for content, scored in zip(self._content, scores.content(), strict=True):
                content.update(scored)
                self._digests.append(content.digest())
            columns = base_columns(self._rows, self._attributes) + scores.columns()
            self._table.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._columns))
        self._rows, self._contributions, self._content, self._scores = [], [], [], []
        self._characters = 0

    def finish(
        self,
        counts: Mapping[str, int] | None = None,
        *,
        facts: RunFacts | None = None,
        repeats: int | None = None,
    ) -> Run:
        """Return the stored run; it is on disk, whole, when this returns.

        The same trials give the same run, in whatever order they came. If that run is stored
        already, this copy is dropped and the stored one returned, with the counts and margins of
        this one.

        Args:
            counts: what the caller knows better than the rows of `planned`, `cached`, `called`,
                `answered` and `failed`.
            facts: what identifies the run, where the trials decided how many of them are made.
            repeats: askings per scenario that were made, where they are fewer than announced.

        Raises:
            StoreError: trials are missing, or the disk is full.
        """
        self._facts = facts or self._facts
        self._repeats = repeats or self._repeats
        planned = len(self._asked) * self._repeats
        made = sum(asked.bit_count() for asked in self._asked.values())
        if made != planned:
            every = (1 << self._repeats) - 1
            lacking = min(name for name, asked in self._asked.items() if asked != every)
            raise StoreError(
                f"a run of {planned} trials got {made}; scenario {lacking!r} lacks "
                "a repeat. A trial that was not made is a failed trial"
            )
        failed = self._causes.total()
        told = {
            "planned": planned,
            "cached": self._cached,
            "called": self._called,
            "answered": planned - failed,
            "failed": failed,
        } | dict(counts or {})
        try:
            self._flush()
            return self._store(told)
        except OSError as error:
            raise from_os(self._runs, error) from error
        finally:
            self.abandon()

    def _store(self, counts: dict[str, int]) -> Run:
        assert self._table is not None  # noqa: S101 - for the type checker: _flush opened it
        self._table.close()
        self._table = None
        table = self._folder / TABLE
        with table.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        manifest = Manifest(
            id=run_id(self._facts, self._repeats, self._attributes, self._scales, self._digests),
            facts=self._facts,
            repeats=self._repeats,
            scenarios=len(self._asked),
            trials=len(self._digests),
            scales=self._scales,
            attributes=self._attributes,
            counts=counts,
            failures=dict(sorted(self._causes.items())),
            table_sha256=sha256,
            table_bytes=table.stat().st_size,
        )
        write_manifest(self._folder / MANIFEST, manifest)
        run = read_run(self._folder, self._aggregates)
        sync_folder(self._folder)
        placed = self._place(run)
        # A run that was there already may have been measured under other margins.
        columns = {
            scale.name: replace(placed.columns[scale.name], scale=scale) for scale in self._scales
        }
        return replace(placed, counts=counts, columns=columns)

    def _place(self, run: Run) -> Run:
        """Give the finished folder its name, unless the run is there already."""
        place = self._runs / run.id
        if place.exists():
            try:
                return read_run(place, self._aggregates)
            except StoreError:
                # Damaged: this copy is what it should have been. Nothing is deleted.
                stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
                place.rename(self._runs / f".damaged-{stamp}-{run.id}")
        try:
            self._folder.rename(place)
        except OSError:
            if place.exists():  # another process was quicker
                return read_run(place, self._aggregates)
            raise
        sync_folder(self._runs)
        return replace(run, path=str(place))
