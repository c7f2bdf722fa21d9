"""A scorer for promptreg in one file: how much an answer shouts."""

from __future__ import annotations

from promptreg import Scale, Score, Scorer, Trial, Unscored, hookimpl
from promptreg.registry import Catalog


class Shout(Scorer):
    """Share of capital letters among the letters of the summary; lower is better.

    Args:
        field: the answer's field to look at.
    """

    def __init__(self, field: str = "summary") -> None:
        self.scales = (Scale("shout", direction="lower_is_better", margin=0.05),)
        self._field = field

    def score(self, trial: Trial) -> Score | Unscored:
        """Return the share, 0 to 1; unscored where the field holds no letter."""
        text = trial.answer.fields.get(self._field) if trial.answer else None
        letters = [c for c in text if c.isalpha()] if isinstance(text, str) else []
        if not letters:
            return self.scales[0].unscored(f"there is no letter in {self._field!r}")
        return self.scales[0].score(sum(c.isupper() for c in letters) / len(letters))


@hookimpl
def promptreg_register_scorers(catalog: Catalog[Scorer]) -> None:
    """Add the scorer: a suite may now say `use: shout`."""
    catalog.add("shout", Shout)
