"""Whether a text is the one expected."""

from __future__ import annotations

from collections.abc import Mapping

from promptreg_scorers._matching import Matching

__all__ = ["Exact"]


class Exact(Matching):
    """1 where the text equals the expected one, white space at both ends aside, else 0.

    Numbers are compared as written, an integral one without decimals (`30` equals 30.0). Higher
    is better.

    Example: `field: risk_level, value: {ground_truth: expected_level}`.

    Does not apply to scenarios without the ground truth. Unscored where that is no text, number
    or boolean; a field that is none counts 0.

    Args:
        value: the expected text, or `{ground_truth: COLUMN}`.
        field: the answer's field; default: the completion's text without thinking.
        case: whether capitals count.
        negate: score the opposite: 1 where it differs.
        name: the metric's name.
    """

    def __init__(
        self,
        value: str | bool | int | float | Mapping[str, str],
        field: str = "",
        case: bool = True,
        negate: bool = False,
        name: str = "exact",
    ) -> None:
        super().__init__(value, field, negate, name)
        self._case = case

    def matches(self, text: str, expected: str) -> bool:
        """Return whether the texts are equal."""
        text, expected = text.strip(), expected.strip()
        return text == expected if self._case else text.casefold() == expected.casefold()
