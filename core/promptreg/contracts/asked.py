"""Asks a scorer that takes several trials at once, with stand-ins for the world outside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from promptreg.contracts.services import FakeServices
from promptreg.records import Trial

__all__ = ["asked_alone", "asked_together", "batched"]


def batched(scorer: Any) -> bool:
    """Return whether a scorer is asked about several trials at once."""
    return callable(getattr(scorer, "score_batch", None))


def asked_together(scorer: Any, trials: Sequence[Trial], *, down: bool = False) -> Any:
    """Return what the scorer says of several trials; `down`: its models answer nothing."""
    return asyncio.run(scorer.score_batch(tuple(trials), FakeServices(down=down)))


def asked_alone(scorer: Any, trial: Trial) -> Any:
    """Return what the scorer says of one trial.

    Raises:
        TypeError: it did not return one result for one trial.
    """
    made = asked_together(scorer, [trial])
    if not isinstance(made, (list, tuple)) or len(made) != 1:
        raise TypeError(f"score_batch() returned {type(made).__name__} for one trial")
    return made[0]
