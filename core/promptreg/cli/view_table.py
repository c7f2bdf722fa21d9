"""The table of metrics for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from promptreg import numbers
from promptreg.stages.report.lines import COLUMNS, Line
from promptreg.verdicts import GateVerdict, Verdict

__all__ = ["GATE_STYLES", "VERDICT_STYLES", "table"]

GATE_STYLES = {
    GateVerdict.PASS: "green",
    GateVerdict.FAIL: "red",
    GateVerdict.INCONCLUSIVE: "yellow",
}
VERDICT_STYLES = {
    Verdict.IMPROVED: "green",
    Verdict.EQUIVALENT: "green",
    Verdict.NO_WORSE: "green",
    Verdict.REGRESSED: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
}
_LEFT = {"title", "verdict"}
_GAP = 2
_SPARE = ("seen", "margin", "interval")
"""Columns that move to a line of their own, in this order, where there is no room."""
_LAST = ("candidate", "baseline")
"""Those that move, too, where even a short title leaves no room: a verdict is not to be cut."""
_SHORT = 12
"""Cells to which a title is shortened before columns of `_LAST` move."""


def table(
    lines: Sequence[Line],
    labels: tuple[str, str],
    width: int,
    *,
    columns: Sequence[str] = COLUMNS,
    spare: Sequence[str] = _SPARE,
    verbose: bool = False,
) -> Iterator[Text]:
    """Yield the rows of a table, no one wider than `width` cells.

    Where the columns do not fit, the spare ones move to a line under the row, named there.
    """
    if not lines:
        return
    level = {numbers.level(line.difference.level) for line in lines}
    heads = {
        "title": "metric",
        "n": "n",
        "baseline": labels[0],
        "candidate": labels[1],
        "change": "change",
        "interval": f"{level.pop()} interval" if len(level) == 1 else "interval",
        "margin": "margin",
        "verdict": "verdict",
        "seen": "could have seen",
    }
    columns = list(columns)
    moved: list[str] = []
    for name in spare:
        if _overflow(lines, columns, heads, width) <= 0:
            break
        columns.remove(name)
        moved.append(name)
    widths = _widths(lines, columns, heads)
    over = _overflow(lines, columns, heads, width)
    if over > max(0, widths["title"] - _SHORT):
        both = [name for name in _LAST if name in columns]
        columns = [name for name in columns if name not in both]
        moved += both
        over = _overflow(lines, columns, heads, width)
    if over > 0:
        widths["title"] = max(8, widths["title"] - over)
    yield _row(heads, columns, widths, "dim").truncated(width)
    for line in lines:
        cells = {name: str(getattr(line, name)) for name in columns}
        row = _row(cells, columns, widths, "", VERDICT_STYLES[line.difference.verdict])
        extras = [f"{heads[name]} {getattr(line, name)}" for name in reversed(moved)]
        extras += line.extras + (line.finer if verbose else ())
        yield from _with_extras(row.truncated(width), extras, width)


def _overflow(
    lines: Sequence[Line], columns: Sequence[str], heads: dict[str, str], width: int
) -> int:
    """Return by how many cells the columns are too wide."""
    widths = _widths(lines, columns, heads)
    return sum(widths.values()) + _GAP * (len(columns) - 1) - width


class _Row(Text):
    def truncated(self, width: int) -> Text:
        self.truncate(width, overflow="ellipsis")
        return self


def _widths(lines: Sequence[Line], columns: Sequence[str], heads: dict[str, str]) -> dict[str, int]:
    return {
        name: max(cell_len(heads[name]), *(cell_len(str(getattr(line, name))) for line in lines))
        for name in columns
    }


def _row(
    cells: dict[str, str],
    columns: Sequence[str],
    widths: dict[str, int],
    style: str,
    verdict_style: str = "",
) -> _Row:
    row = _Row(style=style)
    for i, name in enumerate(columns):
        if i:
            row.append(" " * _GAP)
        text, room = cells[name], widths[name]
        if cell_len(text) > room:
            text = set_cell_size(text, room - 1) + "…"
        pad = " " * (room - cell_len(text))
        cell = text + pad if name in _LEFT else pad + text
        row.append(cell, verdict_style if name == "verdict" else "")
    row.rstrip()
    return row


def _with_extras(row: Text, extras: list[str], width: int) -> Iterator[Text]:
    """Yield the row, with the extras after it or under it, wrapped between extras."""
    if not extras:
        yield row
        return
    joined = " · ".join(extras)
    if row.cell_len + _GAP + cell_len(joined) <= width:
        yield row + Text(f"{' ' * _GAP}{joined}", style="dim")
        return
    yield row
    room = width - 6
    current = ""
    for extra in extras:
        if current and cell_len(current) + 3 + cell_len(extra) > room:
            yield Text(f"    {current}", style="dim")
            current = ""
        current = f"{current} · {extra}" if current else extra
        if cell_len(current) > room:  # a sentence, which has the lines to itself
            *full, current = wrap(current, room)
            yield from (Text(f"    {piece}", style="dim") for piece in full)
    yield Text(f"    {current}", style="dim")
