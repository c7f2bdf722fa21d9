"""Neighbours and the flat map, against brute force and a plane known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from promptreg.stages.nearest import flat_map, nearest


def _unit(rng: np.random.Generator, n: int, d: int) -> NDArray[np.float32]:
    found = rng.normal(size=(n, d)).astype(np.float32)
    unit: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize(("queries", "n", "count"), [(1, 50, 5), (1500, 40, 3), (3, 2, 10)])
def test_neighbours_are_those_of_brute_force(queries: int, n: int, count: int) -> None:
    rng = np.random.default_rng(5)
    asked, vectors = _unit(rng, queries, 12), _unit(rng, n, 12)
    places, cosines = nearest(asked, vectors, count)
    assert places.shape == cosines.shape == (queries, min(count, n))
    for row in range(0, queries, 97):
        every = [float(asked[row] @ v) for v in vectors]
        best = sorted(range(n), key=lambda i: -every[i])[:count]
        assert places[row].tolist() == best
        assert cosines[row] == pytest.approx([every[i] for i in best], abs=1e-6)


def test_equal_cosines_come_in_order() -> None:
    vectors = np.array([[0, 1], [1, 0], [1, 0], [1, 0]], dtype=np.float32)
    places, _ = nearest(np.array([[1, 0]], dtype=np.float32), vectors, 3)
    assert places[0].tolist() == [1, 2, 3]


def test_the_map_finds_the_plane_that_the_points_lie_in() -> None:
    rng = np.random.default_rng(7)
    flat = rng.uniform(size=(60, 2)) * [3.0, 1.0]
    basis = np.linalg.qr(rng.normal(size=(20, 2)))[0]
    positions, shown = flat_map((flat @ basis.T).astype(np.float32))
    assert shown == pytest.approx(1.0, abs=1e-5)
    assert positions.min() == 0.0
    assert positions.max() == 1.0
    # The longer side of the plane is the first direction, up to its sign.
    assert abs(np.corrcoef(positions[:, 0], flat[:, 0])[0, 1]) > 0.99


def test_the_map_of_equal_points_or_none_is_its_middle() -> None:
    positions, shown = flat_map(np.ones((3, 4), dtype=np.float32))
    assert positions.tolist() == [[0.5, 0.5]] * 3
    assert shown == 0.0
    assert flat_map(np.empty((0, 4), dtype=np.float32))[0].shape == (0, 2)
    assert flat_map(np.ones((1, 4), dtype=np.float32))[0].tolist() == [[0.5, 0.5]]
