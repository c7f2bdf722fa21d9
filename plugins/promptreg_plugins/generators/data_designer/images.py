"""Images for scenarios: found in a folder, dealt to the rows, and handed over as data."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptreg.errors import DataError, SuiteError

__all__ = ["Images"]

_KINDS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
_HEADS = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n", "webp": b"RIFF"}
_MOST_BYTES = 10_000_000
_MOST_IMAGES = 10_000


class Images:
    """The images of a folder; sub-folders named after scenario types serve these alone.

    Args:
        folder: with `.jpg`, `.png` or `.webp` files.
        types: the scenario types.

    Raises:
        SuiteError: there is no such folder, or nothing in it.
    """

    def __init__(self, folder: Path, types: Sequence[str]) -> None:
        if not folder.is_dir():
            raise SuiteError(f"images: {folder} is no folder")
        found = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in _KINDS and path.is_file() and not path.is_symlink()
        )
        if not found or len(found) > _MOST_IMAGES:
            raise SuiteError(
                f"images: {folder} holds {len(found):,} images ({', '.join(_KINDS)}); allowed: 1 "
                f"to {_MOST_IMAGES:,}"
            )
        self.folder = folder
        self._by_type: dict[str, list[Path]] = defaultdict(list)
        for path in found:
            first = path.relative_to(folder).parts[0]
            self._by_type[first if first in types else ""].append(path)

    def deal(self, cells: Sequence[Mapping[str, str]]) -> list[Path]:
        """Return an image for each cell, all of a type in turn.

        Raises:
            SuiteError: there is none for a type.
        """
        used: dict[str, int] = defaultdict(int)
        dealt = []
        for cell in cells:
            kind = cell.get("scenario_type", "")
            images = self._by_type.get(kind) or self._by_type.get("")
            if not images:
                raise SuiteError(f"images: {self.folder} has none for scenario_type {kind}")
            dealt.append(images[used[kind] % len(images)])
            used[kind] += 1
        return dealt

    def digest(self) -> str:
        """Return the SHA-256 of names and contents of all images."""
        whole = hashlib.sha256()
        for paths in (self._by_type[kind] for kind in sorted(self._by_type)):
            for path in paths:
                whole.update(str(path.relative_to(self.folder)).encode() + b"\0" + _bytes(path))
        return whole.hexdigest()


def as_data(path: Path) -> str:
    """Return an image as a data address.

    Raises:
        DataError: it cannot be read, is too large, or is not what its name says.
    """
    data = _bytes(path)
    kind = _KINDS[path.suffix.lower()]
    if not data.startswith(_HEADS[kind]):
        raise DataError(f"{path}: is no {kind.upper()} image")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: more than {_MOST_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as e:
        raise DataError(f"{path}: cannot be read: {e.strerror or e}") from e


__all__ += ["as_data"]
