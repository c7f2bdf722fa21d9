"""What a generator has made so far, kept at once: a killed generation goes on where it stopped."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from promptreg.errors import StoreError
from promptreg.protocols import Generated
from promptreg.records import Json

__all__ = ["Journal", "fingerprint"]


def fingerprint(facts: Mapping[str, Json]) -> str:
    """Return the SHA-256 (hex) of what shapes a set: identity, seed and size."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Journal:
    """One file of JSON lines per fingerprint, and a lock on it; slots that failed are not kept.

    Args:
        folder: of all journals.
        name: the fingerprint; other settings are other work.
        fresh: forget what was made before.

    Raises:
        StoreError: it cannot be written, or another process is at the same work.
    """

    def __init__(self, folder: Path, name: str, *, fresh: bool = False) -> None:
        self.path = folder / f"{name[:32]}.jsonl"
        self.folder = folder / name[:32]
        """For the generator's own files."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = self.path.open("a+", encoding="utf-8", newline="\n")
        except OSError as e:
            raise StoreError(f"{self.path}: cannot be written: {e.strerror or e}") from e
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            self._file.close()
            raise StoreError(
                f"{self.path}: another promptreg generates the same scenarios; wait for it to end"
            ) from e
        if fresh:
            self._file.truncate(0)
            shutil.rmtree(self.folder, ignore_errors=True)
        self.made = self._read()

    def _read(self) -> dict[str, Generated]:
        """Return slot to what was made; a line cut off by a kill is none, and is cut away."""
        made: dict[str, Generated] = {}
        self._file.seek(0)
        whole = 0
        data = self.path.read_bytes()
        for line in data.splitlines(keepends=True):
            try:
                found = Generated(**json.loads(line)) if line.endswith(b"\n") else None
            except (ValueError, TypeError, RecursionError):
                found = None
            if found is None:
                break
            whole += len(line)
            made[found.slot] = found
        if whole < len(data):
            self._file.truncate(whole)
        return made

    def add(self, made: Generated) -> None:
        """Keep a row.

        Raises:
            StoreError: it could not be written.
        """
        facts: dict[str, Any] = asdict(made)
        try:
            self._file.write(json.dumps(facts, ensure_ascii=True, allow_nan=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as e:
            raise StoreError(
                f"{self.path}: cannot be written: {e.strerror or e}; what it holds is kept"
            ) from e

    def close(self, *, finished: bool) -> None:
        """Let go of the journal; once everything is frozen, it has done its work."""
        if finished:
            self.path.unlink(missing_ok=True)
        self._file.close()
