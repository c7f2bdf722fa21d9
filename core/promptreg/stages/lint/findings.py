"""What `promptreg validate` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "few"]

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth knowing before money is spent.

    Attributes:
        level: `error` (a run would fail, or mean nothing), `warning` (probably a slip), `info`.
        code: stable name of the rule, such as `missing-variable`.
        where: the template version, scenario file or section of the suite.
        message: what was found and what to do.
    """

    level: Level
    code: str
    where: str
    message: str


def few(names: Sequence[str], shown: int = 5) -> str:
    """Return the first names and how many more there are: `a, b, c and 4 more`."""
    more = len(names) - shown
    listed = ", ".join(names[:shown])
    return f"{listed} and {more} more" if more > 0 else listed
