"""What the outputs of detectors mean, by family. Runs in a worker process.

Each decoder returns boxes (n, 4) as left, top, right, bottom in pixels of the model's input,
confidences (n,) and classes (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DECODERS"]


def yolo(outputs: Sequence[NDArray[Any]], size: tuple[int, int], floor: float) -> Any:
    """Read one output of shape (1, 4 + classes, n) or (1, n, 4 + classes): YOLOv8 and its heirs.

    Each row: centre x, centre y, width, height, then one confidence per class.
    """
    import numpy as np

    rows = _single(outputs)
    if rows.shape[0] < rows.shape[1]:
        rows = rows.T
    if rows.shape[1] < 5:
        raise ValueError(f"the output has {rows.shape[1]} values a box; yolo has at least 5")
    classes = rows[:, 4:].argmax(1)
    best = rows[np.arange(len(rows)), 4 + classes]
    rows, classes, best = rows[best >= floor], classes[best >= floor], best[best >= floor]
    half = rows[:, 2:4] / 2
    return np.hstack([rows[:, :2] - half, rows[:, :2] + half]), best, classes


def boxes(outputs: Sequence[NDArray[Any]], size: tuple[int, int], floor: float) -> Any:
    """Read one output of shape (1, n, 6): left, top, right, bottom, confidence, class.

    What end-to-end models give (YOLOv10, YOLO26, and others exported with their suppression).
    """
    import numpy as np

    rows = _single(outputs)
    if rows.shape[1] != 6:
        raise ValueError(f"the output has {rows.shape[1]} values a box; boxes has 6")
    rows = rows[rows[:, 4] >= floor]
    return rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp)


def nanodet(outputs: Sequence[NDArray[Any]], size: tuple[int, int], floor: float) -> Any:
    """Read outputs in pairs: class confidences (1, n, c) and distances (1, n, 4 bins) per stride.

    NanoDet tells each side of a box as a distribution over bins of one stride; its mean counts.
    """
    import numpy as np

    found: list[Any] = []
    by_count: dict[int, list[NDArray[Any]]] = {}
    for output in outputs:
        by_count.setdefault(output.shape[1], []).append(output[0])
    for count, pair in by_count.items():
        stride = round((size[0] * size[1] / count) ** 0.5)
        if len(pair) != 2 or count != -(-size[0] // stride) * -(-size[1] // stride):
            raise ValueError(f"outputs of {count} rows are no pair of nanodet")
        scores, sides = sorted(pair, key=lambda p: bool(p.min() < 0 or p.max() > 1))
        classes = scores.argmax(1)
        best = scores[np.arange(count), classes]
        chosen = np.flatnonzero(best >= floor)
        bins = sides[chosen].reshape(len(chosen), 4, -1)
        shares = np.exp(bins - bins.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        reach = shares @ np.arange(bins.shape[2]) * stride
        y, x = np.divmod(chosen, -(-size[0] // stride))
        centre = np.stack([x, y], 1) * stride + (stride - 1) / 2
        ends = np.hstack([centre - reach[:, :2], centre + reach[:, 2:]])
        found.append((ends, best[chosen], classes[chosen]))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def _single(outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if len(outputs) != 1 or outputs[0].ndim != 3 or outputs[0].shape[0] != 1:
        shapes = ", ".join(str(o.shape) for o in outputs)
        raise ValueError(f"the model's outputs are {shapes}; allowed: one of shape (1, n, m)")
    rows: NDArray[Any] = outputs[0][0]
    return rows


DECODERS: Mapping[str, Callable[[Sequence[NDArray[Any]], tuple[int, int], float], Any]] = {
    "yolo": yolo,
    "boxes": boxes,
    "nanodet": nanodet,
}
