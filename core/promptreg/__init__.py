"""promptreg tells whether an edit to a prompt template made a model's answers worse.

These are the public names; everything else may change between releases.
"""

from typing import TYPE_CHECKING, Any

from promptreg.errors import CallError, ExitCode, PromptregError
from promptreg.hookspecs import hookimpl
from promptreg.protocols import (
    BatchScorer,
    Call,
    Embedder,
    Generated,
    GenerationPlan,
    GenerationRequest,
    Generator,
    History,
    Model,
    Pair,
    PairScorer,
    Probe,
    Provider,
    Reporter,
    Scorer,
    Services,
)
from promptreg.records import (
    Answer,
    Cause,
    Completion,
    Failure,
    Preference,
    Prompt,
    Scale,
    Scenario,
    Score,
    Template,
    Trial,
    Unscored,
)
from promptreg.verdicts import Comparison, Difference, GateVerdict, Verdict

if TYPE_CHECKING:
    from promptreg.api import open_suite

__all__ = [
    "Answer",
    "BatchScorer",
    "Call",
    "CallError",
    "Cause",
    "Comparison",
    "Completion",
    "Difference",
    "Embedder",
    "ExitCode",
    "Failure",
    "GateVerdict",
    "Generated",
    "GenerationPlan",
    "GenerationRequest",
    "Generator",
    "History",
    "Model",
    "Pair",
    "PairScorer",
    "Preference",
    "Probe",
    "Prompt",
    "PromptregError",
    "Provider",
    "Reporter",
    "Scale",
    "Scenario",
    "Score",
    "Scorer",
    "Services",
    "Template",
    "Trial",
    "Unscored",
    "Verdict",
    "hookimpl",
    "open_suite",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the way in from Python when it is asked for: it joins everything, plug-ins do not."""
    if name == "open_suite":
        from promptreg.api import open_suite

        return open_suite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
