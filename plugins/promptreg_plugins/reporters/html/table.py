"""The table of scenarios: which rows there are, how much text they keep, what filters know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptreg.stages.report.text import one_line
from promptreg.verdicts import ScenarioChange
from promptreg_plugins.look.scenarios import ScenarioRow, scenario_row

__all__ = ["MAX_ROWS", "Filters", "TableRow", "filters_of", "table_rows"]

MAX_ROWS = 1_000
_WHOLE_TEXT, _SHORT_TEXT = 3_000, 300
_BUDGET = 1_500_000
"""Characters of answers and prompts that rows show whole; the rows after that keep less."""
_FILTER_VALUES = 40
"""Attributes with more values than this cannot be filtered by; the search finds them."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A scenario, its place among the templates, and the numbers of its attributes' values."""

    scenario: ScenarioRow
    template: int
    filters: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What the table can be filtered by: (attribute, [(number, value)]), and all templates."""

    attributes: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]
    templates: tuple[str, ...]
    numbers: Mapping[tuple[str, str], int]


def filters_of(changes: Sequence[ScenarioChange]) -> Filters:
    """Return the attributes with few values, each value numbered for the page's script."""
    values: dict[str, dict[str, None]] = {}
    for change in changes:
        for attribute, value in change.attributes.items():
            values.setdefault(attribute, {})[value] = None
    found: dict[tuple[str, str], int] = {}
    groups = []
    for attribute in sorted(values):
        if not 1 < len(values[attribute]) <= _FILTER_VALUES:
            continue
        group = []
        for value in sorted(values[attribute]):
            number = found[attribute, value] = len(found)
            group.append((number, one_line(value, 60)))
        groups.append((one_line(attribute, 40), tuple(group)))
    templates = tuple(dict.fromkeys(c.template for c in changes))
    return Filters(tuple(groups), templates, found)


def table_rows(
    changes: Sequence[ScenarioChange], labels: tuple[str, str], filters: Filters
) -> tuple[list[TableRow], int]:
    """Return at most `MAX_ROWS` rows in the order given, and how many of them keep long texts."""
    rows: list[TableRow] = []
    left, whole = _BUDGET, 0
    for change in changes[:MAX_ROWS]:
        row = scenario_row(change, labels, _WHOLE_TEXT if left > 0 else _SHORT_TEXT)
        whole += left > 0
        left -= _size(row)
        known = (filters.numbers.get(item) for item in change.attributes.items())
        numbers = " ".join(str(n) for n in known if n is not None)
        rows.append(TableRow(row, filters.templates.index(change.template), numbers))
    return rows, whole


def _size(row: ScenarioRow) -> int:
    return sum(
        len(side.prompt) + len(side.text) + len(side.thinking) + sum(len(t) for _, t in side.texts)
        for side in row.sides
    )
