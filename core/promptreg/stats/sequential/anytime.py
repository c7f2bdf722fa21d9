"""Accusations at any time: e-processes, which no number of looks can wear out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, logsumexp

from promptreg.stats.checks import Checked
from promptreg.stats.grid import differences, family_sums
from promptreg.stats.model import Floats
from promptreg.stats.passfail import is_pass_fail
from promptreg.stats.ranks import log_ratios
from promptreg.stats.sequential.betting import BoundedBets

__all__ = ["AnyTime", "Strict", "Wager"]

BETS: Floats = np.array([sign * x for x in (0.03, 0.06, 0.12, 0.25, 0.5, 1.0) for sign in (-1, 1)])
"""Lambda: how much each bet stakes per unit of the typical difference; half of them on a loss."""


@dataclass(slots=True)
class Wager:
    """A bet against "the versions are the same" on one line, family by family.

    ``E_t = mean over lambda of prod_i (1 + tanh(lambda d_i / s_{i-1}))``, where ``d_i`` is the sum
    of family i's differences and ``s_{i-1}`` the root mean square of the families before it. If
    the versions are the same, the sign of each ``d_i`` is a fair coin whatever its size and
    whatever came before, and tanh is odd, so every factor has mean 1: E is a martingale, and
    P(E ever reaches 1/alpha) <= alpha (Ville 1939), however often and for whatever reason somebody
    looks. Ratio metrics take differences of totals, latency the logarithm of its ratio.

    Pass/fail with one repeat and no families: of n changes k are losses; the uniform mixture of all
    coins against a fair one, ``2^n / ((n + 1) C(n, k))``.

    References:
        Ville 1939, Etude critique de la notion de collectif. Ramdas, Grunwald, Vovk & Shafer 2023,
        Stat. Sci. 38:576 (game-theoretic statistics). Howard, Ramdas, McAuliffe & Sekhon 2021, Ann.
        Stat. 49:1055.
    """

    logs: Floats = field(default_factory=lambda: np.zeros(len(BETS)))
    squares: float = 0.0
    count: int = 0
    won: int = 0
    lost: int = 0
    coin: bool | None = None
    """Whether signs alone are bet on: pass/fail; None before the first data."""
    up: float = -math.log(2)
    """The largest log of what the bets on a rise held of E so far; they begin with half of it."""
    down: float = -math.log(2)
    """The same of the bets on a fall."""

    def bet(self, d: Floats) -> None:
        """Take further families' differences, in an order that does not depend on them."""
        if not d.size:
            return
        before = self.squares + np.concatenate([[0.0], np.cumsum(d[:-1] ** 2)])
        counts = self.count + np.arange(len(d))
        known = before > 0
        scaled = np.zeros_like(d)
        scaled[known] = d[known] / np.sqrt(before[known] / counts[known])
        # 1 + tanh(x) = 2 / (1 + exp(-2x)): its logarithm without a rounding of tiny factors to 0.
        factors = math.log(2) - np.logaddexp(0.0, -2.0 * np.outer(scaled, BETS))
        path = self.logs + np.cumsum(factors, axis=0)
        up, down = (logsumexp(path[:, sign * BETS > 0], axis=1) for sign in (1, -1))
        self._reach(up - math.log(len(BETS)), down - math.log(len(BETS)))
        self.logs = path[-1]
        self.squares += float(d @ d)
        self.count += len(d)

    def toss(self, d: Floats) -> None:
        """Take the signs of further differences; those that are 0 say nothing."""
        signs = np.sign(d[d != 0])
        if not signs.size:
            return
        won = self.won + np.cumsum(signs > 0)
        lost = self.lost + np.cumsum(signs < 0)
        both = (won + lost) * math.log(2) + betaln(won + 1.0, lost + 1.0)
        # What the coins hold that fall on one side more often than on the other: half of all.
        halves = (betainc(lost + 1.0, won + 1.0, 0.5), betainc(won + 1.0, lost + 1.0, 0.5))
        with np.errstate(divide="ignore"):
            up, down = (both + np.log(half) for half in halves)
        self._reach(up, down)
        self.won, self.lost = int(won[-1]), int(lost[-1])

    def _reach(self, up: Floats, down: Floats) -> None:
        self.up, self.down = max(self.up, float(up.max())), max(self.down, float(down.max()))

    def copy(self) -> Wager:
        """Return the same state, to go on differently."""
        return replace(self, logs=self.logs.copy())


@dataclass(frozen=True, slots=True)
class Strict:
    """What bets need that assume nothing of a bounded score's distribution.

    Attributes:
        largest: Scenarios of the largest family that is planned.
        alpha: Two-sided error of each line's interval over all looks.
    """

    largest: int
    alpha: float


class AnyTime:
    """Wagers on all gating lines; one is accused where E reaches lines / alpha (e-Bonferroni).

    The bets on one side must reach it without those on the other. They begin with half of E, so
    each side errs at most alpha / 2, and a stretch that went one way neither accuses of the other
    nor hides it.

    A family's first asking counts; so further repeats of it add nothing here. Figures made of all
    rows have no sum over families, so there is no wager on them.

    Args:
        n_families: Families of the plan.
        lines: Gating lines that have scenarios when all of the plan is asked. Those that come with
            later looks share the error from the first look on.
        strict: Bet on means of bounded scores without assuming that a difference is as likely to
            point to either side; None: with. Other lines have no bound to bet by, and assume it.
    """

    def __init__(self, n_families: int, lines: int = 0, strict: Strict | None = None) -> None:
        self.lines = lines
        self._strict = strict
        self._wagers: dict[str, Wager | BoundedBets] = {}
        self._seen: dict[str, NDArray[np.bool_]] = {}
        self._n_families = n_families

    def copy(self) -> AnyTime:
        """Return the same state, to go on differently."""
        other = AnyTime(self._n_families, self.lines, self._strict)
        other._wagers = {name: wager.copy() for name, wager in self._wagers.items()}
        other._seen = {name: seen.copy() for name, seen in self._seen.items()}
        return other

    def look(self, lines: Sequence[Checked]) -> dict[str, tuple[float, float]]:
        """Take the families that are new; return p-values, adjusted for all lines and both sides.

        Of each gating line that of a rise and that of a fall, ``min(1, lines / max E of the
        side)``: small for ever once it was, and at most alpha on any line whose versions are the
        same with probability at most alpha, over all lines, sides and times together. Strict bets
        count what they hold now, as their intervals do.

        Args:
            lines: All lines so far, those without data included.
        """
        wagered = [data for data in lines if data.metric.statistic != "aggregate"]
        self.lines = max(self.lines, sum(data.metric.gating for data in wagered))
        out = {}
        for data in wagered:
            name = data.metric.name
            wager = self._wagers.get(name) or self._wagers.setdefault(name, self._wager(data))
            if data.n:
                self._take(wager, name, data)
            if data.metric.gating:
                out[name] = (self._p(wager.up), self._p(wager.down))
        return out

    def bets(self, name: str) -> BoundedBets | None:
        """Return the strict bets on a line; None where there are none."""
        wager = self._wagers.get(name)
        return wager if isinstance(wager, BoundedBets) else None

    def _wager(self, data: Checked) -> Wager | BoundedBets:
        reach = data.metric.high - data.metric.low
        if self._strict is None or data.metric.statistic != "mean" or not math.isfinite(reach):
            return Wager()
        return BoundedBets(reach, self._strict.largest, self._strict.alpha)

    def _p(self, reached: float) -> float:
        return math.exp(min(0.0, math.log(max(1, self.lines)) - reached))

    def _take(self, wager: Wager | BoundedBets, name: str, data: Checked) -> None:
        seen = self._seen.setdefault(name, np.zeros(self._n_families, dtype=bool))
        here = np.bincount(data.families, minlength=self._n_families) > 0
        new = here & ~seen
        seen |= here
        sums = family_sums(_changes(data), data.families, self._n_families)[new]
        if isinstance(wager, BoundedBets):
            sizes = np.bincount(data.families, minlength=self._n_families)[new]
            wager.bet(sums / data.repeats, sizes.astype(np.float64))
            return
        if wager.coin is None:  # for good: a maximum over two kinds of wager would be none
            wager.coin = is_pass_fail(data)
        if wager.coin:
            wager.toss(sums)
        else:
            wager.bet(sums)


def _changes(data: Checked) -> Floats:
    """Return each scenario's difference, whose sign a swap of the versions turns around."""
    if data.metric.statistic == "signed_ranks":
        return log_ratios(data)[1]
    return differences(data.baseline, data.candidate)
