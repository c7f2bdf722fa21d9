"""Built-in scorers of promptreg, registered through the same entry points as a stranger's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptreg.hookspecs import hookimpl

if TYPE_CHECKING:
    from promptreg import Scorer
    from promptreg.registry import Catalog

__all__ = ["promptreg_register_scorers"]


@hookimpl
def promptreg_register_scorers(catalog: Catalog[Scorer]) -> None:
    """Add the built-in scorers; imported here, as not all who load plug-ins ask for scorers."""
    from promptreg_scorers.answer_schema import AnswerSchema
    from promptreg_scorers.answered import Answered
    from promptreg_scorers.calibration.auroc import Auroc
    from promptreg_scorers.calibration.brier import Brier
    from promptreg_scorers.calibration.ece import Ece
    from promptreg_scorers.calibration.log_loss import LogLoss
    from promptreg_scorers.calibration.monotonicity import Monotonicity
    from promptreg_scorers.calibration.rps import Rps
    from promptreg_scorers.contains import Contains
    from promptreg_scorers.cost import Cost
    from promptreg_scorers.exact import Exact
    from promptreg_scorers.failures import Failures
    from promptreg_scorers.iou import AveragePrecision, Iou
    from promptreg_scorers.judge import Judge, Preference
    from promptreg_scorers.key_points import KeyPoints
    from promptreg_scorers.latency import Latency
    from promptreg_scorers.level_distribution import LevelDistribution
    from promptreg_scorers.meaning.semantic_key_points import SemanticKeyPoints
    from promptreg_scorers.meaning.similarity import Similarity
    from promptreg_scorers.mentions_context import MentionsContext
    from promptreg_scorers.recorded import Recorded
    from promptreg_scorers.regex import Regex
    from promptreg_scorers.risk_level import RiskLevel
    from promptreg_scorers.risk_range import RiskRange
    from promptreg_scorers.threshold import Threshold
    from promptreg_scorers.tokens import Tokens

    catalog.add("answer_schema", AnswerSchema)
    catalog.add("answered", Answered)
    catalog.add("auroc", Auroc)
    catalog.add("average_precision", AveragePrecision)
    catalog.add("brier", Brier)
    catalog.add("contains", Contains)
    catalog.add("cost", Cost)
    catalog.add("ece", Ece)
    catalog.add("exact", Exact)
    catalog.add("failures", Failures)
    catalog.add("iou", Iou)
    catalog.add("judge", Judge)
    catalog.add("key_points", KeyPoints)
    catalog.add("latency", Latency)
    catalog.add("level_distribution", LevelDistribution)
    catalog.add("log_loss", LogLoss)
    catalog.add("mentions_context", MentionsContext)
    catalog.add("monotonicity", Monotonicity)
    catalog.add("preference", Preference)
    catalog.add("recorded", Recorded)
    catalog.add("regex", Regex)
    catalog.add("risk_level", RiskLevel)
    catalog.add("risk_range", RiskRange)
    catalog.add("rps", Rps)
    catalog.add("semantic_key_points", SemanticKeyPoints)
    catalog.add("similarity", Similarity)
    catalog.add("threshold", Threshold)
    catalog.add("tokens", Tokens)
