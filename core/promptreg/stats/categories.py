"""Shares of categories: did they move between two versions, do they fit what is expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.flips import Flips
from promptreg.stats.model import Floats

__all__ = ["Homogeneity", "fit_p", "homogeneity"]

_TIE = 1e-9
_FIT_DRAWS = 9999
_RAKING_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """Whether both versions have the same shares of categories, on paired data.

    Attributes:
        statistic: Stuart-Maxwell; 0 where nothing moved.
        df: degrees of freedom: how many categories can move independently; 0 where none does.
        p_flips: from flipping families; exact whatever the counts.
    """

    statistic: float
    df: int
    p_flips: float


def homogeneity(
    baseline: Floats, candidate: Floats, families: NDArray[np.intp], *, draws: int, seed: int
) -> Homogeneity:
    """Return the test that the shares of ordered or unordered categories did not move.

    Stuart 1955 (Biometrika 42:412-416) and Maxwell 1970 (British Journal of Psychiatry
    116:651-655): ``d' S^-1 d`` with d the changes of all counts and S their covariance if nothing
    moved.

    Deviations: the independent unit is the family, hence S is the sum over families of the outer
    products of their changes, which is Stuart's where every family is one scenario with one
    repeat. A pseudo-inverse takes the place of leaving one category out, so that categories
    nobody used do no harm. ``p_flips`` negates the changes of random families, under which S
    stays what it is.

    Args:
        baseline: shares per scenario (the mean over its repeats), shape (n, K), rows add up to 1.
        candidate: the same of the other version.
        families: index of each scenario's family, shape (n,).
        draws: flips to draw where there are too many to enumerate.
        seed: of the flips.
    """
    _, index = np.unique(families, return_inverse=True)
    count = int(index.max()) + 1 if index.size else 0
    moves = np.zeros((count, baseline.shape[1]))
    np.add.at(moves, index, candidate - baseline)
    covariance = moves.T @ moves
    df = int(np.linalg.matrix_rank(covariance, hermitian=True)) if count else 0
    if not df:
        return Homogeneity(0.0, 0, 1.0)
    inverse = np.linalg.pinv(covariance, hermitian=True)

    def quadratic(sums: Floats) -> Floats:
        return np.asarray(np.einsum("ij,jk,ik->i", sums, inverse, sums))

    total = moves.sum(axis=0)
    statistic = float(quadratic(total[None])[0])
    flips = Flips(count, draws, seed)
    reached = sum(
        int((quadratic(total - 2.0 * (block @ moves)) >= statistic * (1 - _TIE)).sum())
        for block in flips.blocks()
    )
    return Homogeneity(statistic, df, p_flips=(reached + 1) / (flips.rows + 1))


def fit_p(
    counts: Floats, weights: Floats, expected: Floats, *, seed: int, draws: int = _FIT_DRAWS
) -> float:
    """Return the Monte-Carlo p-value that shares of categories are those expected.

    The statistic is the total variation distance. Categories are drawn for as many scenarios of
    each stratum as there are, and the p-value is the share of draws at least as far off, the data
    being one of them. No count need be large, which a chi-squared test would ask for: of 100
    scenarios one is expected where the share is 1 %.

    With several strata the shares expected are those of the weighted whole, and each stratum may
    have its own. They are taken to be the nearest to what was seen that add up to what is expected
    (iterative proportional fitting, Deming & Stephan 1940, Ann. Math. Stat. 11:427-444, each cell
    begun with half a scenario spread as expected), so the p-value is approximate there; with one
    stratum it is the exact multinomial test, but for the number of draws.

    Scenarios count as independent. Where many share a family, p is too small.

    Args:
        counts: scenarios by stratum and category, shape (S, K); may be fractions (repeats).
        weights: share of each stratum in what is expected, shape (S,); adds up to 1.
        expected: shares of the categories, shape (K,); adds up to 1.
        seed: of the draws.
        draws: how many.

    Raises:
        ValueError: a stratum with a weight has no scenario.
    """
    sizes = counts.sum(axis=1)
    used = weights > 0
    if not (sizes[used] > 0).all():
        raise ValueError("a stratum that has a weight has no scenario")
    counts, sizes, weights = counts[used], np.rint(sizes[used]).astype(np.intp), weights[used]

    def distance(shares: Floats) -> Floats:
        whole = np.einsum("s,...sk->...k", weights, shares)
        return np.asarray(np.abs(whole - expected).sum(axis=-1) / 2)

    seen = float(distance(counts / counts.sum(axis=1, keepdims=True)))
    null = _raked(counts, weights, expected)
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = np.stack(
        [
            rng.multinomial(n, row, size=draws) / n
            for n, row in zip(sizes.tolist(), null, strict=True)
        ],
        axis=1,
    )
    return (int((distance(drawn) >= seen - _TIE).sum()) + 1) / (draws + 1)


def _raked(counts: Floats, weights: Floats, expected: Floats) -> Floats:
    """Return each stratum's shares, near to those seen, whose weighted mean is expected."""
    table = counts * (expected > 0) + 0.5 * expected
    table = table / table.sum(axis=1, keepdims=True) * weights[:, None]
    for _ in range(_RAKING_ROUNDS):
        columns = table.sum(axis=0)
        table = table * np.divide(expected, columns, out=np.zeros_like(expected), where=columns > 0)
        table = table * (weights / table.sum(axis=1))[:, None]
    shares = table / table.sum(axis=1, keepdims=True)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
