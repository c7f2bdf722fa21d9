"""Which of two versions' answers is preferred: asked when both runs are there."""

from promptreg.pipeline.pairwise.judged import PairsJudged, remarked
from promptreg.pipeline.pairwise.run import judge_pairs

__all__ = ["PairsJudged", "judge_pairs", "remarked"]
