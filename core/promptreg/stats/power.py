"""What a run could have seen, and what a larger one would."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri, stdtrit

from promptreg.stats.model import Floats, Kind

Goal = Literal["detect", "no_worse", "equivalent"]
_NORMAL_FROM = 30  # families; below this, Student's t


@dataclass(frozen=True, slots=True)
class Variances:
    """Variance of one scenario's difference, split in its two sources.

    ``Var(difference) = (scenario + repeat / R) / N``.

    Attributes:
        scenario: Variance of the true difference between scenarios, squared unit.
        repeat: Variance of one repeat around its scenario's mean, summed over both versions.
    """

    scenario: float
    repeat: float

    def se(self, n_scenarios: int, repeats: int) -> float:
        """Return the standard error of the mean difference."""
        return math.sqrt((self.scenario + self.repeat / repeats) / n_scenarios)


def assumed(kind: Kind, width: float = 1.0, discordance: float = 0.20) -> Variances:
    """Return variances to plan with before any call was made.

    Pass/fail: ``discordance`` is the share of scenarios that differ in one repeat, of which
    most is re-run noise. Ordinal (1-4, width 3): standard deviation .86 of one difference.
    Bounded: .15 of the range. They come from models of language-model output: replace them by
    :func:`split_variance` of a pilot as soon as there is one.

    Args:
        kind: What the score is; a count has no sensible assumption.
        width: Range of the score, high - low.
        discordance: Pass/fail only.

    Raises:
        ValueError: kind is "count", or a number is out of range.
    """
    if not (0 < discordance <= 1 and 0 < width < math.inf):
        raise ValueError(
            f"discordance {discordance} must be in (0, 1] and range width {width} finite, positive"
        )
    if kind == "binary":
        return Variances(0.1 * discordance * width**2, 0.9 * discordance * width**2)
    if kind == "ordinal":
        return Variances(0.24 * (width / 3) ** 2, 0.49 * (width / 3) ** 2)
    if kind == "bounded":
        return Variances(0.5 * 0.0225 * width**2, 0.5 * 0.0225 * width**2)
    raise ValueError("a count has no typical variance; give variances from a pilot")


def split_variance(baseline: Floats, candidate: Floats) -> Variances | None:
    """Return the one-way split of the difference's variance; None for R = 1 or n = 1.

    Args:
        baseline: Scores, shape (n, R).
        candidate: The same shape.
    """
    n, repeats = baseline.shape
    if n < 2 or repeats < 2:
        return None
    repeat = float(baseline.var(axis=1, ddof=1).mean() + candidate.var(axis=1, ddof=1).mean())
    means = candidate.mean(axis=1) - baseline.mean(axis=1)
    return Variances(max(0.0, float(means.var(ddof=1)) - repeat / repeats), repeat)


def multiplier(
    n_clusters: int, alpha: float = 0.05, power: float = 0.80, goal: Goal = "detect"
) -> float | None:
    """Return how many standard errors a change must measure; None for fewer than 2 families.

    ``z_{1-alpha/2} + z_power`` (2.80); for "equivalent", where both sides must hold, the
    second part is ``z_{1-(1-power)/2}`` (3.24). Below 30 families Student's t.
    """
    if n_clusters < 2:
        return None
    beta = 1 - (1 - power) / 2 if goal == "equivalent" else power
    if n_clusters >= _NORMAL_FROM:
        return float(ndtri(1 - alpha / 2) + ndtri(beta))
    return float(stdtrit(n_clusters - 1, 1 - alpha / 2) + stdtrit(n_clusters - 1, beta))


def scenarios_for(
    margin: float,
    n_scenarios: int,
    n_clusters: int,
    se: float,
    alpha: float = 0.05,
    power: float = 0.80,
    goal: Goal = "no_worse",
) -> int | None:
    """Return the total number of scenarios that reaches the goal, from a run of n_scenarios.

    ``N' = N (multiplier * se / margin)**2`` if the versions do not differ (for "detect": if
    they differ by the margin). The margin enters, never the observed change: "observed power"
    would only restate the p-value.

    Args:
        margin: Same unit as se, positive.
        n_scenarios: N of the run that gave se.
        n_clusters: Its families; more scenarios are assumed to come in families of this size.
        se: Standard error of the change in that run.
        alpha: Two-sided error.
        power: Probability of reaching the goal.
        goal: What is to be shown.
    """
    if n_clusters < 2:
        return None
    total = float(n_scenarios)
    # Student's quantiles belong to the planned number of families, hence the iteration.
    for _ in range(8):
        clusters = max(2, round(total * n_clusters / n_scenarios))
        factor = multiplier(clusters, alpha, power, goal) or 0.0
        total = n_scenarios * (factor * se / margin) ** 2
    return max(1, math.ceil(total - 1e-9))


def clusters_for_unseen(margin: float, width: float, alpha: float = 0.05) -> int | None:
    """Return the families at which unseen all-or-nothing changes fit in the margin.

    Args:
        margin: Same unit as width.
        width: Range of the score; None is returned if it is infinite.
        alpha: Two-sided error.
    """
    if math.isinf(width):
        return None
    if margin >= width:
        return 1
    return math.ceil(math.log(alpha / 2) / math.log1p(-margin / width))


def plan_detectable(
    n_scenarios: int,
    repeats: int = 1,
    kind: Kind = "binary",
    *,
    width: float = 1.0,
    discordance: float = 0.20,
    variances: Variances | None = None,
    n_clusters: int | None = None,
    alpha: float = 0.05,
    power: float = 0.80,
) -> float | None:
    """Return the smallest change a planned run would see, in the score's unit; no call needed.

    Args:
        n_scenarios: Planned scenarios.
        repeats: Planned repeats of each.
        kind: What the score is, for the assumed variance.
        width: Range of the score, high - low.
        discordance: Pass/fail: assumed share of scenarios that differ in one repeat.
        variances: From a pilot, instead of the assumption.
        n_clusters: Families, if fewer than scenarios; they are assumed not to share their
            differences, so the figure is optimistic.
        alpha: Two-sided error.
        power: Probability of seeing the change.

    Returns:
        The change, or None for fewer than two scenarios or families.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}")
    factor = multiplier(min(n_scenarios, n_clusters or n_scenarios), alpha, power)
    if factor is None:
        return None
    split = variances or assumed(kind, width, discordance)
    return factor * split.se(n_scenarios, repeats)


def plan_scenarios(
    margin: float,
    repeats: int = 1,
    kind: Kind = "binary",
    *,
    goal: Goal = "no_worse",
    width: float = 1.0,
    discordance: float = 0.20,
    variances: Variances | None = None,
    alpha: float = 0.05,
    power: float = 0.80,
) -> int:
    """Return the scenarios that a planned run needs for a margin; arguments as above."""
    if not margin > 0 or repeats < 1:
        raise ValueError(f"margin {margin} must be positive and repeats {repeats} at least 1")
    split = variances or assumed(kind, width, discordance)
    needed = scenarios_for(margin, 1000, 1000, split.se(1000, repeats), alpha, power, goal) or 2
    return max(2, needed)
