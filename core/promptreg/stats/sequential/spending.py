"""How much of alpha each look may spend."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, ndtri

__all__ = ["Schedule", "obrien_fleming"]

_LEAST = 1e-6  # of alpha per unit of time: keeps the first of many looks from rounding to 0


def obrien_fleming(alpha: float, time: float) -> float:
    """Return the error that may be spent up to `time`: ``4 (1 - Phi(z_{1-alpha/4} / sqrt(t)))``.

    Lan & DeMets 1983, Biometrika 70:659, for two sides of alpha/2 each; close to the boundaries of
    O'Brien & Fleming 1979, Biometrics 35:549. Almost nothing is spent early, so that the last look
    costs hardly more data than a single one would.

    Deviation: never less than a millionth of alpha times t, where the formula is numerically 0.

    Args:
        alpha: Two-sided error over all looks.
        time: Share of the information, 0 to 1; a plan made before the first look, so a wrong guess
            of it costs power, never validity.
    """
    if not (0 < alpha < 0.5 and 0 <= time <= 1):
        raise ValueError(f"alpha {alpha} must be in (0, 0.5) and time {time} in [0, 1]")
    if time in (0, 1):
        return alpha * time
    tail = 4.0 * float(ndtr(ndtri(alpha / 4) / math.sqrt(time)))
    return min(alpha, max(tail, _LEAST * alpha * time))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When there are looks, and what each may spend.

    Attributes:
        times: Planned share of the information at each look, increasing; the last is 1.
        alpha: Two-sided error over all looks.
        proofs: Looks whose intervals may prove something, spread evenly; 0: all of them. The
            union bound over few of them costs less than over many.
    """

    times: tuple[float, ...]
    alpha: float
    proofs: int = 0

    def __post_init__(self) -> None:
        increasing = all(a < b for a, b in zip((0.0, *self.times), self.times, strict=False))
        if not self.times or not increasing or self.times[-1] != 1.0:
            raise ValueError(f"times {self.times} must increase from above 0 and end at 1")

    def __len__(self) -> int:
        return len(self.times)

    def spent(self, look: int) -> float:
        """Return the error that accusations may have spent after a look (from 0)."""
        return obrien_fleming(self.alpha, self.times[look])

    def increment(self, look: int) -> float:
        """Return what a look adds: the error of its intervals, which sum to alpha over all."""
        if not self.proofs:
            return self.spent(look) - (self.spent(look - 1) if look else 0.0)
        proving = self._proving()
        if look not in proving:
            return _LEAST * self.alpha / len(self)
        at = proving.index(look)
        own = self.spent(look) - (self.spent(proving[at - 1]) if at else 0.0)
        return own * (1 - _LEAST)  # what the looks between may err

    def proves(self, look: int) -> bool:
        """Return whether a look may prove something: pass a gate before all is asked."""
        return not self.proofs or look in self._proving()

    def _proving(self) -> list[int]:
        """Return the looks at or just after equal shares of the information."""
        places = (
            next(i for i, time in enumerate(self.times) if time >= (k + 1) / self.proofs - 1e-9)
            for k in range(self.proofs)
        )
        return sorted(set(places))

    def draws(self, fewest: int, most: int) -> int:
        """Return how many flips resolve the earliest look that `most` of them can resolve.

        A look that may spend less than one flip of all can accuse nothing, however bad the data.
        """
        for spent in map(self.spent, range(len(self))):
            needed = math.ceil(1.0 / spent) + 1
            if needed <= most:
                return max(fewest, needed)
        return fewest
