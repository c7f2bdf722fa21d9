"""Opens an image that nobody vouches for. Runs in a worker process."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promptreg_providers.images.limits import ImageLimits

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ImageRefusedError", "Opened", "opened"]


class ImageRefusedError(Exception):
    """The file is no image that may be read; the message says why, without the path."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A decoded image.

    Attributes:
        picture: upright (as its camera notes say), in RGB.
        kind: `png`, `jpeg` or `webp`.
        sha256: of the file's bytes, which are those that were decoded.
    """

    picture: Image
    kind: str
    sha256: str


def opened(path: str, limits: ImageLimits) -> Opened:
    """Return the image at `path`, whole.

    Raises:
        ImageRefusedError: too large, of another format, animated, damaged or unreadable.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Path(path).open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except OSError as e:
        raise ImageRefusedError(f"it cannot be read: {e.strerror}") from e
    if len(data) > limits.max_bytes:
        raise ImageRefusedError(f"it is larger than {limits.max_bytes:,} bytes")
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=[f.upper() for f in limits.formats])
            width, height = picture.size
            if width * height > limits.max_pixels:
                raise ImageRefusedError(_too_many(limits))
            if getattr(picture, "n_frames", 1) > 1:
                raise ImageRefusedError("it is animated; allowed: a single picture")
            kind = str(picture.format or "").lower()
            picture.load()
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except ImageRefusedError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise ImageRefusedError(_too_many(limits)) from e
    except UnidentifiedImageError as e:
        raise ImageRefusedError(f"it is none of {', '.join(limits.formats)}") from e
    except Exception as e:  # decoders raise whatever they like on damaged files
        raise ImageRefusedError(f"it cannot be decoded: {type(e).__name__}: {e}") from e
    return Opened(upright, kind, hashlib.sha256(data).hexdigest())


def _too_many(limits: ImageLimits) -> str:
    return f"it has more than {limits.max_pixels:,} pixels"
