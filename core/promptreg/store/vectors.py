"""Vectors of texts, kept so that no text is embedded twice."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import StoreError
from promptreg.store.folders import make_folder
from promptreg.store.problems import from_os

__all__ = ["FILE_NAME", "VectorStore"]

FILE_NAME = "vectors.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    key TEXT PRIMARY KEY,
    dimensions INTEGER NOT NULL,
    vector BLOB NOT NULL
) WITHOUT ROWID
"""
_CHUNK = 500


class VectorStore:
    """Vectors by key, in one SQLite file that may be deleted at any time.

    A vector can always be made again, so commits do not wait for the disk. All methods raise
    `StoreError` when the file cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / FILE_NAME
        with self._errors():
            make_folder(root)
            self._connection = sqlite3.connect(self.path, timeout=30)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_SCHEMA)

    def __enter__(self) -> VectorStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get_many(self, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors that are there; one of damaged length counts as absent."""
        found: dict[str, NDArray[np.float32]] = {}
        with self._errors():
            for start in range(0, len(keys), _CHUNK):
                asked = json.dumps(list(keys[start : start + _CHUNK]))
                rows = self._connection.execute(
                    "SELECT key, dimensions, vector FROM vectors "
                    "WHERE key IN (SELECT value FROM json_each(?))",
                    (asked,),
                )
                for key, dimensions, blob in rows:
                    if len(blob) == 4 * dimensions:
                        found[key] = np.frombuffer(blob, dtype="<f4")
        return found

    def put_many(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors; those that are there stay."""
        rows = [(k, len(v), np.asarray(v, dtype="<f4").tobytes()) for k, v in vectors.items()]
        with self._errors(), self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as e:
            raise StoreError(
                f"{self.path}: {e}; it holds nothing that cannot be computed again: delete it "
                "(and the files beside it that begin like it) and run again"
            ) from e
        except OSError as e:
            raise from_os(self.path, e) from e
