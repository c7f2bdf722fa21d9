"""Live progress of work without calls: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Self

from promptreg.cli.bar import Bar

__all__ = ["Steps"]

_LOOK_S = 0.2
_PLAIN_S = 15.0


class Steps:
    """Shows on stderr how many steps are done, while the block runs.

    Args:
        what: what the steps are, in the plural.
        quiet: show nothing.
    """

    def __init__(self, what: str, *, quiet: bool) -> None:
        self._what = what
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._wait = _LOOK_S if self._terminal else _PLAIN_S
        self._next = time.monotonic() + self._wait
        self._bar = Bar(what)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Take note of how far the work is."""
        if done == 0:
            self._next = time.monotonic() + self._wait
        if self._quiet or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._wait
        if not self._terminal:
            print(f"{done:,} of {total:,} {self._what} simulated", file=sys.stderr)
            return
        self._bar.update(done, total)
