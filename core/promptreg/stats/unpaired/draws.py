"""Random redistributions of the units to the versions, shared by all metrics of one analysis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.model import Floats

__all__ = ["Draws", "Totals"]

_BLOCK_ELEMENTS = 1 << 17
_FEWEST = 1_999
_ELEMENTS = 100_000_000
"""Labels to draw at the most, over all rows: a log of a million events still ends."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Which units go to the candidate in which permutation; as many as were drawn for it.

    All other draws of that size are enumerated when they are no more than ``most``; otherwise
    ``most`` rows are drawn with replacement. The observed draw is the one additional row
    (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).

    Attributes:
        assigned: Whether each unit was drawn for the candidate, shape (units,).
        most: Upper limit of rows. Logs of more than 10,000 units get fewer, 1,999 at least:
            their null distribution is known well by then.
        seed: Seed of the rows; the same seed and units give the same rows.
    """

    assigned: NDArray[np.bool_]
    most: int
    seed: int

    @property
    def n_units(self) -> int:
        """G, both sides together."""
        return len(self.assigned)

    @property
    def enumerated(self) -> bool:
        """Whether every possible draw is a row."""
        few = min(int(self.assigned.sum()), int((~self.assigned).sum()))
        if few and self.n_units > self.most + 1:  # one unit alone has as many places
            return False
        return math.comb(self.n_units, few) <= self.most + 1

    @property
    def rows(self) -> int:
        """Number of rows B."""
        if self.enumerated:
            return math.comb(self.n_units, int(self.assigned.sum())) - 1
        return min(self.most, max(_FEWEST, _ELEMENTS // max(1, self.n_units)))

    def blocks(self, width: int = 0, rows: int | None = None) -> Iterator[NDArray[np.bool_]]:
        """Yield the rows in blocks of shape (at most some, G), always the same.

        Args:
            width: Elements that the caller needs for a row, where that is more than G.
            rows: Stop after so many.
        """
        wanted = self.rows if rows is None else min(rows, self.rows)
        yield from self._all(wanted) if self.enumerated else self._some(wanted, width)

    def _all(self, wanted: int) -> Iterator[NDArray[np.bool_]]:
        size = int(self.assigned.sum())
        observed = tuple(int(i) for i in np.flatnonzero(self.assigned))
        others = (c for c in itertools.combinations(range(self.n_units), size) if c != observed)
        left = wanted
        while left > 0:
            block = np.zeros((min(left, 512), self.n_units), dtype=bool)
            for row in block:
                row[list(next(others))] = True
            left -= len(block)
            yield block

    def _some(self, wanted: int, width: int) -> Iterator[NDArray[np.bool_]]:
        size = int(self.assigned.sum())
        few = min(size, self.n_units - size)
        # A block of its own size for every caller would give every caller other rows.
        drawn = max(4, _BLOCK_ELEMENTS // max(1, self.n_units))
        step = max(1, _BLOCK_ELEMENTS // max(1, width, self.n_units))
        rng = np.random.Generator(np.random.PCG64(self.seed))
        left = wanted
        while left > 0:
            keys = rng.random((drawn, self.n_units), dtype=np.float32)
            block = np.zeros(keys.shape, dtype=bool)
            chosen = np.argpartition(keys, few - 1, axis=1)[:, :few]
            np.put_along_axis(block, chosen, True, axis=1)
            if few != size:
                block = ~block
            block = block[:left]
            left -= len(block)
            for start in range(0, len(block), step):
                yield block[start : start + step]


@dataclass(slots=True)
class Totals:
    """Per-unit numbers whose totals over the candidate's units are wanted, in every permutation."""

    n_units: int
    _index: dict[bytes, int] = field(default_factory=dict)
    _columns: list[Floats] = field(default_factory=list)

    def add(self, column: Floats) -> int:
        """Register per-unit numbers, shape (G,), and return their index; equal ones are shared."""
        key = np.ascontiguousarray(column).tobytes()
        if key not in self._index:
            self._index[key] = len(self._columns)
            self._columns.append(column)
        return self._index[key]

    def of(self, draws: Draws) -> Floats:
        """Return the totals, shape (columns, rows)."""
        if not self._columns:
            return np.zeros((0, draws.rows))
        matrix = np.column_stack(self._columns)
        found = np.empty((draws.rows, matrix.shape[1]))
        done = 0
        for block in draws.blocks():
            np.matmul(block.astype(np.float64), matrix, out=found[done : done + len(block)])
            done += len(block)
        return np.ascontiguousarray(found.T)
