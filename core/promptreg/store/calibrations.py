"""Calibrations of the gate on disk: one JSON document each, written whole, few of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from promptreg.store.folders import make_folder, sync_folder
from promptreg.store.problems import from_os

__all__ = ["FOLDER", "MOST_FILES", "read_calibrations", "write_calibration"]

FOLDER = "calibration"
MOST_FILES = 32
"""Older ones make room."""
_MOST_BYTES = 1_000_000


def write_calibration(root: Path, name: str, document: Mapping[str, Any]) -> Path:
    """Keep a document, whole or not at all, and return where; the oldest beyond 32 go.

    Args:
        root: the run store's folder.
        name: of the file, without ending; one of the same name is replaced.
        document: JSON values.

    Raises:
        StoreError: it cannot be written.
    """
    folder = root / FOLDER
    path = folder / f"{name}.json"
    part = folder / f".{name}.{os.getpid()}.part"
    try:
        make_folder(folder)
        with part.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise from_os(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    for old in _files(folder)[MOST_FILES:]:
        with suppress(OSError):
            old.unlink()
    return path


def read_calibrations(root: Path) -> Iterator[tuple[Path, Any, str]]:
    """Yield each file, the newest first: its path, its JSON value, and why there is none."""
    for path in _files(root / FOLDER)[:MOST_FILES]:
        try:
            if path.stat().st_size > _MOST_BYTES:
                yield path, None, f"more than {_MOST_BYTES:,} bytes"
                continue
            yield path, json.loads(path.read_text("utf-8")), ""
        except OSError as error:
            yield path, None, error.strerror or type(error).__name__
        except (ValueError, RecursionError) as error:
            yield path, None, f"no JSON ({error})"


def _files(folder: Path) -> list[Path]:
    """Return the documents of a folder, the newest first."""
    found: list[tuple[float, str, Path]] = []
    with suppress(OSError):
        for path in folder.glob("*.json"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path.name, path))
    return [path for _, _, path in sorted(found, reverse=True)]
