"""Token buckets in bounded memory: so many at once, so many a second."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]


class Buckets:
    """One bucket for each name; each holds `burst` and refills by `per_s` a second.

    At most `names` buckets are kept; the one unused for longest makes room for a new one, which
    forgets at most `burst` requests of somebody who was quiet.
    """

    def __init__(
        self,
        *,
        per_s: float,
        burst: float,
        names: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_s = per_s
        self.burst = burst
        self.names = names
        self.clock = clock
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """Return how long until the bucket holds one again; 0 if it does now."""
        return max(0.0, (1.0 - self._now(name)[0]) / self.per_s)

    def take(self, name: str) -> float:
        """Take one and return 0; or take none and return the seconds to wait."""
        held, now = self._now(name)
        if held < 1.0:
            return (1.0 - held) / self.per_s
        self._kept[name] = (held - 1.0, now)
        self._kept.move_to_end(name)
        while len(self._kept) > self.names:
            self._kept.popitem(last=False)
        return 0.0

    def _now(self, name: str) -> tuple[float, float]:
        now = self.clock()
        held, then = self._kept.get(name, (self.burst, now))
        return min(self.burst, held + (now - then) * self.per_s), now

    def __len__(self) -> int:
        return len(self._kept)
