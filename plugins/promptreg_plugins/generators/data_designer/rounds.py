"""Rounds of rows: what is not valid is written again with other seeds, and then given up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptreg.protocols import Generated
from promptreg_plugins.generators.data_designer.process import Worker

__all__ = ["Rounds", "Verdict"]

_ENOUGH_TO_TELL = 4
_SHOWN = 3
Verdict = tuple[dict[str, Any], list[str], dict[str, bool]]
"""A finished row, what is wrong with it, and what else was checked."""


@dataclass
class _Slot:
    """What is known of a slot that has no valid row yet."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    reasons: list[str] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)


class Rounds:
    """Goes on until each row is valid or the rounds are over.

    Args:
        worker: has the rows made.
        rounds: how many there are at most.
        judge: from a slot and Data Designer's values to the finished row and what is wrong with it.
        price: column, tokens in and out to a cost.
    """

    def __init__(
        self,
        worker: Worker,
        rounds: int,
        judge: Callable[[str, Mapping[str, Any]], Verdict],
        price: Callable[[str, int, int], float],
    ) -> None:
        self._worker, self._rounds = worker, rounds
        self._judge, self._price = judge, price
        self._slots: dict[str, _Slot] = defaultdict(_Slot)
        self.left: list[str] = []
        """Slots that have no valid row, in order."""

    def run(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[Generated]:
        """Yield each valid row as it comes; what is in `left` then was not valid in any round.

        Raises:
            BudgetError: it is spent.
            ExecutionError: nothing more can be made.
        """
        left = {row["slot"]: row for row in rows}
        for number in range(self._rounds):
            for made in self._round(number, list(left.values())):
                del left[made.slot]
                yield made
            self.left = list(left)
            if not left:
                return
            if number == 0 and len(left) == len(rows) and len(rows) >= _ENOUGH_TO_TELL:
                return  # not one: more of the same would only cost more

    def given_up(self, slot: str, row: dict[str, Any] | None, last: str = "") -> Generated:
        """Return what became of a slot without a valid row: another row in its place, or none."""
        known = self._slots[slot]
        reasons = [*known.reasons, last] if last else known.reasons
        spent = (known.calls, known.tokens_in + known.tokens_out, known.cost)
        return Generated(slot, row, tuple(reasons), *spent, checks={"validated": False})

    def why(self) -> str:
        """Return the most frequent reasons for rows that were not valid."""
        found: dict[str, int] = defaultdict(int)
        for slot in self.left:
            for reason in self._slots[slot].reasons:
                found[reason] += 1
        most = sorted(found.items(), key=lambda item: -item[1])[:_SHOWN]
        return "; ".join(f"{n} x {reason}" for reason, n in most) or "no reason was given"

    def _round(self, number: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[Generated]:
        waiting = {row["slot"] for row in rows}
        for slot in waiting:
            self._slots[slot].lost.clear()
            self._slots[slot].cut.clear()
        why = ""
        for message in self._worker.round(number, rows):
            kind = message["kind"]
            if kind == "over":
                why = message["why"]
                break
            known = self._slots[message["slot"]]
            if kind == "asked":
                self._count(known, message)
            elif kind == "lost":
                known.lost.setdefault(message["column"], message["text"])
            elif kind == "row" and message["slot"] in waiting:
                waiting.discard(message["slot"])
                made = self._made(message["slot"], message["values"])
                if made is not None:
                    yield made
        for slot in sorted(waiting):
            lost = self._slots[slot].lost or {"": why or "Data Designer dropped the row"}
            column, text = next(iter(lost.items()))
            self._slots[slot].reasons.append(
                f"{column}: {_short(text)}" if column else _short(text)
            )

    def _made(self, slot: str, values: Mapping[str, Any]) -> Generated | None:
        known = self._slots[slot]
        row, problems, checks = self._judge(slot, values)
        problems = [f"{name}: was cut off at max_tokens" for name in sorted(known.cut)] + problems
        if problems:
            known.reasons.append(_short(problems[0]))
            return None
        reasons = tuple(known.reasons)
        spent = (known.calls, known.tokens_in + known.tokens_out, known.cost)
        return Generated(slot, row, reasons, *spent, checks={"validated": True, **checks})

    def _count(self, known: _Slot, message: Mapping[str, Any]) -> None:
        column = message["column"]
        spent = message["tokens_in"], message["tokens_out"]
        known.calls += 1
        known.tokens_in += spent[0]
        known.tokens_out += spent[1]
        known.cost += self._price(column, *spent)
        (known.cut.add if message["cut"] else known.cut.discard)(column)


def _short(text: str) -> str:
    """Return one line of a reason; like reasons are counted together."""
    line = " ".join(text.replace("\U0001f6d1", "").split())
    if "| Cause: " in line:  # Data Designer's box: what was wrong stands in its middle
        line = line.partition("| Cause: ")[2].partition(" | Solution: ")[0]
        line = line.rpartition("Validation detail: ")[2]
    return line if len(line) <= 200 else f"{line[:197]}..."
