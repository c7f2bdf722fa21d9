"""An ONNX detector under onnxruntime, on one core. Runs in a worker process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from promptreg_providers.detector.candidates import Candidates
from promptreg_providers.detector.decoders import DECODERS
from promptreg_providers.detector.labels import labels_of

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["OnnxModel"]

_FLOOR = 0.01
"""Confidence below which no candidate is worth telling, whatever is asked for."""


class OnnxModel:
    """Prepares the picture, asks the model, reads what it proposes.

    Args:
        settings: `path` and, under `model`, what the provider's docstring names.

    Raises:
        ValueError: the model cannot be loaded, or its input is no picture.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        import onnxruntime

        model = settings["model"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                settings["path"], options, providers=["CPUExecutionProvider"]
            )
        except Exception as e:  # the runtime has a dozen types for this
            raise ValueError(f"{settings['path']} is no model that can be loaded: {e}") from e
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape)
        if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3:
            raise ValueError(
                f"{settings['path']} takes {[i.shape for i in inputs]}; "
                "allowed: one picture of shape (1, 3, height, width)"
            )
        self._input = inputs[0].name
        fixed = (shape[3], shape[2]) if all(isinstance(s, int) for s in shape[2:]) else None
        size = model.get("size") or fixed
        if size is None:
            raise ValueError("model.size: needed, as the model takes pictures of any size")
        if fixed is not None and tuple(size) != fixed:
            raise ValueError(f"model.size is {list(size)}, but the model takes {list(fixed)}")
        self._size = (int(size[0]), int(size[1]))
        self._decode = DECODERS[model["decoder"]]
        self._labels = labels_of(model.get("labels", "coco"))
        self._letterbox = model.get("resize", "letterbox") == "letterbox"
        self._flip = model.get("channels", "rgb") == "bgr"
        self._mean, self._std = model.get("mean", [0.0] * 3), model.get("std", [255.0] * 3)

    def find(self, picture: Image) -> Candidates:
        """Return all candidates, in pixels of the picture."""
        import numpy as np
        from PIL import Image as Pillow

        wide, high = self._size
        across, down = wide / picture.width, high / picture.height
        if self._letterbox:
            across = down = min(across, down)
        inner = (max(1, round(picture.width * across)), max(1, round(picture.height * down)))
        canvas = Pillow.new("RGB", self._size, (114, 114, 114))
        offset = ((wide - inner[0]) // 2, (high - inner[1]) // 2)
        canvas.paste(picture.resize(inner, Pillow.Resampling.BILINEAR), offset)
        pixels = np.asarray(canvas, dtype=np.float32)
        if self._flip:
            pixels = pixels[:, :, ::-1]
        pixels = (pixels - np.float32(self._mean)) / np.float32(self._std)
        given = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(np.float32))
        outputs = self._session.run(None, {self._input: given})
        ends, confidences, classes = self._decode(outputs, self._size, _FLOOR)
        shift = np.array([*offset, *offset], dtype=np.float64)
        back = np.array([picture.width / inner[0], picture.height / inner[1]] * 2)
        found = (np.asarray(ends, dtype=np.float64) - shift) * back
        return [
            (self._label(int(c)), min(1.0, max(0.0, float(p))), *(float(v) for v in row))  # type: ignore[misc]
            for row, p, c in zip(found, confidences, classes, strict=True)
        ]

    def _label(self, place: int) -> str:
        if not 0 <= place < len(self._labels):
            raise ValueError(
                f"the model names class {place}, but there are {len(self._labels)} labels"
            )
        return self._labels[place]
