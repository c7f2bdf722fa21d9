"""Pass/fail: McNemar's test, Tango's interval, Wilson, Clopper-Pearson."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import bdtr, betaincinv, ndtri


def mcnemar_p(baseline_only: int, candidate_only: int, *, mid_p: bool) -> float:
    """Return McNemar's two-sided p-value from the discordant pairs.

    Args:
        baseline_only: Scenarios passed by the baseline only.
        candidate_only: Scenarios passed by the candidate only.
        mid_p: Count the observed outcome half (Fagerland, Lydersen & Laake 2013, BMC Med.
            Res. Methodol. 13:91); otherwise the exact conditional test. With mid-p from ten
            discordant pairs on, the probability of p <= .05 without any difference is at most
            .0504 while up to 80 % of the scenarios change (summed exactly, n = 20 to 400); it
            reaches .065 only if all of them change.
    """
    n, k = baseline_only + candidate_only, min(baseline_only, candidate_only)
    if n == 0:
        return 1.0
    tail = float(bdtr(k, n, 0.5))
    if not mid_p:
        return min(1.0, 2.0 * tail)
    below = float(bdtr(k - 1, n, 0.5)) if k > 0 else 0.0
    return min(1.0, tail + below)  # 2 (below + half of the observed outcome)


def tango_z(baseline_only: int, candidate_only: int, n: int, shift: float) -> float:
    """Return the score statistic of "candidate - baseline = shift", large if it is higher.

    Tango 1998, Stat. Med. 17:891: the variance is that of the maximum-likelihood estimate
    under the shift. Infinite where the shift leaves no variance.
    """
    # q = P(baseline only) at the shift solves 2 n q**2 + linear q + constant = 0.
    linear = 2 * n * shift - baseline_only - candidate_only
    linear += shift * (baseline_only - candidate_only)
    constant = -baseline_only * shift * (1 - shift)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    q = max(0.0, (root - linear) / (4 * n))
    variance = n * max(0.0, 2 * q + shift * (1 - shift))
    distance = candidate_only - baseline_only - n * shift
    if variance <= 1e-15 * n:
        return math.copysign(math.inf, distance) if abs(distance) > 1e-12 * n else 0.0
    return distance / math.sqrt(variance)


def tango(
    baseline_only: int, candidate_only: int, n: int, alpha: float = 0.05
) -> tuple[float, float]:
    """Return Tango's score interval of the difference of two paired pass rates.

    Args:
        baseline_only: Scenarios passed by the baseline only.
        candidate_only: Scenarios passed by the candidate only.
        n: All scenarios, at least 1.
        alpha: 1 - confidence level.

    References:
        Tango 1998, Stat. Med. 17:891.
    """
    estimate = (candidate_only - baseline_only) / n
    z = float(-ndtri(alpha / 2))

    def statistic(shift: float) -> float:
        return tango_z(baseline_only, candidate_only, n, shift)

    low = _bisect(lambda s: statistic(s) <= z, -1.0, estimate) if estimate > -1 else -1.0
    high = _bisect(lambda s: statistic(s) < -z, estimate, 1.0) if estimate < 1 else 1.0
    return low, high


def _bisect(reached: Callable[[float], bool], left: float, right: float) -> float:
    """Return where ``reached`` turns true between left (false) and right (true)."""
    for _ in range(60):
        middle = 0.5 * (left + right)
        if reached(middle):
            right = middle
        else:
            left = middle
    return 0.5 * (left + right)


def wilson(
    successes: float, n: float, alpha: float = 0.05, *, z: float | None = None
) -> tuple[float, float]:
    """Return Wilson's score interval of a share (Wilson 1927, JASA 22:209).

    ``n`` and ``successes`` may be fractional (an effective sample size); ``z`` replaces the
    normal quantile, e.g. by one of Student's t.
    """
    q = float(-ndtri(alpha / 2)) if z is None else z
    p = successes / n
    centre = (p + q * q / (2 * n)) / (1 + q * q / n)
    half = q * math.sqrt(p * (1 - p) / n + q * q / (4 * n * n)) / (1 + q * q / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def clopper_pearson(successes: float, n: float, alpha: float = 0.05) -> tuple[float, float]:
    """Return the exact interval of a share (Clopper & Pearson 1934, Biometrika 26:404)."""
    low = 0.0 if successes <= 0 else float(betaincinv(successes, n - successes + 1, alpha / 2))
    high = 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - alpha / 2))
    return low, high
