"""What goes wrong with the files of the store, said so that a person can mend it."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from promptreg.errors import StoreError

__all__ = ["damaged", "from_os", "from_sqlite", "running_version"]

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_CLOSED_TO_US = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
)


def running_version() -> str:
    """Return the version of the promptreg that runs now.

    Read from the loaded package, because importing it here would turn the layers upside down.
    """
    return str(getattr(sys.modules.get("promptreg"), "__version__", "unknown"))


def damaged(path: Path, found: str) -> StoreError:
    """Return the error for a damaged call store: the file, what was found, the way out."""
    return StoreError(
        f"{path}: {found}; expected a promptreg call store. `promptreg doctor --salvage` keeps "
        "every readable row and moves the damaged file aside (nothing is deleted)"
    )


def from_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    """Return the error of the store for an error of SQLite."""
    # Only errors that SQLite itself reports carry a code; the low byte is the class.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # Text that is no UTF-8 is found by the sqlite3 module rather than by SQLite: no code.
    if code in _DAMAGE or "decode to UTF-8" in str(error):
        return damaged(path, f"damaged ({error})")
    if code == sqlite3.SQLITE_FULL:
        return StoreError(
            f"{path}: no space left; everything committed before is kept. Free some space and run "
            "again to go on"
        )
    if code in _LOCKED:
        return StoreError(
            f"{path}: another process holds the lock ({error}); wait for it to end and run again"
        )
    if code in _CLOSED_TO_US:
        return StoreError(f"{path}: cannot be opened for writing ({error}); allow this user to")
    hint = " (is the disk full, or gone?)" if code == sqlite3.SQLITE_IOERR else ""
    return StoreError(f"{path}: {error}{hint}; everything committed before is kept")


def from_os(path: Path, error: OSError) -> StoreError:
    """Return the error of the store for an error of the operating system."""
    reason = error.strerror or type(error).__name__
    return StoreError(f"{path}: {reason}; the store needs a folder that can be written")
