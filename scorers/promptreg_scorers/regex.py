"""Whether a text matches a regular expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptreg_scorers._matching import Matching

__all__ = ["Regex"]

_LONGEST = 1000
_MEMORY = 8 << 20
_REMEMBERED = 1000


class Regex(Matching):
    r"""1 where the expression matches somewhere in the text, else 0. Higher is better.

    Expressions follow RE2: linear time whatever the text, hence no look-around and no
    back-references. `^` and `$` are the ends of the text; `(?m)` makes them those of lines.

    Example: `field: summary, value: "(?i)\\bunknown person\\b"`.

    Does not apply to scenarios without the ground truth. Unscored where that is no text, or no
    valid expression; a field that is no text counts 0.

    Args:
        value: the expression (at most 1,000 characters), or `{ground_truth: COLUMN}`.
        field: the answer's field; default: the completion's text without thinking.
        case: whether capitals count.
        negate: score the opposite: 1 where it does not match.
        name: the metric's name.
    """

    def __init__(
        self,
        value: str | Mapping[str, str],
        field: str = "",
        case: bool = True,
        negate: bool = False,
        name: str = "regex",
    ) -> None:
        super().__init__(value, field, negate, name)
        self._case = case
        self._compiled: dict[str, Any] = {}
        if isinstance(value, str):
            self._compile(value)

    def matches(self, text: str, expected: str) -> bool:
        """Return whether the expression matches somewhere."""
        found = self._compiled.get(expected)
        if found is None:
            found = self._compile(expected)
        return found.search(text) is not None

    def _compile(self, pattern: str) -> Any:
        import re2  # a compiled extension: not at registration

        if len(pattern) > _LONGEST:
            raise ValueError(
                f"the expression has {len(pattern):,} characters; allowed: {_LONGEST:,}"
            )
        options = re2.Options()
        options.case_sensitive = self._case
        options.log_errors = False
        options.max_mem = _MEMORY
        try:
            compiled = re2.compile(pattern, options)
        except re2.error as e:
            said = e.args[0] if e.args else e
            reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise ValueError(f"{pattern!r} is no valid expression: {reason}") from e
        if len(self._compiled) >= _REMEMBERED:
            self._compiled.clear()
        self._compiled[pattern] = compiled
        return compiled
