"""The records that travel through promptreg, from template to score.

A `Trial` is one row: (template version, scenario, repeat). It grows from left to right: prompt,
completion *or* failure, answer *or* failure, scores. A failure is a value in the row, never a
missing row, and never a made-up score.

All text is `str`, all durations are seconds, all risk scores are points 0-100 inclusive.
"""

from __future__ import annotations

from promptreg.records.asking import Answer, Completion, Prompt, Scenario, ScenarioSet, Template
from promptreg.records.failures import Cause, Failure
from promptreg.records.runs import Outcome, Run, RunFacts, ScoreColumn, Trial
from promptreg.records.scores import Preference, Scale, Score, Unscored, payload_code
from promptreg.records.types import Direction, Json, Kind, Statistic

__all__ = [
    "Answer",
    "Cause",
    "Completion",
    "Direction",
    "Failure",
    "Json",
    "Kind",
    "Outcome",
    "Preference",
    "Prompt",
    "Run",
    "RunFacts",
    "Scale",
    "Scenario",
    "ScenarioSet",
    "Score",
    "ScoreColumn",
    "Statistic",
    "Template",
    "Trial",
    "Unscored",
    "payload_code",
]
