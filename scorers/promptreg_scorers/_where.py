"""Which scenarios a scorer looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptreg import Scenario
from promptreg_scorers._values import absent, word

__all__ = ["Where"]


class Where:
    """A choice of scenarios: every named property has the value, or one of the values, given.

    A property is looked up in the ground truth, then the attributes, then all columns. Values are
    compared as words: `true` matches a boolean and the text, 30 matches 30.0.

    Args:
        conditions: property to value or list of values.

    Raises:
        ValueError: a list of values is empty.
    """

    def __init__(self, conditions: Mapping[str, Any] | None) -> None:
        self._conditions: dict[str, frozenset[str]] = {}
        for name, value in (conditions or {}).items():
            values = value if isinstance(value, (list, tuple)) else [value]
            if not values:
                raise ValueError(f"where.{name} is empty; allowed: a value, or a list of values")
            self._conditions[name] = frozenset(word(v) for v in values)

    def selects(self, scenario: Scenario) -> bool:
        """Return whether the scenario has all properties; a property it lacks matches nothing."""
        places = (scenario.ground_truth, scenario.attributes, scenario.variables)
        for name, allowed in self._conditions.items():
            value: Any = next((p[name] for p in places if name in p), None)
            if absent(value) or word(value) not in allowed:
                return False
        return True
