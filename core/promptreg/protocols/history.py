"""What a history must be able to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from promptreg.past import Past, PastComparison, PastEvent, PastRun, PastTemplate, Record, Wanted
from promptreg.protocols.provider import Probe

__all__ = ["History"]


@runtime_checkable
class History(Protocol):
    """Remembers runs and comparisons for good.

    Called apart from any run, by one writer at a time. Libraries it needs are imported in its
    methods, not when it is made.
    """

    def where(self) -> str:
        """Return where it is kept, in a few words and without secrets."""
        ...

    def probe(self) -> Probe:
        """Return whether it can be reached, within a few seconds and without writing."""
        ...

    def record(self, record: Record) -> bool:
        """Take in what is not there yet, whole, and return whether anything was new.

        What is there under its id is left alone; what an interrupted call left half done is
        completed. Before it returns, it counts what it wrote.

        Raises:
            StoreError: it could not be reached, or holds less than it was given.
        """
        ...

    def point(self, suite: str, aliases: Mapping[tuple[str, str], PastTemplate]) -> int:
        """Let aliases of templates ((template, alias) to version) point where they do now.

        Returns how many were moved. Registers versions it does not know.

        Raises:
            StoreError: it could not be reached.
        """
        return 0

    def runs(self, wanted: Wanted) -> Sequence[PastRun]:
        """Return runs, the newest first, with measures and without files.

        Raises:
            StoreError: it could not be reached.
        """
        ...

    def comparisons(self, wanted: Wanted) -> Sequence[PastComparison]:
        """Return comparisons, the newest first, with lines and without reports.

        Raises:
            StoreError: it could not be reached.
        """
        ...

    def events(self, wanted: Wanted) -> Sequence[PastEvent]:
        """Return promotions, rollbacks and bisections, the newest first, without reports.

        Raises:
            StoreError: it could not be reached.
        """
        return ()

    def fetch(self, found: Past, name: str, folder: Path) -> Path | None:
        """Return a file that was recorded with a run, a comparison or an event.

        That is `trials.parquet` or `manifest.json`; `report.json` or `report.html`; `report.json`
        or `report.md`. It lies in `folder`, or wherever it may be read. None: it was never
        recorded.

        Raises:
            StoreError: it could not be reached.
        """
        ...

    def remove(self, found: Sequence[Past]) -> int:
        """Remove runs, comparisons and events, and return how many there were.

        Raises:
            StoreError: it could not be reached.
        """
        ...
