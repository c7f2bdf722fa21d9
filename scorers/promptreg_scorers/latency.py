"""How long a completion takes."""

from __future__ import annotations

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored

__all__ = ["Latency"]


class Latency(Scorer):
    """Seconds from sending to the last byte of the attempt that succeeded.

    Lower is better; versions are compared by signed ranks of log ratios, since times are
    heavy-tailed. A failed trial counts as the cap. Completions read from the store keep the time
    they once took. Unscored where the provider does not say.

    Example: 3.4 s scores 3.4; a timeout scores 120.

    Args:
        cap_s: what a failed trial counts as, in seconds; the read timeout is a good choice.
        name: the metric's name.
    """

    reads_answer = False

    def __init__(self, cap_s: float = 120.0, name: str = "latency") -> None:
        if not 0 < cap_s < float("inf"):
            raise ValueError(f"cap_s is {cap_s:g}; allowed: seconds above 0")
        self._cap_s = cap_s
        scale = Scale(
            name,
            "count",
            "s",
            0.0,
            float("inf"),
            "lower_is_better",
            margin=1.10,
            statistic="signed_ranks",
        )
        self.scales = (scale,)

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        """Return the cap."""
        return self._cap_s

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the seconds."""
        seconds = trial.completion.latency_s if trial.completion else None
        if seconds is None:
            return self.scales[0].unscored("the provider does not say how long it took")
        return self.scales[0].score(seconds)
