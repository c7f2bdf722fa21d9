"""How often each kind of scenario happens in production, against how often the suite has it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from promptreg import Scenario
from promptreg_scorers._values import absent, word

__all__ = ["Prevalence"]


class Prevalence:
    """Puts scenarios into strata of known weight.

    Args:
        setting: one property (ground truth, attribute or column) to its values' shares of what
            happens in production; None: one stratum that holds everything.

    Raises:
        ValueError: not one property, or shares that do not add up to 1.
    """

    def __init__(self, setting: Mapping[str, Mapping[str, float]] | None) -> None:
        self.by = ""
        self.weights: list[float] = [1.0]
        self._index: dict[str, int] = {}
        if setting is None:
            return
        if len(setting) != 1:
            raise ValueError(
                f"prevalence is {dict(setting)!r}; allowed: one property, such as "
                "{scenario_type: {normal: 0.9, threat: 0.1}}"
            )
        ((self.by, shares),) = setting.items()
        self.weights = list(shares.values())
        if (
            not self.weights
            or min(self.weights) < 0
            or not math.isclose(sum(self.weights), 1, abs_tol=1e-6)
        ):
            raise ValueError(
                f"prevalence.{self.by} is {dict(shares)!r}; allowed: shares of at least 0 that "
                "add up to 1"
            )
        self._index = {word(value): i for i, value in enumerate(shares)}

    def stratum(self, scenario: Scenario) -> int | str:
        """Return the number of a scenario's stratum, or why it has none."""
        if not self.by:
            return 0
        places = (scenario.ground_truth, scenario.attributes, scenario.variables)
        value = next((p[self.by] for p in places if self.by in p), None)
        found = None if absent(value) else self._index.get(word(value))
        if found is None:
            return f"{self.by} is {value!r:.60}; prevalence has: {', '.join(self._index)}"
        return found
