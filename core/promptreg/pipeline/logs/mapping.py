"""Which column of a log is which: declared, checked against what is there, nothing guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptreg.errors import DataError, UsageError, did_you_mean

__all__ = ["ANSWER_FIELDS", "ColumnMap", "Mapped", "lookup", "read_mapping"]

ANSWER_FIELDS = (
    "text",
    "error",
    "version",
    "latency_s",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
    "finish",
    "model",
)
"""What a log may say of an answer; `score.NAME` may follow."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where each of our fields is found in a row.

    Attributes:
        columns: our name to the log's: a column, or a dotted path into nested objects.
        kept: column of the scenarios to the log's.
    """

    columns: Mapping[str, str]
    kept: Mapping[str, str]


@dataclass(slots=True)
class Mapped:
    """Follows which columns a log has and which were used."""

    mapping: ColumnMap
    seen: dict[str, None] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)

    def take(self, row: Mapping[str, Any], name: str) -> Any:
        """Return our field of a row; None where there is none."""
        there, value = lookup(row, self.mapping.columns.get(name, name))
        if there:
            self.found.add(name)
        return value

    def keep(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the scenario's columns of a row."""
        kept = {}
        for ours, theirs in self.mapping.kept.items():
            there, value = lookup(row, theirs)
            if there:
                self.found.add(f"keep {ours}")
            if value is not None:
                kept[ours] = value
        return kept

    def note(self, row: Mapping[str, Any]) -> None:
        """Remember a row's columns."""
        for column in row:
            self.seen.setdefault(column)

    def missing(self) -> list[str]:
        """Return the declared columns that no row has; one that is there and empty is no slip."""
        lacking = [v for k, v in self.mapping.columns.items() if k not in self.found]
        lacking += [v for k, v in self.mapping.kept.items() if f"keep {k}" not in self.found]
        return lacking

    def unused(self, fields: Sequence[str]) -> list[str]:
        """Return the log's columns that nothing was taken from."""
        used = {self.mapping.columns.get(name, name) for name in fields}
        used |= set(self.mapping.kept.values())
        heads = {column.split(".")[0] for column in used}
        return [c for c in self.seen if c not in used and c not in heads]


def read_mapping(pairs: Sequence[str], kept: Sequence[str], allowed: Sequence[str]) -> ColumnMap:
    """Return the mapping that the command line declares.

    Args:
        pairs: `OURS=THEIRS`.
        kept: `COLUMN` or `OURS=THEIRS`, for scenarios.
        allowed: our names; a name that ends in `.score.` allows any that begins so.

    Raises:
        UsageError: one is malformed, unknown or given twice.
    """
    columns: dict[str, str] = {}
    for item in pairs:
        ours, sign, theirs = item.partition("=")
        known = ours in allowed or any(
            a.endswith("score.") and ours.startswith(a) and ours != a for a in allowed
        )
        if not sign or not theirs or not known:
            raise UsageError(
                f"--map {item!r}: must be OURS=THEIRS{did_you_mean(ours, allowed)}; OURS is one "
                f"of: {', '.join(a + 'NAME' if a.endswith('.') else a for a in allowed)}"
            )
        if ours in columns:
            raise UsageError(f"--map: {ours} is given twice")
        columns[ours] = theirs
    own: dict[str, str] = {}
    for item in kept:
        ours, _, theirs = item.partition("=")
        if not ours or ours in own or ours in ("id", "scenario_id"):
            raise UsageError(
                f"--keep {item!r}: must be COLUMN or OURS=THEIRS, each once; the id is kept anyway"
            )
        own[ours] = theirs or ours
    return ColumnMap(columns, own)


def lookup(row: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Return whether a row has a column, and its value; a dotted path leads into objects."""
    if column in row:
        return True, row[column]
    value: Any = row
    for part in column.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value


def missing_error(path: object, mapped: Mapped) -> DataError | None:
    """Return the error that names declared columns which the log lacks."""
    lacking = mapped.missing()
    if not lacking:
        return None
    there = list(mapped.seen)
    return DataError(
        f"{path}: has no column {', '.join(repr(c) for c in lacking)}"
        f"{did_you_mean(lacking[0], there)}; it has: {', '.join(there[:40]) or 'none'}"
    )
