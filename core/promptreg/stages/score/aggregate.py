"""Figures made of all scenarios, as comparisons ask for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from promptreg.records import Scale, payload_code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Aggregate"]


class Aggregate:
    """A scorer's aggregate, for one version's values or for many draws of them.

    Values of a scale with payloads are codes. What they stand for is learned from scores, from
    scenarios (what a failed trial carries) and from stored runs; the figure of a code that nobody
    told is NaN, as is that of an end of the scale, which says that nothing is known of a trial.

    Args:
        scorer: has the method `aggregate`, and perhaps `aggregate_many`; or `aggregate_payloads`.
        scale: which of its scales.
    """

    def __init__(self, scorer: Any, scale: Scale) -> None:
        self._scale = scale
        self._known: dict[float, str] = {}
        if scale.payload:
            self._payloads = scorer.aggregate_payloads
        else:
            self._one = scorer.aggregate
            self._many = getattr(scorer, "aggregate_many", None)

    def learn(self, payload: str) -> None:
        """Take in what a code stands for."""
        self._known[payload_code(payload)] = payload

    def __call__(self, values: NDArray[np.float64]) -> float:
        """Return the metric of all values of a version, shape (scenarios, repeats)."""
        import numpy as np

        if not self._scale.payload:
            return float(self._one(values))
        return float(self.many(values, np.ones((len(values), 1), np.uint8))[0])

    def many(self, values: NDArray[np.float64], counts: NDArray[Any]) -> Any:
        """Return the metric of several draws; None where the scorer makes them one by one.

        Args:
            values: shape (rows, repeats).
            counts: how often each row is part of each draw, shape (rows, draws).
        """
        import numpy as np

        if not self._scale.payload:
            return None if self._many is None else self._many(values, counts)
        there = ~np.isnan(values)
        payloads = [self._known.get(code) for code in values[there].tolist()]
        known = [payload for payload in payloads if payload is not None]
        if len(known) < len(payloads):
            return np.full(counts.shape[1], math.nan)
        return self._payloads(self._scale, known, counts[np.nonzero(there)[0]])
