"""What can be said of judges themselves: do they agree with themselves, each other, and people."""

from promptreg.pipeline.judging.agreement import DimensionReport, JudgeReport

__all__ = ["DimensionReport", "JudgeReport"]
