"""How much may be spent, and how much was."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from promptreg.errors import UsageError

__all__ = ["Budget", "Spent"]

_PART = re.compile(r"(\d[\d_]{0,15}(?:\.\d{1,6})?)\s*([a-z]*)\Z")
_CALLS = frozenset({"", "call", "calls"})
_TOKENS = frozenset({"token", "tokens"})
_COST = frozenset({"usd", "eur", "cost"})


@dataclass(slots=True)
class Spent:
    """What was spent by a caller so far.

    Attributes:
        calls: calls of which at least one attempt was made.
        attempts: network attempts, retries included.
        prompt_tokens, completion_tokens: as counted by the server.
        cost: in the currency of the prices.
        failed: calls that ended in a failure.
    """

    calls: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent; None is no limit.

    Calls are counted before they are made, so never exceeded. Tokens and cost are known only
    afterwards: calls in flight when the limit is reached are still finished.

    Attributes:
        calls: calls (retries of one call count once).
        tokens: prompt and completion tokens together.
        cost: in the currency of the suite's prices.
    """

    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Return the budget that `text` states.

        Args:
            text: `500` or `500calls`, `200000tokens`, `5usd` (or `eur`, `cost`: the number is
                compared with costs in the currency of the prices); several joined by commas.

        Raises:
            UsageError: it says something else.
        """
        found: dict[str, float] = {}
        for part in text.lower().split(","):
            match = _PART.match(part.strip())
            unit = match.group(2) if match else None
            if match is None or unit not in _CALLS | _TOKENS | _COST:
                raise _wrong(text)
            value = float(match.group(1).replace("_", ""))
            name = "calls" if unit in _CALLS else "tokens" if unit in _TOKENS else "cost"
            if value <= 0 or name in found or (name != "cost" and not value.is_integer()):
                raise _wrong(text)
            found[name] = value
        calls, tokens = found.get("calls"), found.get("tokens")
        return cls(
            calls=None if calls is None else int(calls),
            tokens=None if tokens is None else int(tokens),
            cost=found.get("cost"),
        )

    def exceeded(self, spent: Spent) -> str:
        """Return why no further call fits, or an empty string."""
        if self.calls is not None and spent.calls >= self.calls:
            return f"the budget of {self.calls:,} calls is spent"
        tokens = spent.prompt_tokens + spent.completion_tokens
        if self.tokens is not None and tokens >= self.tokens:
            return f"the budget of {self.tokens:,} tokens is spent ({tokens:,} used)"
        if self.cost is not None and spent.cost >= self.cost:
            return f"the budget of {self.cost:g} is spent ({spent.cost:.4g} used)"
        return ""

    def unknowable(self, tokens: int | None, cost: float | None) -> str:
        """Return why this budget cannot be kept when a completion says so little."""
        if self.tokens is not None and tokens is None:
            return "the provider does not count tokens, so a budget of tokens cannot be kept"
        if self.cost is not None and (cost is None or not math.isfinite(cost)):
            return (
                "the cost of a call is not known, so a budget of money cannot be kept; "
                "give 'prices' under 'provider'"
            )
        return ""


def _wrong(text: str) -> UsageError:
    return UsageError(
        f"budget {text!r}: allowed are positive numbers such as 500 (calls), 200000tokens, 5usd, "
        "or several joined by commas, each kind once"
    )
