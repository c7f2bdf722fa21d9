"""Whether a text contains another."""

from __future__ import annotations

from collections.abc import Mapping

from promptreg_scorers._matching import Matching

__all__ = ["Contains"]


class Contains(Matching):
    """1 where the text contains the expected one, else 0. Higher is better.

    Example: `value: "as an AI", case: false, negate: true` counts answers free of that phrase.

    Does not apply to scenarios without the ground truth. Unscored where that is no text, number
    or boolean; a field that is none counts 0.

    Args:
        value: what must be contained, or `{ground_truth: COLUMN}`.
        field: the answer's field; default: the completion's text without thinking.
        case: whether capitals count.
        negate: score the opposite: 1 where it is not contained.
        name: the metric's name.
    """

    def __init__(
        self,
        value: str | bool | int | float | Mapping[str, str],
        field: str = "",
        case: bool = True,
        negate: bool = False,
        name: str = "contains",
    ) -> None:
        super().__init__(value, field, negate, name)
        self._case = case

    def matches(self, text: str, expected: str) -> bool:
        """Return whether the text contains the expected one."""
        return expected in text if self._case else expected.casefold() in text.casefold()
