"""Images of scenarios: pictures that a scenario names, inside the suite's folder, and no others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from promptreg_plugins.web.problems import NotFoundError

__all__ = ["read_image"]

_MOST = 20_000_000
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""What a browser shows and nothing else: SVG could hold scripts, and names say nothing."""


def read_image(base: Path, path: str) -> tuple[bytes, str]:
    """Return the bytes of a picture and its media type.

    Args:
        base: the suite's folder.
        path: as a scenario names it; links may have changed since it was read.

    Raises:
        NotFoundError: it leads out of the folder, or is no picture that is shown.
    """
    name = f"image {Path(path).name:.120}"
    try:
        real = Path(path).resolve(strict=True)
        if not real.is_relative_to(base.resolve()):
            raise NotFoundError(f"{name} lies outside of the suite's folder: it is not served")
        # A pipe must not be waited for, nor a link followed that came since.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(real, flags), "rb") as file:  # noqa: PTH123 - a descriptor, no path
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NotFoundError(f"{name} is no file")
            body = file.read(_MOST + 1)
    except (OSError, RuntimeError, ValueError) as e:
        raise NotFoundError(f"{name} cannot be read") from e
    if len(body) > _MOST:
        raise NotFoundError(f"{name} is larger than {_MOST:,} bytes: it is not served")
    for beginning, kind in _BEGINNINGS.items():
        if body.startswith(beginning):
            return body, kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return body, "image/webp"
    raise NotFoundError(f"{name} is no PNG, JPEG, GIF or WebP: it is not served")
