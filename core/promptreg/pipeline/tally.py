"""What a run has done so far: trials, calls, tokens, cost."""

from __future__ import annotations

from dataclasses import dataclass

from promptreg.records import Completion

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """What has been done so far."""

    planned: int = 0
    cached: int = 0
    called: int = 0
    finished: int = 0
    kept: int = 0
    """Trials that have a completion; those that failed are asked again by the next run."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None

    def count_call(self, completion: Completion) -> None:
        """Count a call that was answered."""
        self.called += 1
        self.prompt_tokens += completion.prompt_tokens or 0
        self.completion_tokens += completion.completion_tokens or 0
        if completion.cost is not None:
            self.cost = (self.cost or 0.0) + completion.cost
