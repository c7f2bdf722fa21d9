"""What was asked: counted, held to a budget, and kept, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from promptreg_plugins.generators.data_designer.worker.talking import Talk

__all__ = ["Ledger"]

_FATAL = {"authentication", "permission_denied", "not_found", "quota_exceeded"}
_PLUMBING = {
    "api_connection",
    "internal_server",
    "timeout",
    "rate_limit",
    "request_admission_timeout",
    "api_error",
}
_GRACE_S = 1.0
_PATIENCE = 6
"""So many requests in a row may fail in the plumbing, beside one for each that is in flight."""


class Ledger:
    """Every request of one generation.

    Args:
        folder: `answers.jsonl` in it keeps each answer, as soon as it is there.
        talk: is told of each answer.
        requests, tokens: what may be spent now; None: no limit.
        parallel: how many requests may be in flight.
        whole: the same for all attempts at this generation together.
    """

    def __init__(
        self,
        folder: Path,
        talk: Talk,
        requests: int | None = None,
        tokens: int | None = None,
        parallel: int = 1,
        whole: Mapping[str, int | None] | None = None,
    ) -> None:
        self._talk = talk
        self._requests, self._tokens, self._whole = requests, tokens, dict(whole or {})
        self._lock = threading.Lock()
        self._begun = self._spent = self._failed = 0
        self._begun_before = self._spent_before = self._in_flight = 0
        self._last = 0.0
        self._patience = _PATIENCE + parallel
        self._rows: Sequence[Mapping[str, Any]] = ()
        self._round = 0
        self._nth: Counter[tuple[str, str]] = Counter()
        self._kept: dict[str, Any] = {}
        path = folder / "answers.jsonl"
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                try:
                    found: Any = json.loads(line) if line.endswith(b"\n") else None
                    self._kept[found["key"]] = answer = found["answer"]
                    self._begun_before += 1
                    self._spent_before += answer["tokens_in"] + answer["tokens_out"]
                except (ValueError, TypeError, KeyError):
                    continue  # cut off by a kill
        self._file = path.open("ab")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def begin(self, round_: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Start a round with these rows, in the order of Data Designer's row groups."""
        self._round, self._rows = round_, rows
        self._nth.clear()

    def row(self, group: int) -> Mapping[str, Any]:
        """Return the row of a row group."""
        return self._rows[group]

    def place(self, slot: str, column: str, seed: int, facts: Any) -> tuple[str, int]:
        """Return the key of the next request for a cell, and the sampling seed for it."""
        with self._lock:
            nth = self._nth[slot, column]
            self._nth[slot, column] += 1
        place = f"{seed}:{self._round}:{slot}:{column}:{nth}"
        text = json.dumps([place, facts], sort_keys=True, default=str)
        own = hashlib.sha256(place.encode()).digest()
        return hashlib.sha256(text.encode()).hexdigest(), int.from_bytes(own[:4], "big") >> 1

    def kept(self, key: str, slot: str, column: str) -> Any:
        """Return an answer that an earlier process got for this very request, or None."""
        answer = self._kept.get(key)
        if answer is not None:
            self._tell(slot, column, answer, kept=True)
        return answer

    def admit(self) -> bool:
        """Count a request that is about to be made; False: wait, the budget is spent.

        Ends the process once what is in flight has been answered, and a moment more: the last
        answers may complete a row.
        """
        with self._lock:
            begun, spent = self._begun + self._begun_before, self._spent + self._spent_before
            over = _reached(self._begun, self._requests) or _reached(self._spent, self._tokens)
            whole = _reached(begun, self._whole.get("requests"))
            whole = whole or _reached(spent, self._whole.get("tokens"))
            if not over and not whole:
                self._begun += 1
                self._in_flight += 1
                return True
            if self._in_flight or time.monotonic() - self._last < _GRACE_S:
                return False
        text = f"generate.budget is spent ({begun:,} requests, {spent:,} tokens)"
        return self._talk.stop("budget", text if whole else "the budget is spent")

    def answered(self, key: str, slot: str, column: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer; ends the process where that cannot be done."""
        line = json.dumps({"key": key, "answer": answer}, ensure_ascii=True) + "\n"
        try:
            with self._lock:
                self._failed = 0
                self._in_flight -= 1
                self._last = time.monotonic()
                self._spent += answer["tokens_in"] + answer["tokens_out"]
                self._file.write(line.encode())
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as e:
            self._talk.stop("disk", f"{self._file.name}: {e.strerror or e}")
        self._tell(slot, column, answer, kept=False)

    def failed(self, kind: str, text: str) -> None:
        """Note a request that got no answer; ends the process where asking on is in vain."""
        with self._lock:
            self._in_flight -= 1
            self._last = time.monotonic()
        if kind in _FATAL:
            self._talk.stop("refused", text)
        if kind not in _PLUMBING:
            return  # this prompt is at fault, not the server
        with self._lock:
            self._failed += 1
            over = self._failed >= self._patience
        if over:
            self._talk.stop("unreachable", text)

    def _tell(self, slot: str, column: str, answer: Mapping[str, Any], *, kept: bool) -> None:
        facts = {name: answer[name] for name in ("tokens_in", "tokens_out", "cut")}
        self._talk.say("asked", slot=slot, column=column, kept=kept, **facts)


def _reached(spent: int, most: int | None) -> bool:
    return most is not None and spent >= most
