"""What can be said of judges themselves: do they agree with themselves, each other, and people."""

from promptreg.pipeline.judging.agreement import DimensionReport, JudgeReport, judge_agreement
from promptreg.pipeline.judging.consistency import Judged, judged_notes

__all__ = ["DimensionReport", "JudgeReport", "Judged", "judge_agreement", "judged_notes"]
