"""Settings of the provider `detector`, checked before any process is started."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, MissingPackageError

__all__ = ["checked_model", "file_hashes", "module_file", "need_packages", "share"]

_NEEDED = {
    "opencv_hog": {"cv2": "'opencv-python-headless<5'", "PIL": "pillow"},
    "onnx": {"onnxruntime": "onnxruntime", "PIL": "pillow"},
    "python": {"PIL": "pillow"},
    "http": {"PIL": "pillow"},
}
_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "opencv_hog": {},
    "onnx": {
        "decoder": ("yolo", "boxes", "nanodet"),
        "resize": ("letterbox", "stretch"),
        "channels": ("rgb", "bgr"),
    },
}
_OTHERS: Mapping[str, Mapping[str, int | None]] = {
    "opencv_hog": {"stride": None, "scale": None},
    "onnx": {"labels": None, "size": 2, "mean": 3, "std": 3},
}


def need_packages(engine: str) -> None:
    """Check that an engine's packages are installed.

    Raises:
        MissingPackageError: one is not.
    """
    missing = [name for module, name in _NEEDED[engine].items() if find_spec(module) is None]
    if missing:
        raise MissingPackageError(
            f"the provider 'detector' with engine {engine!r} needs packages that are not "
            f"installed: pip install {' '.join(missing)}"
        )


def share(name: str, value: object) -> float:
    """Return a number from 0 to 1.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; allowed: 0 to 1")
    return float(value)


def checked_model(engine: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings under `model`.

    Raises:
        ValueError: one is unknown, missing or not allowed.
    """
    choices = _CHOICES.get(engine, {})
    others = _OTHERS.get(engine, {})
    if model and engine not in _CHOICES:
        raise ValueError(f"model: has no meaning with engine {engine!r}")
    if engine == "onnx" and "decoder" not in model:
        raise ValueError(f"model.decoder: needed; allowed: {', '.join(choices['decoder'])}")
    for name, value in model.items():
        if name in choices:
            if value not in choices[name]:
                allowed = ", ".join(choices[name])
                raise ValueError(f"model.{name} is {value!r}; allowed: {allowed}")
        elif name == "labels":
            sound = value == "coco" or (isinstance(value, list) and value)
            if not sound or any(not isinstance(v, str) or not v for v in value):
                raise ValueError(
                    f"model.labels is {value!r:.60}; allowed: coco, or a list of names"
                )
        elif name == "stride":
            if value not in (4, 8, 16):
                raise ValueError(f"model.stride is {value!r}; allowed: 4, 8, 16")
        elif name == "scale":
            if not isinstance(value, float) or not 1.01 <= value <= 2:
                raise ValueError(f"model.scale is {value!r}; allowed: 1.01 to 2.0")
        elif name in others:
            _numbers(name, value, int(others[name] or 0))
        else:
            allowed = ", ".join([*choices, *others])
            raise ValueError(f"model.{name} is unknown; allowed: {allowed}")
    return dict(model)


def _numbers(name: str, value: Any, count: int) -> None:
    sound = isinstance(value, list) and len(value) == count
    for v in value if sound else ():
        sound = sound and not isinstance(v, bool) and isinstance(v, (int, float))
        sound = sound and math.isfinite(v) and (v > 0 or name == "mean")
        if name == "size":
            sound = sound and type(v) is int and 16 <= v <= 8192
    if not sound:
        what = "two whole numbers from 16 to 8192" if name == "size" else "three numbers"
        raise ValueError(f"model.{name} is {value!r:.60}; allowed: {what}")


def module_file(function: str, folder: Path | None) -> Path:
    """Return the file of `module:function`, without importing it.

    Raises:
        ValueError: it is no such text, or there is no such module.
    """
    name, _, attribute = function.partition(":")
    if not attribute.isidentifier() or not all(p.isidentifier() for p in name.split(".")):
        raise ValueError(f"function is {function!r:.80}; allowed: module:function")
    if folder is not None:
        base = folder.joinpath(*name.split("."))
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                return file
        raise ValueError(f"function: there is no module {name} in {folder}")
    try:
        spec = find_spec(name)
    except ImportError:
        spec = None
    if spec is None or not spec.origin or not Path(spec.origin).is_file():
        raise ValueError(f"function: there is no module {name}; 'path' may name its folder")
    return Path(spec.origin)


def file_hashes(files: Sequence[Path]) -> list[str]:
    """Return the SHA-256 (hex) of each file.

    Raises:
        DataError: one cannot be read.
    """
    found = []
    for path in files:
        try:
            with path.open("rb") as file:
                found.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as e:
            raise DataError(f"detector: {path} cannot be read: {e.strerror}") from e
    return found
