"""Rows as they were read, before anything is known about their meaning."""

from __future__ import annotations

from array import array
from collections.abc import ItemsView, Iterator, Mapping
from pathlib import Path
from typing import Any

from promptreg.errors import DataError

__all__ = ["MAX_COLUMNS", "MAX_FILE_BYTES", "MAX_ROWS", "Row", "Table"]

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_ROWS = 5_000_000
MAX_COLUMNS = 1_000
MAX_NAME = 200
_SHARED_TEXTS = 20_000
_SHARED_OBJECTS = 10_000
_TRIALS = 500


class Row(Mapping[str, Any]):
    """One row by column name; a column the row lacks is None.

    Rows of a file share the names, so a row costs one tuple: a million of them fit where a
    million dicts do not.
    """

    __slots__ = ("_index", "_values")

    def __init__(self, index: Mapping[str, int], values: tuple[Any, ...]) -> None:
        self._index = index
        self._values = values

    def __getitem__(self, name: str) -> Any:
        i = self._index[name]
        # A column that first appears further down is missing at the end of earlier rows.
        return self._values[i] if i < len(self._values) else None

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return repr(dict(self))

    def items(self) -> ItemsView[str, Any]:
        """Return the (name, value) pairs."""
        return _Items(self)

    def pairs(self) -> Iterator[tuple[str, Any]]:
        """Return the (name, value) pairs, faster than one look-up per name."""
        missing = len(self._index) - len(self._values)
        values = self._values + (None,) * missing if missing > 0 else self._values
        return zip(self._index, values, strict=True)


class _Items(ItemsView[str, Any]):
    _mapping: Row

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return self._mapping.pairs()


class Table:
    """Rows with one set of columns.

    Attributes:
        path: the file.
        index: column name to position.
        rows: values by position; may be shorter than `index`.
        unit: `line` or `row`: what the numbers in messages count.
        typed: whether values have types of their own (everything but CSV).
    """

    def __init__(self, path: Path, unit: str = "row", *, typed: bool = True) -> None:
        self.path = path
        self.index: dict[str, int] = {}
        self.rows: list[tuple[Any, ...]] = []
        self.unit = unit
        self.typed = typed
        self._numbers = array("L")
        self._texts: dict[str, str] = {}
        self._objects: dict[str, Any] = {}
        self._pays: dict[int, tuple[int, int]] = {}

    def add_column(self, name: Any, where: str) -> None:
        """Add a column.

        Raises:
            DataError: the name is empty, too long, no text, or there are too many.
        """
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
            raise DataError(
                f"{where}: {name!r:.100} is no column name; allowed: 1-{MAX_NAME} characters"
            )
        if len(self.index) >= MAX_COLUMNS:
            raise DataError(f"{where}: more than {MAX_COLUMNS} columns")
        self.index[name] = len(self.index)

    def add_mapping(self, row: Any, number: int) -> None:
        """Add an object read from JSON or YAML; unknown keys become columns."""
        if not isinstance(row, dict):
            raise DataError(
                f"{self.path}: {self.unit} {number}: must be an object, found {type(row).__name__}"
            )
        if not row.keys() <= self.index.keys():
            for name in row:
                if name not in self.index:
                    self.add_column(name, f"{self.path}: {self.unit} {number}")
        values = tuple([row.get(name) for name in self.index])
        for value in values:
            if type(value) is dict or type(value) is list:
                values = tuple([self._share_object(i, v) for i, v in enumerate(values)])
                break
        self.add_values(values, number)

    def add_values(self, values: tuple[Any, ...], number: int) -> None:
        """Add a row by position."""
        if len(self.rows) >= MAX_ROWS:
            raise DataError(f"{self.path}: more than {MAX_ROWS:,} scenarios")
        self.rows.append(values)
        self._numbers.append(number)

    def share(self, text: str) -> str:
        """Return an equal text that is kept once; for short words that come back."""
        if len(text) > 64:
            return text
        if len(self._texts) < _SHARED_TEXTS:
            return self._texts.setdefault(text, text)
        return self._texts.get(text, text)

    def _share_object(self, column: int, value: Any) -> Any:
        """Return an equal list or object that is kept once, in columns where that pays.

        Ground truth comes back again and again; detections hardly ever do.
        """
        if type(value) is not dict and type(value) is not list:
            return value
        asked, found = self._pays.get(column, (0, 0))
        if asked >= _TRIALS and found * 2 < asked:
            return value
        text = repr(value)
        known = self._objects.get(text)
        if known is None and len(self._objects) < _SHARED_OBJECTS:
            self._objects[text] = value
        self._pays[column] = (asked + 1, found + (known is not None))
        return value if known is None else known

    def place(self, i: int) -> str:
        """Return where row `i` (from 0) stands, for messages."""
        return f"{self.path}: {self.unit} {self._numbers[i]}"
