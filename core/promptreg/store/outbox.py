"""What waits to be recorded in the history: a compressed JSON file each, whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import re
import secrets
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptreg.errors import StoreError
from promptreg.store.folders import make_folder, sync_folder
from promptreg.store.problems import from_os, running_version

__all__ = ["FORMAT", "Outbox", "Waiting"]

FORMAT = 1
_NAME = re.compile(r"[0-9a-f]{8,64}\.json.gz\Z")
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Waiting:
    """One entry: its id, its file, and its page (an HTML report), if it has one."""

    id: str
    path: Path

    @property
    def page(self) -> Path:
        """Where the entry's HTML report lies, if there is one."""
        return self.path.with_name(f"{self.id}.html")


class Outbox:
    """Entries that wait below a store's folder.

    Args:
        root: the run store's folder.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "history" / "outbox"
        self._lock = root / "history" / "lock"

    def put(self, id_: str, content: Mapping[str, Any]) -> Waiting:
        """Keep an entry durably; one of the same id stays as it is.

        Raises:
            StoreError: it cannot be written.
        """
        waiting = Waiting(id_, self.folder / f"{id_}.json.gz")
        if waiting.path.exists():
            return waiting
        head = {"format": FORMAT, "written_by": f"promptreg {running_version()}"}
        text = json.dumps({**head, **content}, ensure_ascii=True, allow_nan=False)
        fresh = self.folder / f".{id_}.{os.getpid()}-{secrets.token_hex(4)}"
        try:
            make_folder(self.folder)
            with fresh.open("wb") as file:
                file.write(gzip.compress(text.encode("ascii"), 4, mtime=0))
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(waiting.path)
            sync_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise from_os(self.folder, error) from error
        return waiting

    def waiting(self) -> list[Waiting]:
        """Return what waits, the oldest first."""
        try:
            found = [path for path in self.folder.iterdir() if _NAME.match(path.name)]
            return [
                Waiting(path.name.partition(".")[0], path)
                for _, path in sorted((path.stat().st_mtime_ns, path) for path in found)
            ]
        except FileNotFoundError:  # none yet, or another process has just recorded one
            return [] if not self.folder.exists() else self.waiting()
        except OSError as error:
            raise from_os(self.folder, error) from error

    def read(self, waiting: Waiting) -> dict[str, Any]:
        """Return an entry's content.

        Raises:
            StoreError: it is damaged, or of another format; names the file.
        """
        try:
            with gzip.open(waiting.path) as file:
                text = file.read(_MOST_BYTES + 1)
            if len(text) > _MOST_BYTES:
                raise StoreError(f"{waiting.path}: more than {_MOST_BYTES} bytes; this is no entry")
            content = json.loads(text)
        except (gzip.BadGzipFile, EOFError, zlib.error, ValueError, RecursionError) as error:
            raise StoreError(f"{waiting.path}: damaged, no compressed JSON ({error})") from error
        except OSError as error:
            raise from_os(waiting.path, error) from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, dict) else None
            raise StoreError(
                f"{waiting.path}: format {found!r:.40}; promptreg {running_version()} reads "
                f"format {FORMAT}"
            )
        return content

    def remove(self, waiting: Waiting) -> None:
        """Forget an entry that was recorded."""
        try:
            waiting.path.unlink(missing_ok=True)
            waiting.page.unlink(missing_ok=True)
        except OSError as error:
            raise from_os(waiting.path, error) from error

    @contextlib.contextmanager
    def alone(self, patience_s: float = 0.0) -> Iterator[bool]:
        """Hold the only right to record from here.

        Gives False where another process has held it for longer than `patience_s`.
        """
        try:
            make_folder(self._lock.parent)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise from_os(self._lock, error) from error
        try:
            yield self._taken(handle, time.monotonic() + patience_s)
        finally:
            os.close(handle)

    @staticmethod
    def _taken(handle: int, until: float) -> bool:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(0.05)
