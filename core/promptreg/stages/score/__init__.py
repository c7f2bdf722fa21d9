"""Trial to scores: every scorer asked, every outcome told apart, nothing made up."""

from promptreg.stages.score.scoring import Scoring

__all__ = ["Scoring"]
