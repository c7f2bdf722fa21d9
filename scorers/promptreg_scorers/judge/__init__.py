"""A model as scorer: rubrics, what it is shown, how its verdict is read."""

from promptreg_scorers.judge.preference import Preference
from promptreg_scorers.judge.scorer import Judge

__all__ = ["Judge", "Preference"]
