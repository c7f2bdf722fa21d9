"""JSON: the whole comparison, unrounded, in the keys that are a contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from promptreg.stages.report import dump_json, write_whole
from promptreg.verdicts import Comparison


class JsonReporter:
    """Writes the comparison as one JSON object, the same that `compare --json` prints."""

    extensions: ClassVar[Sequence[str]] = (".json",)

    def write(self, comparison: Comparison, path: Path) -> None:
        """Write the report to `path`, whole or not at all."""
        write_whole(path, dump_json(comparison).encode())
