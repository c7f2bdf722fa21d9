"""What a comparison concludes: differences with intervals, verdicts, and the gate's decision."""

from __future__ import annotations

from promptreg.verdicts.calibration import Calibration, CalibrationState, Power, Rate
from promptreg.verdicts.comparison import Comparison, Counts, JudgeCalls, Side
from promptreg.verdicts.design import Allocation, Design
from promptreg.verdicts.figures import Breakdown, BreakdownRow, Curve, Pairwise, Ranking
from promptreg.verdicts.gate import Criterion, Gate, GateVerdict, Limit
from promptreg.verdicts.looks import Look, Stopping, StopReason
from promptreg.verdicts.metrics import (
    CorrectedDifference,
    Difference,
    JudgeAlone,
    Missing,
    Slice,
    Verdict,
)
from promptreg.verdicts.scenarios import MapPoint, ScenarioChange, ScenarioMap, SideTrial

__all__ = [
    "Allocation",
    "Breakdown",
    "BreakdownRow",
    "Calibration",
    "CalibrationState",
    "Comparison",
    "CorrectedDifference",
    "Counts",
    "Criterion",
    "Curve",
    "Design",
    "Difference",
    "Gate",
    "GateVerdict",
    "JudgeAlone",
    "JudgeCalls",
    "Limit",
    "Look",
    "MapPoint",
    "Missing",
    "Pairwise",
    "Power",
    "Ranking",
    "Rate",
    "ScenarioChange",
    "ScenarioMap",
    "Side",
    "SideTrial",
    "Slice",
    "StopReason",
    "Stopping",
    "Verdict",
]
