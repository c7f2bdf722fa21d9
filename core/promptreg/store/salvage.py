"""A damaged call store: looked over row by row, and rebuilt from what can be read."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from promptreg.errors import StoreError
from promptreg.store.calls import FILE_NAME, LEASE_S
from promptreg.store.claims import live_owners
from promptreg.store.codec import COLUMNS, Row, body_checksum, unpack
from promptreg.store.folders import sync_folder
from promptreg.store.problems import from_os, from_sqlite
from promptreg.store.schema import build, connect, migrate, transaction

__all__ = ["SalvageReport", "salvage", "verify"]

_MOST_FINDINGS = 100
_COMPLETIONS = f"{COLUMNS}, written_at"
_BODIES = "request, raw, checksum"
_FAILURES = "key, written_at, cause, detail, status, attempts, duration_s"


@dataclass(frozen=True, slots=True)
class SalvageReport:
    """What came of salvaging a call store.

    Attributes:
        completions, failures: rows kept.
        lost: completions known to have been there that could not be kept; their calls are made
            again by the next run.
        bodies_lost: completions kept without their request and raw body.
        damaged: where the damaged file lies now.
    """

    completions: int
    failures: int
    lost: int
    bodies_lost: int
    damaged: Path


def verify(root: Path) -> list[str]:
    """Return what is wrong with the call store in a folder; empty when all is well.

    Reads every row. At most 100 findings of each sort are told.
    """
    path = root / FILE_NAME
    findings: list[str] = []
    try:
        with contextlib.closing(connect(path)) as connection:
            migrate(connection, path)
            connection.text_factory = _lenient
            for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST_FINDINGS})"):
                if line != "ok":
                    findings.append(f"{path}: {line}")
            query = (
                f"SELECT {COLUMNS.replace('checksum', 'completions.checksum')}, request, raw, "  # noqa: S608
                "bodies.checksum FROM completions NOT INDEXED LEFT JOIN bodies USING (id)"
            )
            bad = (line for row in connection.execute(query) if (line := _fault(row)))
            for line, _ in zip(bad, range(_MOST_FINDINGS), strict=False):
                findings.append(f"{path}: {line}")
    except StoreError as error:
        findings.append(str(error))
    except sqlite3.Error as error:
        findings.append(str(from_sqlite(path, error)))
    return findings


def _fault(row: Row) -> str:
    key, (request, raw, checksum) = row[0], row[12:]
    if not _sound(row[:12]):
        return f"completion {key} fails its checksum"
    if checksum is None:
        return f"completion {key} has no body"
    if not _sound_body(key, (request, raw, checksum)):
        return f"the body of completion {key} fails its checksum"
    return ""


def salvage(root: Path) -> SalvageReport:
    """Rebuild the call store in a folder from every readable row; keep the old file aside.

    Raises:
        StoreError: there is no store, a living process works on it, or the disk is full.
    """
    path = root / FILE_NAME
    if not path.exists():
        raise StoreError(f"{path}: missing; there is nothing to salvage")
    try:
        with tempfile.TemporaryDirectory(prefix=".salvage-", dir=root) as folder:
            old, new = Path(folder) / "old.sqlite", Path(folder) / "new.sqlite"
            for end in ("", "-wal"):
                if (part := path.with_name(path.name + end)).exists():
                    shutil.copyfile(part, old.with_name(old.name + end))
            build(new)
            with contextlib.closing(_open_damaged(old, new)) as source:
                _refuse_if_in_use(source, path)
                with contextlib.closing(connect(new)) as target, transaction(target):
                    kept, lost, bodies_lost = _copy_completions(source, target, old)
                    failures = _copy_failures(source, target, old)
            aside = _swap(path, new)
    except sqlite3.Error as error:
        raise from_sqlite(path, error) from error
    except OSError as error:
        raise from_os(root, error) from error
    return SalvageReport(kept, failures, lost, bodies_lost, aside)


def _open_damaged(old: Path, fresh: Path) -> sqlite3.Connection:
    """Open a copy of the damaged file; where its first page is bad, give it a good one.

    The first page holds the header and the list of tables, which are the same in every store.
    """
    connection = _open_lenient(old)
    try:
        connection.execute("SELECT id FROM completions LIMIT 0")
        connection.execute("SELECT id FROM bodies LIMIT 0")
        connection.execute("SELECT id FROM failures LIMIT 0")
    except sqlite3.Error:
        connection.close()
    else:
        return connection
    page = bytearray(fresh.read_bytes()[:4096])
    # Unequal counters: SQLite then takes the number of pages from the size of the file.
    page[24:28], page[92:96] = b"\0\0\0\2", b"\0\0\0\1"
    with old.open("r+b") as file:
        file.write(page)
    return _open_lenient(old)


def _open_lenient(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    # Lets SQLite open a file that is shorter than its header says.
    connection.execute("PRAGMA writable_schema = ON")
    connection.text_factory = _lenient
    return connection


def _refuse_if_in_use(source: sqlite3.Connection, path: Path) -> None:
    try:
        live = live_owners(source, LEASE_S)
    except (sqlite3.Error, TypeError):
        return  # unreadable: nobody can be at work with it
    if live:
        raise StoreError(f"{path}: process {live[0].pid} works on it; stop it first")


def _copy_completions(
    source: sqlite3.Connection, target: sqlite3.Connection, path: Path
) -> tuple[int, int, int]:
    kept, bodies_lost = 0, 0
    seen = _indexed_ids(source)
    for number, row in _readable(source, "completions", _COMPLETIONS, path, seen):
        seen.add(number)
        if not _sound(row[:12]):
            continue
        places = ", ".join("?" * 13)
        cursor = target.execute(
            f"INSERT OR IGNORE INTO completions ({_COMPLETIONS}) VALUES ({places})",  # noqa: S608
            row,
        )
        if cursor.rowcount != 1:
            seen.discard(number)
            continue
        kept += 1
        body = _body(source, number)
        if body is None or not _sound_body(row[0], body):
            body, bodies_lost = ("", "", body_checksum(row[0], "", "")), bodies_lost + 1
        target.execute("INSERT INTO bodies VALUES (?, ?, ?, ?)", (cursor.lastrowid, *body))
    return kept, len(seen) - kept, bodies_lost


def _copy_failures(source: sqlite3.Connection, target: sqlite3.Connection, path: Path) -> int:
    kept = 0
    for _, row in _readable(source, "failures", _FAILURES, path, set()):
        with contextlib.suppress(sqlite3.IntegrityError):
            target.execute(
                f"INSERT INTO failures ({_FAILURES}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                row,
            )
            kept += 1
    return kept


def _indexed_ids(source: sqlite3.Connection) -> set[int]:
    """Return the ids the index by key knows, as far as it can be read."""
    found: set[int] = set()
    with contextlib.suppress(sqlite3.Error):
        for (number,) in source.execute("SELECT id FROM completions ORDER BY key"):
            found.add(number)
    return found


def _readable(
    source: sqlite3.Connection, table: str, columns: str, path: Path, known: set[int]
) -> Iterator[tuple[int, Row]]:
    """Yield id and row of everything that can be read: forward, backward, then one by one."""
    query = f"SELECT id, {columns} FROM {table} NOT INDEXED"  # noqa: S608 - constants only
    low, high = 0, max(known, default=0) + 1
    try:
        for number, *row in source.execute(f"{query} ORDER BY id"):
            yield number, tuple(row)
            low = number
    except sqlite3.Error:
        pass
    else:
        return
    try:
        for number, *row in source.execute(f"{query} WHERE id > ? ORDER BY id DESC", (low,)):
            yield number, tuple(row)
            high = number
    except sqlite3.Error:
        # No row is smaller than its key, so the size of the file bounds their number.
        high = high if high > 1 else path.stat().st_size // 64
    for number in range(low + 1, high):
        with contextlib.suppress(sqlite3.Error):
            for _, *row in source.execute(f"{query} WHERE id = ?", (number,)):
                yield number, tuple(row)


def _body(source: sqlite3.Connection, number: int) -> Row | None:
    try:
        row: Row | None = source.execute(
            f"SELECT {_BODIES} FROM bodies WHERE id = ?",  # noqa: S608 - constants only
            (number,),
        ).fetchone()
    except sqlite3.Error:
        return None
    return row


def _swap(path: Path, new: Path) -> Path:
    """Put the rebuilt file in place of the damaged one, which stays under another name."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    while aside.exists():
        aside = aside.with_name(f"{aside.stem}x{aside.suffix}")
    for end in ("", "-wal"):
        if (part := path.with_name(path.name + end)).exists():
            _second_name(part, aside.with_name(aside.name + end))
    sync_folder(path.parent)
    # The old journal must be gone before the new file is there, or it would be played into it.
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    new.replace(path)
    sync_folder(path.parent)
    return aside


def _second_name(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)  # a file system without links


def _sound(row: Row) -> bool:
    try:
        unpack(row)
    except (StoreError, TypeError, ValueError, AttributeError):
        return False
    return True


def _sound_body(key: str, body: Row) -> bool:
    try:
        return bool(body_checksum(key, body[0], body[1]) == body[2])
    except (TypeError, ValueError, AttributeError):
        return False


def _lenient(data: bytes) -> str:
    """Decode text that may be damaged; the checksum tells afterwards."""
    return data.decode("utf-8", "replace")
