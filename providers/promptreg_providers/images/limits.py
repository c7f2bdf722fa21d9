"""What an image may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["FORMATS", "ImageLimits"]

FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
"""Format to media type."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest image that is opened, and the formats that are read.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height; checked before anything is decoded.
        formats: some of `FORMATS`.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 40_000_000
    formats: tuple[str, ...] = tuple(FORMATS)

    @classmethod
    def of(cls, settings: Mapping[str, Any], where: str = "images") -> ImageLimits:
        """Return limits from settings.

        Raises:
            ValueError: a setting is unknown or has a value that is not allowed.
        """
        found: dict[str, Any] = {}
        for name, value in settings.items():
            if name in ("max_bytes", "max_pixels"):
                if type(value) is not int or value < 1:
                    raise ValueError(f"{where}.{name} is {value!r}; allowed: whole numbers from 1")
                found[name] = value
            elif name == "formats":
                if not isinstance(value, (list, tuple)) or not value or set(value) - set(FORMATS):
                    allowed = ", ".join(FORMATS)
                    raise ValueError(f"{where}.formats is {value!r}; allowed: some of {allowed}")
                found[name] = tuple(value)
            else:
                raise ValueError(
                    f"{where}.{name} is unknown; allowed: max_bytes, max_pixels, formats"
                )
        return cls(**found)

    def as_settings(self) -> dict[str, Any]:
        """Return the limits as JSON values."""
        return {**asdict(self), "formats": list(self.formats)}
