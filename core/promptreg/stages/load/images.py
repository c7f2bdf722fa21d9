"""Paths of a scenario's images, kept inside the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from promptreg.errors import DataError
from promptreg.stages.load.jsonfile import parse_json
from promptreg.stages.load.places import Places
from promptreg.stages.load.table import Row, Table

__all__ = ["IMAGE_COLUMNS", "Images"]

IMAGE_COLUMNS = ("image_path", "images")
MAX_IMAGES = 64


class Images:
    """Finds the images of rows; paths are relative to the scenario file."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._columns = [c for c in IMAGE_COLUMNS if c in table.index]
        self._places = Places(table.path.parent, DataError) if self._columns else None

    def of(self, row: Row, n: int) -> tuple[str, ...]:
        """Return the paths, as they can be opened.

        Raises:
            DataError: no text, an address instead of a path, or outside of the project.
        """
        if self._places is None:
            return ()
        found: dict[str, None] = {}
        for column in self._columns:
            for path in self._listed(row[column], column, n):
                where = f"{self._table.place(n)}: {column}"
                if not isinstance(path, str) or not path or "\0" in path:
                    raise DataError(f"{where}: {path!r:.80} is no path")
                if "://" in path or path.startswith("data:"):
                    raise DataError(
                        f"{where}: {path!r:.80} is an address; allowed: paths of local files"
                    )
                found[str(self._places.inside(Path(path), where))] = None
        if len(found) > MAX_IMAGES:
            raise DataError(f"{self._table.place(n)}: more than {MAX_IMAGES} images")
        return tuple(found)

    def _listed(self, value: Any, column: str, n: int) -> list[Any]:
        if value is None:
            return []
        if isinstance(value, str) and column == "images" and value.startswith("["):
            value = parse_json(value, f"{self._table.place(n)}: {column}")
        return value if isinstance(value, list) else [value]
