"""Scenarios with the answers of both versions side by side, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from promptreg.stages.report.answers import answer_words
from promptreg.stages.report.text import one_line
from promptreg.verdicts import ScenarioChange, SideTrial

__all__ = ["scenario_blocks"]


def scenario_blocks(
    change: ScenarioChange, labels: tuple[str, str], width: int, console: Console, unicode: bool
) -> Iterator[Text]:
    """Yield the lines of one scenario: what it is, then both answers in two columns."""
    yield Text()
    by = "" if change.change is None else f"  change {change.change:+.3f}"
    name = f"{one_line(change.template, 30)}: {one_line(change.scenario_id, 80)}"
    facts = []
    if "risk_range" in change.ground_truth:
        facts.append(f"expected {one_line(str(change.ground_truth['risk_range']), 30)}")
    facts += [f"{one_line(k, 24)}={one_line(v, 24)}" for k, v in change.attributes.items()][:6]
    yield _fit(Text(f"  {name}{by}", style="bold"), width)
    if facts:
        yield _fit(Text(f"  {' · '.join(facts)}", style="dim"), width)
    bar = " │ " if unicode else " | "
    room = (width - 2 - len(bar)) // 2
    left = _column(change.baseline, labels[0], room, console)
    right = _column(change.candidate, labels[1], room, console)
    for a, b in zip_longest(left, right, fillvalue=Text()):
        a.pad_right(max(0, room - a.cell_len))
        line = Text("  ") + a + Text(bar, style="dim") + b
        line.rstrip()
        yield line


def _column(trial: SideTrial, label: str, room: int, console: Console) -> list[Text]:
    lines = [Text(set_cell_size(label, min(room, cell_len(label))), style="underline")]
    for words in answer_words(trial, limit=max(120, 4 * room)):
        style = "red" if trial.failure else ""
        for piece in Text(words, style=style).wrap(console, room, overflow="fold", tab_size=4):
            piece.rstrip()
            lines.append(piece)
    return lines


def _fit(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    return text
