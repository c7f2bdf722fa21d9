"""Images as parts of a chat message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promptreg.errors import DataError
from promptreg_providers.images.limits import FORMATS, ImageLimits
from promptreg_providers.images.pool import Workers

__all__ = ["ImageParts"]


class ImageParts:
    """Turns image files into `image_url` parts with the file's own bytes as data URI.

    Args:
        limits: what an image may be.
        detail: sent along, for servers that know `low`, `high` and `auto`.
    """

    def __init__(self, limits: ImageLimits, detail: str | None = None) -> None:
        self._limits, self._detail = limits, detail
        self._workers = Workers({"do": "check", "limits": limits.as_settings()})
        self._known: dict[str, tuple[str, str]] = {}

    async def parts(self, paths: Sequence[str]) -> list[dict[str, Any]]:
        """Return one part per image.

        Raises:
            DataError: an image is refused, or changed while it was looked at.
        """
        return [await self._part(path) for path in paths]

    async def aclose(self) -> None:
        """End the worker."""
        await self._workers.aclose()

    async def _part(self, path: str) -> dict[str, Any]:
        data = await asyncio.to_thread(self._read, path)
        sha256 = hashlib.sha256(data).hexdigest()
        known = self._known.get(path)
        if known is None or known[0] != sha256:
            reply = await self._workers.do({"image": path})
            if reply["sha256"] != sha256:
                raise DataError(f"image {path}: it changed while it was read")
            known = self._known[path] = (sha256, str(reply["kind"]))
        url = f"data:{FORMATS[known[1]]};base64,{base64.b64encode(data).decode('ascii')}"
        detail = {"detail": self._detail} if self._detail else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}

    def _read(self, path: str) -> bytes:
        try:
            with Path(path).open("rb") as file:
                data = file.read(self._limits.max_bytes + 1)
        except OSError as e:
            raise DataError(f"image {path}: it cannot be read: {e.strerror}") from e
        if len(data) > self._limits.max_bytes:
            raise DataError(f"image {path}: it is larger than {self._limits.max_bytes:,} bytes")
        return data
