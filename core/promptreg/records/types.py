"""Names of the kinds of values that records hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

__all__ = ["Direction", "Json", "Kind", "Statistic"]


Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What `json.loads` may return."""


Kind: TypeAlias = Literal["binary", "bounded", "ordinal", "count"]


Direction: TypeAlias = Literal["higher_is_better", "lower_is_better"]


Statistic: TypeAlias = Literal["mean", "signed_ranks", "ratio_of_totals", "aggregate"]
