"""Accusations over several looks: boundaries from nested flips, for all lines together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from promptreg.stats.evidence import Swing
from promptreg.stats.multiplicity import step_down_max_t

__all__ = ["Nested"]


@dataclass(slots=True)
class Nested:
    """Which flips have crossed the boundary so far, and which lines.

    The flips are the same at every look: a family keeps its sign, whether its scenarios come in
    one look or its repeats in several. Under "the versions are the same" the observed sequence of
    max |T| is then one of rows + 1 exchangeable sequences. At a look the boundary is the smallest
    value that lets no more of them have crossed, now or earlier, than may be spent; those that
    crossed stay crossed. So the observed sequence ever crosses with probability at most alpha:
    exact in finite samples, no normality, whatever the number of looks (the permutation form of
    Lan & DeMets 1983; nesting as in Jennison & Turnbull 2000, Group Sequential Methods, section
    7.2). What an early look could not spend, for ties or too few flips, later ones may.

    Several lines: max |T| over them, stepped down within the look (Westfall & Young 1993). A line
    that crossed leaves the maximum; flips that crossed by its help stay crossed, which errs on the
    safe side. With some lines truly different the error of the others is at most alpha where
    their boundary does not depend on the different ones, as for every max-T test (subset
    pivotality).

    Ties count fully before the last look; there they count as in the analysis of a single look.

    Attributes:
        rows: Number of flips, the observed data not among them.
        alive: Which flips have not crossed, shape (rows,).
        crossed: Adjusted p-value and T of each line when it crossed.
    """

    rows: int
    alive: NDArray[np.bool_] = field(init=False)
    crossed: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.alive = np.ones(self.rows, dtype=bool)

    def copy(self) -> Nested:
        """Return the same state, to go on differently."""
        other = Nested(self.rows)
        other.alive, other.crossed = self.alive.copy(), dict(self.crossed)
        return other

    @property
    def used(self) -> float:
        """Share of the flips that crossed: the error that was spent indeed."""
        return float(self.rows - np.count_nonzero(self.alive)) / (self.rows + 1)

    def look(
        self, swings: Mapping[str, Swing], spent: float, *, last: bool
    ) -> tuple[dict[str, float], float | None]:
        """Take a look: return each line's adjusted p-value, and the boundary on max |T|.

        A line is accused at this look or was at an earlier one if its p-value is at most `spent`.
        With a single look these are the step-down max-T p-values of a fixed sample.

        Args:
            swings: Line to T as observed and under every flip; lines that cannot move are absent.
            spent: Error that may have been spent after this look.
            last: Whether no look follows.

        Returns:
            p-values by line, and the value that max |T| must exceed; None if nothing can.
        """
        open_lines = {
            name: replace(s, draws=s.draws[self.alive], mid_p=s.mid_p and last)
            for name, s in swings.items()
            if name not in self.crossed
        }
        living = int(np.count_nonzero(self.alive))
        gone = self.rows - living
        found = step_down_max_t(list(open_lines.values()))
        p_values = {
            name: min(1.0, (p * (living + 1) + gone) / (self.rows + 1))
            for name, p in zip(open_lines, found, strict=True)
        }
        boundary = None
        if open_lines:
            boundary = self._advance(open_lines, math.floor(spent * (self.rows + 1) + 1e-9) - gone)
        for name, p in p_values.items():
            if p <= spent:
                self.crossed[name] = (p, swings[name].observed)
        return {name: self.crossed.get(name, (p_values.get(name, 1.0),))[0] for name in swings}, (
            boundary
        )

    def _advance(self, lines: Mapping[str, Swing], may_cross: int) -> float | None:
        """Take the flips out that cross now; return the boundary."""
        if may_cross < 1:
            return None
        largest = np.max([np.abs(s.draws) for s in lines.values()], axis=0)
        observed = max(abs(s.observed) for s in lines.values())
        ranked = np.append(largest, observed)
        place = len(ranked) - 1 - may_cross
        boundary = float(np.partition(ranked, place)[place]) if place >= 0 else 0.0
        # Rounding must not let a flip cross that ties with the boundary.
        crossing = largest > boundary + 1e-9 * max(boundary, 1.0)
        self.alive[np.flatnonzero(self.alive)[crossing]] = False
        return boundary
