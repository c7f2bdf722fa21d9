"""promptreg tells whether an edit to a prompt template made a model's answers worse.

These are the public names; everything else may change between releases.
"""

from typing import TYPE_CHECKING, Any

from promptreg.errors import CallError, ExitCode, PromptregError
from promptreg.hookspecs import hookimpl
from promptreg.protocols import (
    Call,
    Embedder,
    Generated,
    GenerationPlan,
    GenerationRequest,
    Generator,
    Probe,
    Provider,
    Reporter,
    Scorer,
)
from promptreg.records import (
    Answer,
    Cause,
    Completion,
    Failure,
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
    "Probe",
    "Prompt",
    "PromptregError",
    "Provider",
    "Reporter",
    "Scale",
    "Scenario",
    "Score",
    "Scorer",
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
