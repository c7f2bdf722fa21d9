"""The policy of a comparison: which metrics gate, by which margins, and what must be proven."""

from __future__ import annotations

from promptreg.criteria import GAP_RATE, OVERALL, Bound, Guard
from promptreg.policy.making import make_policy
from promptreg.policy.model import EFFECTIVE, DesignPolicy, LookPolicy, Policy

__all__ = [
    "EFFECTIVE",
    "GAP_RATE",
    "OVERALL",
    "Bound",
    "DesignPolicy",
    "Guard",
    "LookPolicy",
    "Policy",
    "make_policy",
]
