"""The scenarios of a log: the event's id, and the columns that were declared to be kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, UsageError

__all__ = ["ScenarioFile"]


class ScenarioFile:
    """Collects scenarios and writes them whole, or not at all.

    Args:
        path: a `.jsonl` file.

    Raises:
        UsageError: it is none.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".jsonl":
            raise UsageError(f"--scenarios {path}: cannot write {path.suffix!r}; allowed: .jsonl")
        self.path = path
        self._known: dict[str, str] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._known)

    def add(self, event: str, columns: dict[str, Any], where: str) -> None:
        """Take a scenario; an event that several templates answered must be told alike.

        Raises:
            DataError: it is told otherwise than before, or holds what JSON cannot say.
        """
        try:
            line = json.dumps({"scenario_id": event, **columns}, allow_nan=False)
        except (TypeError, ValueError) as e:
            raise DataError(f"{where}: a kept column is no JSON value: {e}") from e
        if self._known.setdefault(event, line) != line:
            raise DataError(f"{where}: event {event!r} has other kept columns than in a row before")

    def write(self) -> None:
        """Write the file."""
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            with part.open("w", encoding="utf-8") as out:
                out.writelines(f"{line}\n" for line in self._known.values())
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)
