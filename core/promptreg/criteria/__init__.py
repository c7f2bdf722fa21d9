"""What a `gate` section asks of slices and of the candidate, checked against what exists."""

from promptreg.criteria.limits import bounds_of, dropped, required_words
from promptreg.criteria.model import (
    GAP_RATE,
    OVERALL,
    Bound,
    Guard,
    Slicing,
    check_known,
    check_margin,
)
from promptreg.criteria.slices import fewest_families, guards_of, slicings_of

__all__ = [
    "GAP_RATE",
    "OVERALL",
    "Bound",
    "Guard",
    "Slicing",
    "bounds_of",
    "check_known",
    "check_margin",
    "dropped",
    "fewest_families",
    "guards_of",
    "required_words",
    "slicings_of",
]
