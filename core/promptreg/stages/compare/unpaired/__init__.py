"""Compare runs that hold different scenarios, drawn at random for either version."""

from promptreg.stages.compare.unpaired.allocation import allocations
from promptreg.stages.compare.unpaired.differences import (
    compare_arms,
    complete_case_arms,
    unequal_arms,
)
from promptreg.stages.compare.unpaired.sides import ArmPair, check_units, split_arms

__all__ = [
    "ArmPair",
    "allocations",
    "check_units",
    "compare_arms",
    "complete_case_arms",
    "split_arms",
    "unequal_arms",
]
