"""What a job's process says, as events: progress now and then, lines in groups."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

from promptreg_plugins.web.jobs.process import Said
from promptreg_plugins.web.problems import UnavailableError
from promptreg_plugins.web.store.attempts import Attempt
from promptreg_plugins.web.store.events import MAX_LOG_LINES

__all__ = ["Following"]

_LOG_BYTES = 4_000_000
_PENDING = 200
_CALM_S = 1.0
"""Seconds between looks at whether the job was cancelled."""


class Following:
    """Hears what a child says and keeps it.

    Args:
        attempt: what is written to.
        redact: takes secrets out of a line.
        log: the log for people.
        changed: told the job's id when there is news.
    """

    def __init__(
        self,
        attempt: Attempt,
        redact: Callable[[str], str],
        log: IO[str],
        changed: Callable[[str], None],
    ) -> None:
        self.cancelled = False
        self.last_words: deque[str] = deque(maxlen=20)
        """The last lines on standard error: why it failed."""
        self.run_ids: list[str] = []
        self.counts: dict[str, Any] = {"done": 0, "planned": None, "cached": 0, "failed": 0}
        self._attempt = attempt
        self._redact = redact
        self._log = log
        self._changed = changed
        self._pending: list[str] = []
        self._lines = self._bytes = 0
        self._began = self._speed_since = time.monotonic()
        self._next = self._look = self._began
        self._news = False

    def hear(self, said: Said) -> None:
        """Take one line."""
        if said.stream == "events":
            self._count(said.facts)
            return
        line = self._redact(said.line)
        if said.stream == "err" and line.strip():
            self.last_words.append(line)
        if self._bytes < _LOG_BYTES:
            self._bytes += len(line) + 1
            self._log.write(f"{line}\n" if self._bytes < _LOG_BYTES else "(more was left out)\n")
        if line.strip() and self._lines < MAX_LOG_LINES:
            self._lines += 1
            last = self._lines == MAX_LOG_LINES
            self._pending.append("(more is in log.txt)" if last else line)
            del self._pending[: -2 * MAX_LOG_LINES]

    def keep(self, *, last: bool = False) -> None:
        """Write what is due; while the database is away, it waits.

        Raises:
            SupersededError: another process has the job.
        """
        now = time.monotonic()
        try:
            if self._pending and (last or now >= self._next or len(self._pending) >= _PENDING):
                self._attempt.log(self._pending)
                self._pending = []
                self._changed(self._attempt.job.id)
            if self._news and (last or now >= self._next):
                self.cancelled |= self._attempt.progress(self.counts, self._speed(now))
                self._news = False
                # Every half second at first, less often in a long job: events are kept for good.
                self._next = now + min(max(0.5, (now - self._began) / 200), 10.0)
                self._look = now + _CALM_S
                self._changed(self._attempt.job.id)
            elif now >= self._look:
                self._look = now + _CALM_S
                self.cancelled |= self._attempt.cancelled()
        except UnavailableError:
            self._next = self._look = now + _CALM_S

    def _count(self, facts: dict[str, Any]) -> None:
        if isinstance(run_id := facts.get("run"), str):
            self.run_ids.append(run_id)
        if "done" in facts:
            if facts["done"] == 0:
                self._speed_since = time.monotonic()
            self.counts = {name: facts.get(name) for name in self.counts}
            self._news = True

    def _speed(self, now: float) -> dict[str, float | None]:
        done, planned = self.counts["done"], self.counts["planned"]
        called = done - self.counts["cached"]
        rate = called / max(now - self._speed_since, 1e-3) if called else None
        left = (planned - done) / rate if rate and planned is not None and planned >= done else None
        return {
            "rate": None if rate is None else round(rate, 3),
            "left_s": None if left is None else round(left, 1),
        }
