"""What a trial costs."""

from __future__ import annotations

from promptreg import Scale, Score, Scorer, Trial, Unscored

__all__ = ["Cost"]


class Cost(Scorer):
    """Cost of a completion in the currency of the suite's prices.

    Lower is better; versions are compared by the ratio of totals, since the total is the bill.
    Failed trials count with what they cost. Unscored where no price or no token count is known; a
    failed trial then is a gap, as there is no highest cost.

    Example: 420 prompt tokens at 0.20 and 130 completion tokens at 0.80 a million: 0.000188.

    Args:
        name: the metric's name.
    """

    reads_answer = False
    scores_failed = True

    def __init__(self, name: str = "cost") -> None:
        scale = Scale(
            name,
            "count",
            "",
            0.0,
            float("inf"),
            "lower_is_better",
            margin=1.10,
            statistic="ratio_of_totals",
        )
        self.scales = (scale,)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the cost."""
        cost = trial.completion.cost if trial.completion else None
        if cost is None:
            return self.scales[0].unscored("no price is known (provider.prices sets it)")
        return self.scales[0].score(cost)
