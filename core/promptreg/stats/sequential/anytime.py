"""Accusations at any time: e-processes, which no number of looks can wear out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp

from promptreg.stats.checks import Checked
from promptreg.stats.grid import differences, family_sums
from promptreg.stats.model import Floats
from promptreg.stats.passfail import is_pass_fail
from promptreg.stats.ranks import log_ratios

__all__ = ["AnyTime", "Wager"]

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
    best: float = 0.0
    """Largest log E so far, from 0 on: E begins at 1."""

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
        self._reach(logsumexp(path, axis=1) - math.log(len(BETS)))
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
        self._reach((won + lost) * math.log(2) + betaln(won + 1.0, lost + 1.0))
        self.won, self.lost = int(won[-1]), int(lost[-1])

    def _reach(self, path: Floats) -> None:
        self.best = max(self.best, float(path.max()))

    def copy(self) -> Wager:
        """Return the same state, to go on differently."""
        return replace(self, logs=self.logs.copy())


class AnyTime:
    """Wagers on all gating lines; a line is accused where E reaches lines / alpha (e-Bonferroni).

    A family's first asking counts; so further repeats of it add nothing here. Figures made of all
    rows have no sum over families, so there is no wager on them.

    Args:
        n_families: Families of the plan.
    """

    def __init__(self, n_families: int) -> None:
        self.crossed: dict[str, float] = {}
        self._wagers: dict[str, Wager] = {}
        self._seen: dict[str, NDArray[np.bool_]] = {}
        self._n_families = n_families

    def copy(self) -> AnyTime:
        """Return the same state, to go on differently."""
        other = AnyTime(self._n_families)
        other.crossed = dict(self.crossed)
        other._wagers = {name: wager.copy() for name, wager in self._wagers.items()}
        other._seen = {name: seen.copy() for name, seen in self._seen.items()}
        return other

    def look(self, lines: Sequence[Checked], alpha: float) -> dict[str, float]:
        """Take the families that are new; return each line's p-value, adjusted for all lines.

        ``min(1, lines / max E)``: small for ever once it was, and at most alpha on any line whose
        versions are the same with probability at most alpha, over all lines and times together.

        Args:
            lines: The gating lines, those without data included; the same ones at every look.
            alpha: Error over all times, by which `crossed` is told.
        """
        wagered = [data for data in lines if data.metric.statistic != "aggregate"]
        out = {}
        for data in wagered:
            name = data.metric.name
            wager = self._wagers.setdefault(name, Wager())
            if data.n:
                self._take(wager, name, data)
            out[name] = min(1.0, math.exp(min(0.0, math.log(len(wagered)) - wager.best)))
            if out[name] <= alpha and name not in self.crossed:
                self.crossed[name] = math.copysign(1.0, _estimate(data))
        return out

    def _take(self, wager: Wager, name: str, data: Checked) -> None:
        seen = self._seen.setdefault(name, np.zeros(self._n_families, dtype=bool))
        here = np.bincount(data.families, minlength=self._n_families) > 0
        new = here & ~seen
        seen |= here
        sums = family_sums(_changes(data), data.families, self._n_families)[new]
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


def _estimate(data: Checked) -> float:
    return float(_changes(data).sum()) if data.n else 0.0
