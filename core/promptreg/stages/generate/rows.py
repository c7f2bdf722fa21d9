"""Rows as a generator hands them over, checked: what it made is a stranger's data."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from promptreg.protocols import Generated, GenerationPlan

__all__ = ["ID", "row_problem", "slot_problem"]

ID = "scenario_id"
_MOST_BYTES = 1_000_000
_MOST_COLUMNS = 1_000


def slot_problem(made: object, slots: Collection[str], seen: Mapping[str, Any]) -> str:
    """Return what breaks the protocol, so that nothing more can be taken from the generator."""
    if not isinstance(made, Generated):
        return f"yielded a {type(made).__name__}; allowed: Generated"
    if made.slot not in slots:
        return f"yielded the slot {made.slot!r:.80}, which its plan does not have"
    if made.slot in seen:
        return f"yielded the slot {made.slot!r} twice"
    if made.row is None and not made.reasons:
        return f"yielded no row for the slot {made.slot!r}, and no reason"
    return ""


def row_problem(row: Any, plan: GenerationPlan, ids: Mapping[str, str]) -> str:
    """Return why a row cannot be a scenario of the set; empty if it can.

    Args:
        row: the row.
        plan: what the generator said it would make.
        ids: ids of the rows so far, to their slots.
    """
    if not isinstance(row, Mapping) or not all(isinstance(name, str) and name for name in row):
        return "the row is no mapping of column names to values"
    if len(row) > _MOST_COLUMNS:
        return f"the row has {len(row):,} columns; at most {_MOST_COLUMNS:,} are allowed"
    name = row.get(ID)
    if not isinstance(name, str) or not name.strip() or len(name) > 200 or not name.isprintable():
        return f"{ID} is {name!r:.80}; allowed: 1-200 printable characters"
    if name in ids:
        return f"{ID} {name!r} is already that of the slot {ids[name]!r}"
    for attribute, values in plan.attributes.items():
        if row.get(attribute) not in values:
            return f"{attribute} is {row.get(attribute)!r:.80}; the plan allows {', '.join(values)}"
    for rule in plan.forbidden:
        if all(row.get(attribute) in values for attribute, values in rule.items()):
            words = ", ".join(f"{attribute}: {row.get(attribute)}" for attribute in rule)
            return f"holds a forbidden combination ({words})"
    try:
        text = json.dumps(row, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as e:
        return f"the row is no JSON: {e}"
    if len(text) > _MOST_BYTES:
        return f"the row has {len(text):,} bytes; at most {_MOST_BYTES:,} are allowed"
    return ""
