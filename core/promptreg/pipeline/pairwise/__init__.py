"""Which of two versions' answers is preferred: asked when both runs are there."""

from promptreg.pipeline.pairwise.judged import remarked
from promptreg.pipeline.pairwise.run import judge_pairs

__all__ = ["judge_pairs", "remarked"]
