"""Which vectors are alike: neighbours by cosine, and a flat map of them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Alike", "alike", "flat_map", "nearest"]

_BLOCK = 1024


def nearest(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the `count` vectors most like each query, the most alike first.

    Args:
        queries: shape (queries, dimensions), each of length 1.
        vectors: shape (n, dimensions), each of length 1.
        count: at most this many; fewer if there are fewer vectors.

    Returns:
        Indexes into `vectors` and cosines, both of shape (queries, min(count, n)). Equal cosines
        are listed by index.
    """
    count = min(count, len(vectors))
    places = np.empty((len(queries), count), dtype=np.intp)
    cosines = np.empty((len(queries), count), dtype=np.float32)
    for start in range(0, len(queries), _BLOCK):  # bounded memory whatever the number of queries
        block = queries[start : start + _BLOCK] @ vectors.T
        order = np.argsort(-block, axis=1, kind="stable")[:, :count]
        places[start : start + _BLOCK] = order
        cosines[start : start + _BLOCK] = np.take_along_axis(block, order, axis=1)
    return places, cosines


@dataclass(frozen=True, slots=True)
class Alike:
    """Pairs of vectors that are alike.

    Attributes:
        pairs: how many.
        touched: how many vectors are in some pair.
        most: (i, j, cosine) of the most alike, i < j, cosines rounded to four places.
    """

    pairs: int
    touched: int
    most: tuple[tuple[int, int, float], ...]


def alike(vectors: NDArray[np.float32], least: float, listed: int) -> Alike:
    """Return the pairs whose cosine is at least `least`, the most alike first.

    Every pair is looked at, in blocks, so that memory stays bounded. Cosines are rounded to four
    places before they are compared: the last bits depend on the machine.

    Args:
        vectors: shape (n, dimensions), each of length 1.
        least: above 0, at most 1.
        listed: at most this many pairs are listed; all are counted.
    """
    n, pairs = len(vectors), 0
    touched = np.zeros(n, dtype=bool)
    most: list[tuple[int, int, float]] = []
    for start in range(0, n, _BLOCK):
        cosines = np.round(vectors[start : start + _BLOCK] @ vectors[start:].T, 4)
        rows, columns = np.nonzero(np.triu(cosines >= np.float32(round(least, 4)), k=1))
        pairs += len(rows)
        touched[rows + start] = touched[columns + start] = True
        values = cosines[rows, columns]
        # Stable, and rows come by i and then j: equal cosines are listed by index.
        first = np.argsort(-values, kind="stable")[:listed]
        most += [
            (int(rows[k]) + start, int(columns[k]) + start, round(min(float(values[k]), 1.0), 4))
            for k in first
        ]
        most = sorted(most, key=lambda pair: (-pair[2], pair[0], pair[1]))[:listed]
    return Alike(pairs, int(touched.sum()), tuple(most))


def flat_map(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return positions on the two directions in which vectors differ most, and what they show.

    Principal components by singular value decomposition; signs are fixed (the largest loading is
    positive), so that the same vectors give the same map. A map of two of several hundred
    dimensions shows neighbourhoods, not distances.

    Args:
        vectors: shape (n, dimensions).

    Returns:
        Positions, shape (n, 2), each axis scaled to [0, 1] (0.5 where all are equal), and the
        share of the variance that the two directions hold.
    """
    n = len(vectors)
    positions = np.full((n, 2), 0.5)
    centred = np.asarray(vectors, dtype=np.float64)
    centred = centred - centred.mean(axis=0) if n else centred
    total = float((centred**2).sum())
    if n < 2 or total <= 1e-12 * n:
        return positions, 0.0
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    used = min(2, len(singular))
    for axis in range(used):
        direction = directions[axis]
        sign = np.sign(direction[np.argmax(np.abs(direction))])
        along = centred @ direction * sign
        width = float(along.max() - along.min())
        if width > 1e-9:
            positions[:, axis] = (along - along.min()) / width
    return positions, float((singular[:used] ** 2).sum()) / total
