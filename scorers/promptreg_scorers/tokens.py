"""How many tokens a trial uses."""

from __future__ import annotations

from typing import Literal

from promptreg import Scale, Score, Scorer, Trial, Unscored

__all__ = ["Tokens"]


class Tokens(Scorer):
    """Tokens as counted by the server: of the prompt, the completion, or both.

    Lower is better; versions are compared by the ratio of totals, since the total is the bill.
    Failed trials count with what they used: it was paid for. Unscored where the server does not
    say; a failed trial then is a gap, as there is no worst count.

    Example: prompt 420, completion 130, `which: total`: 550.

    Args:
        which: `total`, `completion` or `prompt`.
        name: the metric's name; default: `tokens`, `completion_tokens` or `prompt_tokens`.
    """

    reads_answer = False
    scores_failed = True

    def __init__(
        self, which: Literal["total", "completion", "prompt"] = "total", name: str = ""
    ) -> None:
        self._prompt = which != "completion"
        self._completion = which != "prompt"
        label = name or ("tokens" if which == "total" else f"{which}_tokens")
        scale = Scale(
            label,
            "count",
            "tokens",
            0.0,
            float("inf"),
            "lower_is_better",
            margin=1.10,
            statistic="ratio_of_totals",
        )
        self.scales = (scale,)

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the count."""
        if trial.completion is None:
            return self.scales[0].unscored("there is no completion")
        prompt = trial.completion.prompt_tokens if self._prompt else 0
        completion = trial.completion.completion_tokens if self._completion else 0
        if prompt is None or completion is None:
            return self.scales[0].unscored("the server does not count tokens")
        return self.scales[0].score(prompt + completion)
