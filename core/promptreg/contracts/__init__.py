"""What a plug-in of each kind must do, as checks that return problems in words.

Each check takes a plug-in object and returns one line per problem; an empty list means that all is
well. `promptreg plugins check` runs them, and `promptreg.testing` wraps them for pytest.

    from promptreg.contracts import check_scorer
    assert check_scorer(Shout()) == []
"""

from promptreg.contracts.comparisons import hostile_comparison, sample_comparison
from promptreg.contracts.embedder import check_embedder
from promptreg.contracts.generator import check_generator
from promptreg.contracts.history import check_history
from promptreg.contracts.provider import check_provider
from promptreg.contracts.registered import Result, check_registered
from promptreg.contracts.reporter import check_reporter
from promptreg.contracts.samples import odd_trials, sample_calls, sample_trials
from promptreg.contracts.scorer import check_scorer

__all__ = [
    "Result",
    "check_embedder",
    "check_generator",
    "check_history",
    "check_provider",
    "check_registered",
    "check_reporter",
    "check_scorer",
    "hostile_comparison",
    "odd_trials",
    "sample_calls",
    "sample_comparison",
    "sample_trials",
]
