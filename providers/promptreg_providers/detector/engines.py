"""The engines of the provider `detector`. Runs in a worker process."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from promptreg_providers.detector.candidates import Candidates, answer_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["engine_of"]

Detect = Callable[["Image", Mapping[str, Any]], Any]
"""From the picture and the job to the answer's JSON value."""


def engine_of(settings: Mapping[str, Any]) -> Detect:
    """Return what finds things in a picture.

    Raises:
        ValueError: the settings do not fit the model.
    """
    if settings["do"] == "python":
        return _python(settings)
    find: Callable[[Image], Candidates]
    if settings["do"] == "opencv_hog":
        find = _hog(settings)
    else:
        from promptreg_providers.detector.onnx_model import OnnxModel

        find = OnnxModel(settings).find

    def detect(picture: Image, job: Mapping[str, Any]) -> Any:
        return answer_of(find(picture), picture.size, job["min_confidence"], job["overlap"])

    return detect


def _hog(settings: Mapping[str, Any]) -> Callable[[Image], Candidates]:
    """Return OpenCV's people detector: histograms of gradients and a linear SVM.

    Dalal, Triggs 2005, "Histograms of Oriented Gradients for Human Detection". Its weight is a
    distance to the SVM's plane, not a probability; what is above 1 is told as 1.
    """
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    hog: Any = cv2.HOGDescriptor()  # its own types do not take its own detector
    hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
    model = settings["model"]
    stride, scale = int(model.get("stride", 8)), float(model.get("scale", 1.05))

    def find(picture: Image) -> Candidates:
        pixels = np.asarray(picture)[:, :, ::-1].copy()
        if min(pixels.shape[0] / 128, pixels.shape[1] / 64) < 1:
            return []  # its window is 64 x 128: in a smaller picture there is no place to look
        places, weights = hog.detectMultiScale(pixels, winStride=(stride, stride), scale=scale)
        return [
            ("person", min(1.0, max(0.0, float(weight))), x, y, x + w, y + h)
            for (x, y, w, h), weight in zip(places, np.ravel(weights), strict=True)
        ]

    return find


def _python(settings: Mapping[str, Any]) -> Detect:
    """Return a function of the user's as an engine."""
    name, _, attribute = str(settings["function"]).partition(":")
    function = getattr(importlib.import_module(name), attribute, None)
    if not callable(function):
        raise TypeError(f"function: {name} has no function {attribute!r}")
    options = dict(settings["options"])

    def detect(picture: Image, job: Mapping[str, Any]) -> Any:
        found = function(str(job["image"]), str(job["prompt"]), **options)
        return {"detections": found} if isinstance(found, list) else found

    return detect
