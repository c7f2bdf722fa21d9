"""Bytes become text: encodings, byte-order marks and size limits, for every file a suite names."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from promptreg.errors import DataError, UsageError
from promptreg.store.fixture import is_pointer, pull_hint

__all__ = ["decode", "numbered_lines", "read_bytes", "read_text"]

_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_bytes(path: Path, limit: int, error: type[UsageError] = DataError) -> bytes:
    """Return a regular file's bytes.

    Raises:
        UsageError: of the given type: no such file, not a regular file, or above `limit` bytes.
    """
    check_file(path, limit, error)
    try:
        return path.read_bytes()
    except OSError as e:
        raise error(f"{path}: cannot be read: {e.strerror}") from e


def check_file(path: Path, limit: int, error: type[UsageError] = DataError) -> None:
    """Refuse what is missing, is no regular file (a pipe would hang), or is too large."""
    try:
        if not path.is_file():
            kind = "is not a regular file" if path.exists() else "does not exist"
            raise error(f"{path}: {kind}")
        size = path.stat().st_size
    except (OSError, ValueError) as e:
        raise error(f"{path}: cannot be read: {e}") from e
    if size > limit:
        raise error(f"{path}: {size:,} bytes; at most {limit:,} are read")
    if is_pointer(path):
        raise error(pull_hint(path))


def decode(data: bytes, where: str, error: type[UsageError] = DataError) -> str:
    """Return the text of UTF-8 (with or without mark) or of UTF-16 with its mark.

    Raises:
        UsageError: of the given type, with the offset of the first byte that is wrong.
    """
    if data.startswith(_UTF32):
        raise error(f"{where}: is UTF-32; allowed: UTF-8, or UTF-16 with a byte-order mark")
    if data.startswith(_UTF16):
        encoding, skip = "utf-16", 0
    else:
        encoding = "utf-8"
        skip = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    try:
        return (data[skip:] if skip else data).decode(encoding)
    except UnicodeDecodeError as e:
        raise error(
            f"{where}: not valid {encoding.upper()} at byte {e.start + skip} ({e.reason}); "
            "allowed: UTF-8, or UTF-16 with a byte-order mark"
        ) from e


def read_text(path: Path, limit: int, error: type[UsageError] = DataError) -> str:
    """Return a file's text; see `read_bytes` and `decode`."""
    return decode(read_bytes(path, limit, error), str(path), error)


def numbered_lines(path: Path, limit: int) -> Iterator[tuple[int, str]]:
    r"""Yield (number from 1, line with its end) of a text file, split at `\n` only.

    UTF-8 is read line by line, so a large file is never in memory as a whole.

    Raises:
        DataError: as `read_bytes` and `decode`.
    """
    check_file(path, limit)
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if head.startswith((*_UTF16, *_UTF32)):
                text = decode(head + file.read(), str(path))
                yield from enumerate(io.StringIO(text, newline="\n"), 1)
                return
            offset = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
            file.seek(offset)
            for number, raw in enumerate(file, 1):
                try:
                    yield number, raw.decode()
                except UnicodeDecodeError as e:
                    raise DataError(
                        f"{path}: line {number}: not valid UTF-8 at byte {offset + e.start} of "
                        f"the file ({e.reason}); allowed: UTF-8, or UTF-16 with a byte-order mark"
                    ) from e
                offset += len(raw)
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror}") from e
