"""Whether the units went to the versions in the ratio that was declared."""

from __future__ import annotations

import math

from scipy.special import bdtr, bdtrc, gammaln

__all__ = ["MISMATCH_ALPHA", "binomial_p"]

MISMATCH_ALPHA = 0.001
"""Below this p-value the draw is taken to be broken. The test is made once per comparison, on
exactly known counts, and what it guards against is gross: a lost share of a version's events, a
draw that leans. One sound log in a thousand is refused."""


def binomial_p(count: int, n: int, share: float) -> float:
    """Return the exact two-sided p-value of `count` of `n` units where `share` was declared.

    The probability of all counts that are no more likely than the one observed; the "sample ratio
    mismatch" test (Fabijan et al. 2019, KDD '19:2156) without its normal approximation.

    Args:
        count: Units drawn for the candidate.
        n: All units.
        share: Declared probability of the candidate, between 0 and 1.
    """
    if n == 0:
        return 1.0

    def log_mass(k: int) -> float:
        ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return float(ways) + k * math.log(share) + (n - k) * math.log1p(-share)

    mode = min(n, int((n + 1) * share))
    if count == mode:
        return 1.0
    own = log_mass(count) + 1e-7  # as likely, but for rounding
    if count < mode:
        left, right = mode, n + 1  # the first count above the mode that is no more likely
        while left < right:
            middle = (left + right) // 2
            if middle <= n and log_mass(middle) > own:
                left = middle + 1
            else:
                right = middle
        return min(1.0, float(bdtr(count, n, share)) + _above(left, n, share))
    left, right = -1, mode  # the last count below the mode that is no more likely
    while left < right:
        middle = (left + right + 1) // 2
        if log_mass(middle) <= own:
            left = middle
        else:
            right = middle - 1
    below = float(bdtr(left, n, share)) if left >= 0 else 0.0
    return min(1.0, below + _above(count, n, share))


def _above(k: int, n: int, share: float) -> float:
    """Return P(at least k)."""
    if k > n:
        return 0.0
    return 1.0 if k <= 0 else float(bdtrc(k - 1, n, share))
