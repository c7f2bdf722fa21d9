"""Trial to scores: every scorer asked, every outcome told apart, nothing made up."""

from promptreg.stages.score.batch import ask_batch, batch_size
from promptreg.stages.score.facts import Plan
from promptreg.stages.score.preferences import ask_pairs
from promptreg.stages.score.scoring import Given, Scoring

__all__ = ["Given", "Plan", "Scoring", "ask_batch", "ask_pairs", "batch_size"]
