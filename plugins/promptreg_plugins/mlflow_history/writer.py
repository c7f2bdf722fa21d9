"""Writing: what is new goes in once, in batches, and is counted afterwards."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from promptreg.errors import StoreError
from promptreg.past import PastComparison, PastEvent, PastRun, Record
from promptreg_plugins.mlflow_history import tags as t
from promptreg_plugins.mlflow_history.note import NOTE, comparison_note
from promptreg_plugins.mlflow_history.prompts import Prompts
from promptreg_plugins.mlflow_history.reader import experiment, find

__all__ = ["Writer"]

_BATCH = 1_000
"""Metrics in one request, the most that MLflow takes."""
_TAG_BATCH = 100
_PARENT = "mlflow.parentRunId"
_READ_BACK = 256 * 2**20
"""Bytes of a table that is read back to be counted; of a larger one the size is compared."""


class Writer:
    """Records into one MLflow.

    Args:
        client: MLflow's.
        artifacts: where new experiments keep artifacts; None: the server says.
        where: the address, for messages.
    """

    def __init__(self, client: Any, artifacts: str | None, where: str) -> None:
        self._client = client
        self._artifacts = artifacts
        self._where = where

    def record(self, record: Record) -> bool:
        """Write what is new and return whether anything was."""
        home = experiment(self._client, record.suite, self._artifacts)
        prompts = Prompts(self._client, home)
        comparison, event = record.comparison, record.event
        parent, new = "", False
        if comparison is not None or event is not None:
            parent, whole = self._open_parent(home, comparison, event)
            if whole:
                return False
            new = True
        versions = {
            template.sha256: prompts.version(record.suite, template)
            for template in record.templates
        }
        places: dict[str, str] = {}
        for run in record.runs:
            places[run.id], made = self._run(home, run, parent)
            prompts.link(places[run.id], versions.get(run.template_sha256))
            new = made or new
        if comparison is not None:
            self._comparison(parent, comparison, comparison_note(comparison, home, places))
            self._log_shared_inputs(parent, record.runs)
            self._finish(parent, comparison.created_at)
        elif event is not None:
            self._event(parent, event)
            prompts.link(parent, versions.get(event.template_sha256))
            self._finish(parent, event.created_at)
        return new

    def _open_parent(
        self, home: str, comparison: PastComparison | None, event: PastEvent | None
    ) -> tuple[str, bool]:
        if comparison is not None:
            return self._open(home, comparison.id, t.comparison_tags(comparison))
        assert event is not None  # noqa: S101 - one of both is there
        return self._open(home, event.id, t.event_tags(event))

    def _open(
        self, home: str, id_: str, tags: Mapping[str, str], parent: str = ""
    ) -> tuple[str, bool]:
        """Return the MLflow run of an id, made if it was not there, and whether it is complete."""
        found = find(self._client, home, id_)
        if found is None:
            started = _ms(tags[f"{t.PREFIX}created_at"])
            first = dict(list(tags.items())[: _TAG_BATCH - 1])
            if parent:
                first[_PARENT] = parent
            made = self._client.create_run(
                home, start_time=started, tags=first, run_name=_title(tags)
            )
            # Two machines may have recorded the same: all of them agree that the first one stays.
            found = find(self._client, home, id_)
            if found is None or found.info.run_id != made.info.run_id:
                self._client.delete_run(made.info.run_id)
                found = found or made
        return found.info.run_id, found.data.tags.get(t.COMPLETE) == "yes"

    def _run(self, home: str, run: PastRun, parent: str) -> tuple[str, bool]:
        """Return the MLflow run of a run, and whether it had to be written."""
        tags = t.run_tags(run)
        place, whole = self._open(home, run.id, tags, parent)
        if not whole:
            self._log_inputs(place, run)
            files = [f for f in (run.table, run.manifest) if f is not None]
            self._write(place, tags, t.run_metrics(run), run.created_at, t.run_params(run))
            for file in files:
                self._client.log_artifact(place, str(file))
            self._check_files(place, run)
        if parent and _PARENT not in self._client.get_run(place).data.tags:
            self._client.set_tag(place, _PARENT, parent)
        if not whole:
            self._finish(place, run.created_at)
        return place, not whole

    def _event(self, place: str, event: PastEvent) -> None:
        self._write(place, t.event_tags(event), {}, event.created_at)
        for name, text in (("report.json", event.report), ("report.md", event.page)):
            if text is not None:
                self._client.log_text(place, text, name)

    def _comparison(self, place: str, comparison: PastComparison, note: str) -> None:
        self._write(
            place,
            t.comparison_tags(comparison) | {NOTE: note},
            t.comparison_metrics(comparison),
            comparison.created_at,
        )
        for name, text in (("report.json", comparison.report), ("report.html", comparison.page)):
            if text is not None:
                self._client.log_text(place, text, name)

    def _write(
        self,
        place: str,
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
        at: str,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Write tags and metrics in batches, then read them back and count."""
        from mlflow.entities import Metric, Param, RunTag

        moment = _ms(at)
        batch = [Metric(k, v, moment, 0) for k, v in metrics.items() if math.isfinite(v)]
        words = [RunTag(k, v) for k, v in tags.items()]
        for i in range(0, max(len(batch), len(words) * _BATCH // _TAG_BATCH, 1), _BATCH):
            at_tag = i * _TAG_BATCH // _BATCH
            self._client.log_batch(
                place,
                metrics=batch[i : i + _BATCH],
                tags=words[at_tag : at_tag + _TAG_BATCH],
                synchronous=True,
            )
        if params:
            given = [Param(k, v) for k, v in params.items()]
            self._client.log_batch(place, params=given, synchronous=True)
        held = self._client.get_run(place).data
        wrong = [m.key for m in batch if not _same(held.metrics.get(m.key), m.value)]
        lost = [w.key for w in words if w.key not in held.tags]
        lost += [k for k in params or {} if k not in held.params]
        if wrong or lost:
            raise StoreError(
                f"the history at {self._where} holds {len(batch) - len(wrong)} of {len(batch)} "
                f"metrics and lacks {len(lost)} tags and parameters of {place}, which is less than "
                f"it was given; missing: {', '.join((wrong + lost)[:5])}"
            )

    def _log_shared_inputs(self, place: str, runs: Sequence[PastRun]) -> None:
        """Let a comparison have the scenarios that all of its runs have."""
        if runs and len({run.fingerprints.get("scenarios") for run in runs}) == 1:
            self._log_inputs(place, runs[0])

    def _log_inputs(self, place: str, run: PastRun) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if self._client.get_run(place).inputs.dataset_inputs:
            return
        digest = run.fingerprints.get("scenarios", "unknown")
        dataset = Dataset(
            name=Path(run.scenario_source).name[:200] or "scenarios",
            digest=digest[:36],
            source_type="local",
            source=run.scenario_source[:4_000],
            profile=f'{{"num_rows": {run.scenarios}}}',
        )
        tags = [InputTag("mlflow.data.context", "eval"), InputTag("promptreg.scenarios", digest)]
        self._client.log_inputs(place, [DatasetInput(dataset, tags)])

    def _check_files(self, place: str, run: PastRun) -> None:
        """Read the table back and count its rows.

        Raises:
            StoreError: there are other rows than were given.
        """
        if run.table is None:
            return
        listed = {f.path: f.file_size for f in self._client.list_artifacts(place)}
        size = run.table.stat().st_size
        name = run.table.name
        if listed.get(name) not in (size, None) or name not in listed:
            raise StoreError(
                f"the history at {self._where} holds {listed.get(name, 0)} of {size} bytes of the "
                f"trials of run {run.id}"
            )
        if size > _READ_BACK:
            return
        with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:
            back = Path(self._client.download_artifacts(place, name, folder))
            if _sha256(back) == _sha256(run.table):
                import pyarrow.parquet as pq

                rows = pq.read_metadata(back).num_rows
                if rows == run.trials:
                    return
            else:
                rows = 0
        raise StoreError(
            f"the history at {self._where} holds {rows:,} of {run.trials:,} trials of run {run.id}"
        )

    def _finish(self, place: str, at: str) -> None:
        self._client.set_tag(place, t.COMPLETE, "yes")
        self._client.set_terminated(place, "FINISHED", _ms(at))


def _title(tags: Mapping[str, str]) -> str:
    def get(name: str) -> str:
        return tags.get(f"{t.PREFIX}{name}", "")

    if tags[t.KIND] == "run":
        return f"{get('template')}@{get('label')}"[:200]
    if tags[t.KIND] == "event":
        return get("summary")[:200]
    return f"{get('baseline')} to {get('candidate')}: {get('verdict')}"[:200]


def _ms(at: str) -> int:
    try:
        return int(datetime.fromisoformat(at).timestamp() * 1000)
    except ValueError:
        return 0


def _same(held: float | None, given: float) -> bool:
    return held is not None and math.isclose(held, given, rel_tol=1e-12, abs_tol=1e-300)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
