"""Tests to come, before and after their comparison is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptreg.pipeline.checks import Check, Checked
    from promptreg.policy import Policy
    from promptreg.verdicts import Comparison
    from pytest_promptreg.asked import Asked

__all__ = ["Planned", "Prepared"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One test to come: a check of a comparison."""

    asked: Asked
    check: Check


@dataclass(frozen=True, slots=True)
class Prepared:
    """One test whose comparison is made."""

    planned: Planned
    comparison: Comparison
    policy: Policy
    checked: Checked
