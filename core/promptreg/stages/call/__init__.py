"""Calls a provider: retries, deadlines, concurrency, pacing and budgets; never raises for a call.

caller = Caller(provider, concurrency=2)
outcome = await caller.call(call)      # a Completion or a Failure, always
caller.stopped                         # why no more calls are made, or None
"""

from __future__ import annotations

from promptreg.stages.call.budget import Budget, Spent
from promptreg.stages.call.caller import Caller
from promptreg.stages.call.stop import Stop, StopKind

__all__ = ["Budget", "Caller", "Spent", "Stop", "StopKind"]
