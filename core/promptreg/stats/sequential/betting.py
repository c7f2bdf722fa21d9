"""Bets on the mean of a bounded difference: they hold whatever its distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from promptreg.stats.model import Floats

__all__ = ["BoundedBets"]

_HALF = 0.5
"""What a bet stakes at the most of what could be lost at once (c of the source)."""
_STEPS = 40
"""Halvings that find an end of the interval, to a trillionth of the range."""


def _nothing() -> Floats:
    return np.zeros(0)


@dataclass(slots=True)
class BoundedBets:
    """Hedged bets against every mean change m of one line, family by family.

    ``K+_t(m) = prod (1 + lambda_i (D_i - m n_i) / width)``, where D_i is the sum of family i's
    differences, n_i its scenarios, and width the distance between the largest and the smallest sum
    of any family; ``K-`` bets the other way. If the mean change per scenario is m, each factor has
    mean 1 given the past, so ``max(K+, K-) / 2`` ever reaches 1/alpha with probability at most
    alpha (Ville's inequality), however often somebody looks, and the m at which it has not are an
    interval that covers at all looks together. Unlike a flip, it needs no symmetry: a rare large
    loss among small gains that leaves the mean as it was is no change here.

    ``lambda_i = sqrt(2 log(2/alpha) / (v_{i-1} i log(1 + i)))``, at most half of what a single
    family could lose; v is the variance so far of the sums, scaled to [0, 1], with 1/4 as if seen
    once before. A metric whose changes are small beside its range is learnt of slowly: that is
    the price.

    References:
        Waudby-Smith & Ramdas 2024, J. R. Stat. Soc. B 86:1 (theorem 3, equations 24-26).
        Deviation: families of several scenarios enter by their sums, against m times their number.

    Args:
        reach: Largest possible difference of one scenario.
        largest: Scenarios of the largest family that is planned.
        alpha: Two-sided error over all looks.
    """

    reach: float
    largest: int
    alpha: float
    sums: Floats = field(default_factory=_nothing)
    """Of the families so far, candidate minus baseline."""
    sizes: Floats = field(default_factory=_nothing)

    def bet(self, sums: Floats, sizes: Floats) -> None:
        """Take further families' differences, in an order that does not depend on them."""
        self.sums = np.concatenate([self.sums, sums])
        self.sizes = np.concatenate([self.sizes, sizes])

    def copy(self) -> BoundedBets:
        """Return the same state, to go on differently."""
        return replace(self)

    @property
    def up(self) -> float:
        """The log of what the bets on a rise hold of the capital now; they began with half."""
        return self._capital(0.0, 1.0, self._stakes()) - math.log(2)

    @property
    def down(self) -> float:
        """The same of the bets on a fall."""
        return self._capital(0.0, -1.0, self._stakes()) - math.log(2)

    def interval(self) -> tuple[float, float]:
        """Return the mean changes that are not excluded now: lowest and highest."""
        stakes, enough = self._stakes(), math.log(2 / self.alpha)

        def excluded(side: float) -> Callable[[float], bool]:
            return lambda m: self._capital(m, side, stakes) >= enough

        return self._end(excluded(1.0), 1.0), self._end(excluded(-1.0), -1.0)

    def _end(self, excluded: Callable[[float], bool], side: float) -> float:
        """Return where a side's interval ends; its capital falls with ``side * m``."""
        out, into = -side * self.reach, side * self.reach
        if not excluded(out):
            return out
        for _ in range(_STEPS):
            middle = (out + into) / 2
            out, into = (middle, into) if excluded(middle) else (out, middle)
        return out  # the excluded one of both: the interval is never too narrow

    def _width(self) -> float:
        return 2.0 * self.reach * self.largest

    def _stakes(self) -> Floats:
        """Return lambda of each family, made of those before it."""
        x = self.sums / self._width() + 0.5
        i = np.arange(1, len(x) + 1)
        means = (0.5 + np.cumsum(x)) / (i + 1)
        spread = (0.25 + np.cumsum((x - means) ** 2)) / (i + 1)
        before = np.concatenate([[0.25], spread[:-1]])
        stakes: Floats = np.sqrt(2 * math.log(2 / self.alpha) / (before * i * np.log1p(i)))
        return stakes

    def _capital(self, m: float, side: float, stakes: Floats) -> float:
        """Return log K of one side against m."""
        worst = (self.reach + side * m) * self.largest / self._width()
        cap = _HALF / worst if worst > 0 else math.inf
        gains = side * (self.sums - m * self.sizes) / self._width()
        return float(np.log1p(np.minimum(stakes, cap) * gains).sum())
