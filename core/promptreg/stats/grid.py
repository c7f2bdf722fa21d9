"""Scores on an integer grid, so that sums are exact and ties can be counted.

Whether a flipped sum is exactly 0 decides discrete p-values. Floating sums depend on their
order, on the BLAS and on the number of threads; sums of integers below 2**53 do not. So
differences are scaled by a power of two and rounded to integers before they are summed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.model import Floats

RELATIVE_TIE = 1e-12
"""Differences below this share of the scores themselves are rounding noise, thus ties."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Values as integers (stored as float64, for the BLAS).

    Attributes:
        values: ``round(x * scale)``, same shape as the input.
        scale: A power of two; 1 when the input is already integer.
        exact: Whether nothing was rounded.
    """

    values: Floats
    scale: float
    exact: bool


def to_grid(x: Floats) -> Grid:
    """Return x on the finest integer grid on which any sum of its entries stays exact."""
    largest = float(np.max(np.abs(x), initial=0.0))
    if largest == 0.0:
        return Grid(np.zeros_like(x), 1.0, True)
    room = 52 - math.ceil(math.log2(x.size + 1)) - math.frexp(largest)[1]
    if room >= 0 and bool(np.all(x == np.rint(x))):
        return Grid(np.array(x), 1.0, True)
    scale = math.ldexp(1.0, min(room, 1000))
    values = np.rint(x * scale)
    return Grid(values, scale, bool(np.all(values == x * scale)))


def differences(baseline: Floats, candidate: Floats) -> Floats:
    """Return candidate - baseline summed over repeats, shape (n,); rounding noise becomes 0.

    The sum, not the mean: R repeats of an integer score keep integer differences.
    """
    d: Floats = candidate.sum(axis=1) - baseline.sum(axis=1)
    size = np.abs(baseline).sum(axis=1) + np.abs(candidate).sum(axis=1)
    d[np.abs(d) <= RELATIVE_TIE * size] = 0.0
    return d


def tie_tolerance(grid: Grid, baseline: Floats, candidate: Floats) -> float:
    """Return how near to 0, in grid units, a sum of differences counts as 0.

    Half a unit for integers (exact); else ``RELATIVE_TIE`` of the total of all scores, which
    covers the rounding of decimal input such as 0.1 + 0.2 - 0.3, plus the grid's own rounding.
    """
    if grid.exact and grid.scale == 1.0:
        return 0.5
    total = float(np.abs(baseline).sum() + np.abs(candidate).sum())
    return RELATIVE_TIE * total * grid.scale + 0.5 * (grid.values.size + 1)


def family_sums(values: Floats, families: NDArray[np.intp], n_families: int) -> Floats:
    """Return the sum of values in each family, shape (n_families,)."""
    return np.bincount(families, weights=values, minlength=n_families).astype(np.float64)
