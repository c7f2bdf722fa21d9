"""What images hold: hashes of their bytes, which no edit of a picture leaves as they were."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from promptreg.errors import DataError
from promptreg.records import Scenario

__all__ = ["MAX_IMAGE_BYTES", "check_images", "image_sha256"]

MAX_IMAGE_BYTES = 50_000_000
_SETTLED_NS = 2_000_000_000
"""A file that changed later than this before it was read may change again within the same tick of
the clock, and look the same; its hash is not kept."""
_SHOWN = 5

_Seen = tuple[int, int, int, int, int]
_known: dict[str, tuple[_Seen, str]] = {}
"""Path to what the file looked like and its hash; for this process alone, never on disk."""


def image_sha256(path: str) -> str:
    """Return the SHA-256 (hex) of a file's bytes, read in pieces and not decoded.

    A file is read once in a process, as long as it looks the same: size, times of change (its
    inode's as well, which no program sets) and place.

    Raises:
        DataError: it is missing, no file, too large, or cannot be read.
    """
    try:
        seen = _seen(Path(path).stat())
        known = _known.get(path)
        if known is not None and known[0] == seen:
            return known[1]
        if not Path(path).is_file():
            raise DataError(f"image {path}: is no file")
        if seen[0] > MAX_IMAGE_BYTES:
            raise DataError(f"image {path}: larger than {MAX_IMAGE_BYTES:,} bytes")
        with Path(path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            after = _seen(os.fstat(file.fileno()))
    except OSError as e:
        raise DataError(f"image {path}: cannot be read: {e.strerror or e}") from e
    if seen == after and max(seen[1], seen[2]) < time.time_ns() - _SETTLED_NS:
        _known[path] = seen, found
    return found


def check_images(scenarios: Sequence[Scenario], place: Callable[[Scenario], str]) -> None:
    """Refuse scenarios whose images are not there; one message names them all.

    Raises:
        DataError: names the scenarios and their files.
    """
    lost = [
        f"{place(scenario)}: no image {path}"
        for scenario in scenarios
        for path in scenario.images
        if path not in _known and not Path(path).is_file()
    ]
    if lost:
        more = f"\n  and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        raise DataError("\n  ".join(lost[:_SHOWN]) + more)


def _seen(stat: os.stat_result) -> _Seen:
    return (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)
