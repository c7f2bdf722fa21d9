"""Several templates: rank intervals instead of a false total order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.flips import Columns, Flips
from promptreg.stats.grid import RELATIVE_TIE, family_sums, to_grid
from promptreg.stats.model import Floats


@dataclass(frozen=True, slots=True)
class Rank:
    """Where one template stands.

    Attributes:
        name: The template.
        mean: Mean score.
        best: Best rank it may have, from 1.
        worst: Worst rank it may have.
        to_best: Simultaneous interval of its difference to the best other template, oriented
            so that positive is better; ``None`` if nothing bounds it.
    """

    name: str
    mean: float
    best: int
    worst: int
    to_best: tuple[float, float] | None

    @property
    def text(self) -> str:
        """The rank as people read it: "1" or "1-3" (with an en dash)."""
        return str(self.best) if self.best == self.worst else f"{self.best}\u2013{self.worst}"


def rank(
    scores: Mapping[str, Floats],
    families: NDArray[np.intp],
    *,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int,
) -> list[Rank]:
    """Return templates by falling mean, each with an interval of ranks.

    All rank intervals hold together with probability 1 - alpha: template i surely precedes j
    only if the simultaneous interval of their difference excludes 0 (Mogstad, Romano, Shaikh &
    Wilhelm 2024, Rev. Econ. Stud. 91:476). The critical value is the 1 - alpha quantile of the
    largest |t| over all pairs when the centred family sums are flipped (wild cluster
    bootstrap), so common scenarios and families are accounted for.

    Args:
        scores: Template to scores, all of one shape (n,) or (n, R); failures already worst.
        families: Family of each scenario, shape (n,).
        higher_is_better: Direction.
        alpha: Probability that any rank interval is wrong.
        draws: Flips.
        seed: Their seed.

    Raises:
        ValueError: No template, shapes that differ, or scores that are not finite.
    """
    names = list(scores)
    table = _table(scores)
    labels, index = np.unique(np.asarray(families), return_inverse=True)
    n, groups, sign = table.shape[1], len(labels), 1.0 if higher_is_better else -1.0
    if np.shape(families) != (n,):
        raise ValueError(f"families must have one index per scenario, {n} of them")
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    means = table.mean(axis=1) if n else np.zeros(len(names))
    lows = np.full((len(names), len(names)), -np.inf)
    # So few families that all could agree by chance in one of the pairs separate nothing.
    if 2.0 * len(pairs) / 2.0 ** min(groups, 1000) <= alpha and pairs:
        residuals, errors = _centred(table, pairs, index, groups)
        critical = _critical(residuals, errors, Flips(groups, draws, seed), alpha)
        for (i, j), error in zip(pairs, errors, strict=True):
            change = float(sign * (means[i] - means[j]))
            half = critical * error if error > 0 else 0.0
            lows[i, j], lows[j, i] = change - half, -change - half
    # Equal templates have interval [0, 0]: neither precedes the other.
    precedes = lows > 0
    found = []
    for i, name in enumerate(names):
        best, worst = 1 + int(precedes[:, i].sum()), len(names) - int(precedes[i].sum())
        found.append(Rank(name, float(means[i]), best, worst, _to_best(lows, i)))
    return sorted(found, key=lambda r: (-sign * r.mean, r.best, r.worst, r.name))


def _table(scores: Mapping[str, Floats]) -> Floats:
    """Return the mean over repeats of each template and scenario, shape (templates, n)."""
    if not scores:
        raise ValueError("there is no template to rank")
    arrays = [np.asarray(v, dtype=np.float64) for v in scores.values()]
    if len({a.shape for a in arrays}) > 1 or arrays[0].ndim not in (1, 2):
        raise ValueError(f"scores need one common shape, not {[a.shape for a in arrays]}")
    for name, array in zip(scores, arrays, strict=True):
        if not bool(np.all(np.isfinite(array))):
            raise ValueError(f"template {name!r}: every score must be a finite number")
    return np.stack([a.reshape(len(a), -1).mean(axis=1) if a.size else a for a in arrays])


def _centred(
    table: Floats, pairs: list[tuple[int, int]], index: NDArray[np.intp], groups: int
) -> tuple[Floats, list[float]]:
    """Return centred family sums of each pair, shape (pairs, G), and standard errors."""
    residuals, errors, n = [], [], table.shape[1]
    for i, j in pairs:
        d = table[i] - table[j]
        d = d - d.mean()
        d[np.abs(d) <= RELATIVE_TIE * (np.abs(table[i]) + np.abs(table[j]))] = 0.0
        sums = family_sums(d, index, groups)
        residuals.append(sums)
        errors.append(float(np.sqrt(np.sum(sums**2) * groups / (groups - 1))) / n)
    return np.stack(residuals), errors


def _critical(residuals: Floats, errors: list[float], flips: Flips, alpha: float) -> float:
    """Return the quantile of the largest flipped |t|, each flip studentised anew."""
    columns = Columns(flips.n_families)
    largest = np.zeros(flips.rows)
    moving = [(r, e) for r, e in zip(residuals, errors, strict=True) if e > 0]
    grids = [to_grid(r) for r, _ in moving]
    places = [columns.add(grid.values) for grid in grids]
    sums = columns.flipped_sums(flips)
    groups = flips.n_families
    for grid, place in zip(grids, places, strict=True):
        flipped = float(grid.values.sum()) - 2.0 * sums[place]
        # Flips keep the raw sum of squares; centring each draw anew gives its own variance,
        # which is what makes few families right (t-like tails).
        square = float(np.sum(grid.values**2))
        spread = np.maximum(square - flipped**2 / groups, 1e-300) * groups / (groups - 1)
        largest = np.maximum(largest, np.abs(flipped) / np.sqrt(spread))
    k = int(np.ceil((1 - alpha) * (flips.rows + 1)))
    return float(np.sort(np.append(largest, np.inf))[k - 1])


def _to_best(lows: Floats, i: int) -> tuple[float, float] | None:
    """Return the interval of "template i minus the best of the others"."""
    others = [j for j in range(len(lows)) if j != i]
    if not others:
        return None
    low, high = min(lows[i, j] for j in others), min(-lows[j, i] for j in others)
    return (float(low), float(high)) if np.isfinite(low) and np.isfinite(high) else None
