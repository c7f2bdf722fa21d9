"""History `mlflow`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from promptreg import History, Probe
from promptreg.past import (
    Past,
    PastComparison,
    PastEvent,
    PastRun,
    PastTemplate,
    Record,
    Wanted,
)
from promptreg_plugins.mlflow_history.address import find_address
from promptreg_plugins.mlflow_history.prompts import Prompts
from promptreg_plugins.mlflow_history.reader import search
from promptreg_plugins.mlflow_history.session import Session, installed
from promptreg_plugins.mlflow_history.untag import comparison_from, event_from, run_from
from promptreg_plugins.mlflow_history.writer import Writer

__all__ = ["MlflowHistory"]


class MlflowHistory(History):
    """MLflow: a server, a database, or SQLite beside the run store; experiment, runs, prompts.

    Args:
        url: tracking URI; default: `MLFLOW_TRACKING_URI`, else a database in `folder`. User and
            password come from the environment alone.
        folder: where the database is where nothing else is named, with its artifacts.
    """

    def __init__(self, url: str | None = None, folder: str | None = None) -> None:
        self._address = find_address(url, folder)
        installed()
        self._session = Session(self._address)

    def where(self) -> str:
        """Return the address without user and password."""
        return f"MLflow, {self._address.shown}"

    def probe(self) -> Probe:
        """Return whether server or file is there; does not import mlflow."""
        return self._address.probe()

    def record(self, record: Record) -> bool:
        """Write what is new: prompts, runs, then the comparison; count it."""
        with self._session.client() as client:
            return self._writer(client).record(record)

    def _writer(self, client: Any) -> Writer:
        return Writer(client, self._address.artifacts, self._address.shown)

    def point(self, suite: str, aliases: Mapping[tuple[str, str], PastTemplate]) -> int:
        """Let aliases of prompts point where those of the template registry do."""
        with self._session.client() as client:
            prompts = Prompts(client)
            moved = [prompts.point(suite, alias, target) for (_, alias), target in aliases.items()]
        return sum(moved)

    def runs(self, wanted: Wanted) -> Sequence[PastRun]:
        """Return runs, the newest first."""
        if self._nothing_yet():
            return ()
        with self._session.client() as client:
            return [
                run_from(r.info.run_id, r.data.tags, r.data.metrics)
                for r in search(client, "run", wanted)
            ]

    def comparisons(self, wanted: Wanted) -> Sequence[PastComparison]:
        """Return comparisons, the newest first."""
        if self._nothing_yet():
            return ()
        with self._session.client() as client:
            return [
                comparison_from(r.info.run_id, r.data.tags, r.data.metrics)
                for r in search(client, "comparison", wanted)
            ]

    def events(self, wanted: Wanted) -> Sequence[PastEvent]:
        """Return events, the newest first."""
        if self._nothing_yet():
            return ()
        with self._session.client() as client:
            return [event_from(r.info.run_id, r.data.tags) for r in search(client, "event", wanted)]

    def _nothing_yet(self) -> bool:
        """Return whether the database was never made: asking is no reason to make it."""
        file = self._address.file
        return file is not None and not file.exists()

    def fetch(self, found: Past, name: str, folder: Path) -> Path | None:
        """Return an artifact."""
        with self._session.client() as client:
            if name not in {f.path for f in client.list_artifacts(found.place)}:
                return None
            folder.mkdir(parents=True, exist_ok=True)
            return Path(client.download_artifacts(found.place, name, str(folder)))

    def remove(self, found: Sequence[Past]) -> int:
        """Delete runs; in a database beside the run store for good, elsewhere as MLflow does."""
        with self._session.client() as client:
            for one in found:
                client.delete_run(one.place)
                if self._address.folder is not None:
                    self._erase(client, one.place)
        return len(found)

    def _erase(self, client: Any, place: str) -> None:
        """Take a deleted run out of the database, and its files with it, as `mlflow gc` does."""
        uri = client.get_run(place).info.artifact_uri
        client._tracking_client.store._hard_delete_run(place)
        root = Path(str(uri).removeprefix("file://")).parent
        folder = self._address.folder
        if folder is not None and root.name == place and (folder / "artifacts") in root.parents:
            shutil.rmtree(root, ignore_errors=True)
