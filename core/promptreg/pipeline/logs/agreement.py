"""How both versions' answers to an event differ, and what became of every answer: shown only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from promptreg import numbers
from promptreg.records import Answer, Cause, Completion, Failure
from promptreg.stages.parse import AnswerReader

__all__ = ["Agreement"]

_MOST_WORDS = 20
_LONGEST_WORD = 40
_FIELDS = 12


@dataclass(slots=True)
class Agreement:
    """Reads answers by the suite's rules and counts.

    Attributes:
        reader: of answers.
        outcomes: version to what became of its answers: `answered`, or a cause.
    """

    reader: AnswerReader
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    _pairs: dict[str, list[tuple[Any, Any, str]]] = field(default_factory=dict)
    both: int = 0

    def one(self, version: str, row: Mapping[str, Any]) -> Answer | None:
        """Count a version's answer, and return it if it can be read."""
        outcome, answer = self._read(row)
        self.outcomes.setdefault(version, Counter())[outcome] += 1
        return answer

    def two(self, event: str, before: Answer | None, after: Answer | None) -> None:
        """Compare both versions' answers to an event, if there are two."""
        if before is None or after is None:
            return
        self.both += 1
        for name, a in before.fields.items():
            b = after.fields.get(name)
            if name in after.fields and (_plain(a) and _plain(b)):
                self._pairs.setdefault(str(name), []).append((a, b, event))

    def counts(self) -> Iterator[str]:
        """Yield a line per version: how many answers could be read, and why others could not."""
        for version, found in self.outcomes.items():
            total = sum(found.values())
            words = [f"{found['answered']:,} of {numbers.count(total, 'answer')} readable"]
            words += [
                f"{n:,} {cause} ({_treatment(cause)})"
                for cause, n in found.most_common()
                if cause != "answered"
            ]
            yield f"{version}: {', '.join(words)}"

    def disagreements(self) -> Iterator[str]:
        """Yield a line per field: how often it differs, how, and on which event most."""
        for name, pairs in list(self._pairs.items())[:_FIELDS]:
            numeric = [(float(a), float(b), e) for a, b, e in pairs if _number(a) and _number(b)]
            if len(numeric) == len(pairs):
                yield from _numeric(name, numeric)
            elif len({str(v) for a, b, _ in pairs for v in (a, b)}) <= _MOST_WORDS:
                yield _words(name, [(str(a), str(b)) for a, b, _ in pairs])

    def _read(self, row: Mapping[str, Any]) -> tuple[str, Answer | None]:
        error = row.get("error")
        if error:
            word = str(error).replace(":", " ", 1).partition(" ")[0]
            return (word if word in set(Cause) else str(Cause.RECORDED)), None
        finish = str(row.get("finish") or "stop")
        read = self.reader.read(Completion(text=str(row.get("text") or ""), finish=finish))
        if isinstance(read, Failure):
            return str(read.cause), None
        return "answered", read


def _treatment(cause: str) -> str:
    if cause == Cause.HTTP_STATUS:
        return "429 and 5xx a gap, else worst"
    return "a gap" if Failure(Cause(cause), "").infrastructure else "counts as worst"


def _plain(value: Any) -> bool:
    return _number(value) or (isinstance(value, str) and len(value) <= _LONGEST_WORD)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _numeric(name: str, pairs: list[tuple[float, float, str]]) -> Iterator[str]:
    change = np.array([b - a for a, b, _ in pairs])
    differ = int(np.count_nonzero(change))
    line = f"{name}: differs on {differ:,} of {numbers.count(len(pairs), 'event')}"
    if differ:
        far = int(np.abs(change).argmax())
        a, b, event = pairs[far]
        line += (
            f", by {float(np.abs(change).mean()):.3g} on average (mean change "
            f"{float(change.mean()):+.3g}); most on {event}: {a:g} and {b:g}"
        )
    yield line


def _words(name: str, pairs: list[tuple[str, str]]) -> str:
    moves = Counter((a, b) for a, b in pairs if a != b)
    line = f"{name}: differs on {sum(moves.values()):,} of {numbers.count(len(pairs), 'event')}"
    if moves:
        line += ": " + ", ".join(f"{a} to {b} {n:,}" for (a, b), n in moves.most_common(4))
    return line
