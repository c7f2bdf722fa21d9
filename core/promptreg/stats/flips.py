"""Random sign flips of whole families, shared by all metrics of one analysis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.model import Floats

# Rows are unpacked in blocks that stay in the processor's cache; larger blocks are slower.
_BLOCK_ELEMENTS = 1 << 17


@dataclass(frozen=True, slots=True)
class Flips:
    """Which families are flipped in which draw; the identity (nothing flipped) is not a row.

    All 2**G - 1 other flips are enumerated when they are no more than ``draws``; otherwise
    ``draws`` rows are drawn with replacement. Either way the observed data are the one
    additional row, so ``(count + 1) / (rows + 1)`` is exact when enumerated and valid when
    sampled (Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39).

    Attributes:
        n_families: G.
        draws: Upper limit of rows.
        seed: Seed of the rows; the same seed and G give the same rows.
    """

    n_families: int
    draws: int
    seed: int

    @property
    def enumerated(self) -> bool:
        """Whether every possible flip is a row."""
        return self.n_families < 63 and 2**self.n_families <= self.draws + 1

    @property
    def rows(self) -> int:
        """Number of rows B."""
        return 2**self.n_families - 1 if self.enumerated else self.draws

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the rows as 0/1 blocks of shape (at most some, G), always the same."""
        width = max(1, self.n_families)
        step = max(4, _BLOCK_ELEMENTS // width)
        # uint64 words make the stream independent of the block size.
        words = -(-width // 64)
        rng = np.random.Generator(np.random.PCG64(self.seed))
        for start in range(0, self.rows, step):
            size = min(step, self.rows - start)
            if self.enumerated:
                numbers = np.arange(start + 1, start + size + 1, dtype=np.uint64)[:, None]
            else:
                numbers = rng.integers(0, 2**64, size=(size, words), dtype=np.uint64)
            packed = np.ascontiguousarray(numbers.astype("<u8", copy=False)).view(np.uint8)
            yield np.unpackbits(packed, axis=1, count=self.n_families, bitorder="little")


@dataclass(slots=True)
class Columns:
    """Per-family numbers whose flipped sums are wanted; equal columns are summed once."""

    n_families: int
    _index: dict[bytes, int] = field(default_factory=dict)
    _columns: list[Floats] = field(default_factory=list)

    def add(self, column: Floats) -> int:
        """Register integer-valued per-family numbers, shape (G,), and return their index."""
        key = column.tobytes()
        if key not in self._index:
            self._index[key] = len(self._columns)
            self._columns.append(column)
        return self._index[key]

    def flipped_sums(self, flips: Flips) -> Floats:
        """Return the sum over the flipped families, shape (columns, rows).

        Exact, hence independent of summation order: all numbers are integers whose total is
        below 2**53 (see :mod:`promptreg.stats.grid`).
        """
        if not self._columns:
            return np.zeros((0, flips.rows))
        matrix = np.column_stack(self._columns)
        sums = np.empty((flips.rows, matrix.shape[1]))
        done = 0
        for block in flips.blocks():
            size = len(block)
            np.matmul(block.astype(np.float64), matrix, out=sums[done : done + size])
            done += size
        return np.ascontiguousarray(sums.T)
