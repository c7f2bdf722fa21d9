"""A team's own pipeline, as the provider `detector` calls it."""

from __future__ import annotations

import os
import time
from typing import Any

from PIL import Image


def brightest(path: str, prompt: str, label: str = "lamp") -> list[dict[str, Any]]:
    """Find the one white rectangle."""
    print("a pipeline may print what it likes")
    with Image.open(path) as picture:
        ends = picture.convert("L").point(lambda v: 255 if v > 250 else 0).getbbox()
    if ends is None:
        return []
    left, top, right, bottom = ends
    return [{"label": label, "confidence": 0.9, "bbox": [left, top, right - left, bottom - top]}]


def enriched(path: str, prompt: str) -> dict[str, Any]:
    return {"detections": brightest(path, prompt), "description": f"asked: {prompt}"}


def broken(path: str, prompt: str) -> None:
    raise RuntimeError("no GPU left")


def crashes(path: str, prompt: str) -> None:
    os._exit(3)


def hangs(path: str, prompt: str) -> None:
    time.sleep(60)


def nonsense(path: str, prompt: str) -> str:
    return "a text"
