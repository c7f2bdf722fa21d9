"""Figures made of all scenarios, as comparisons ask for them."""

from __future__ import annotations

from typing import Any

__all__ = ["Aggregate"]


class Aggregate:
    """A scorer's `aggregate`, called for one version's values or for many draws of them.

    Args:
        scorer: has the method `aggregate`, and perhaps `aggregate_many`.
    """

    def __init__(self, scorer: Any) -> None:
        self._one = scorer.aggregate
        self._many = getattr(scorer, "aggregate_many", None)

    def __call__(self, values: Any) -> float:
        """Return the metric of all values of a version, shape (scenarios, repeats)."""
        return float(self._one(values))

    def many(self, values: Any, counts: Any) -> Any:
        """Return the metric of several draws; None where the scorer makes them one by one.

        Args:
            values: shape (rows, repeats).
            counts: how often each row is part of each draw, shape (rows, draws).
        """
        return None if self._many is None else self._many(values, counts)
