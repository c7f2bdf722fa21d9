"""promptreg tells whether an edit to a prompt template made a model's answers worse.

These are the public names; everything else may change between releases.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from promptreg.errors import CallError, ExitCode, PromptregError
from promptreg.hookspecs import hookimpl

if TYPE_CHECKING:
    from promptreg.api import open_suite
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


_PLACES = {
    "api": ("open_suite",),
    "protocols": (
        "BatchScorer",
        "Call",
        "Embedder",
        "Generated",
        "GenerationPlan",
        "GenerationRequest",
        "Generator",
        "History",
        "Model",
        "Pair",
        "PairScorer",
        "Probe",
        "Provider",
        "Reporter",
        "Scorer",
        "Services",
    ),
    "records": (
        "Answer",
        "Cause",
        "Completion",
        "Failure",
        "Preference",
        "Prompt",
        "Scale",
        "Scenario",
        "Score",
        "Template",
        "Trial",
        "Unscored",
    ),
    "verdicts": (
        "Comparison",
        "Difference",
        "GateVerdict",
        "Verdict",
    ),
}
"""Where public names come from that are imported when they are asked for."""
_HOMES = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: `--help` and the pytest plug-in ask for none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"promptreg.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
