"""Live progress: trials done, cached, failed, rate, time left; plain lines without a terminal."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptreg.cli.bar import Bar
from promptreg.hookspecs import hookimpl
from promptreg.numbers import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptreg.discovery import Plugins
    from promptreg.records import Trial

__all__ = ["progress"]

_LOOK_S = 0.2
"""Seconds between redraws; a redraw per trial would cost more than the trial."""
_FIRST_S = 0.5
"""Seconds until a terminal shows that something is going on, though no trial is finished yet."""
_PLAIN_S = 15.0
"""Seconds between lines where there is no terminal."""


class _Progress:
    """Counts finished trials and shows them on stderr now and then."""

    def __init__(self) -> None:
        self._planned = self._done = self._cached = self._failed = 0
        self._started = self._next = time.monotonic()
        self._bar = Bar("trials")
        self._terminal = sys.stderr.isatty()
        self._drawing = threading.Lock()
        self._closed = False
        self._opener: threading.Timer | None = None
        self._later: threading.Timer | None = None

    @hookimpl
    def promptreg_run_started(self, suite: str, planned: int) -> None:
        """Open the display."""
        self._planned = planned
        self._done = self._cached = self._failed = 0  # a command may run several times
        self._bar.reset(planned)
        self._started = time.monotonic()
        self._next = self._started + (_LOOK_S if self._terminal else _PLAIN_S)
        if self._terminal and self._opener is None:
            # The first answer of a slow model may take a minute; a clock opens the display.
            self._opener = threading.Timer(_FIRST_S, lambda: self._show(time.monotonic()))
            self._opener.daemon = True
            self._opener.start()

    @hookimpl
    def promptreg_trial_finished(self, trial: Trial) -> None:
        """Count one trial."""
        self._done += 1
        self._failed += trial.failure is not None
        self._cached += trial.completion is not None and trial.completion.cached
        now = time.monotonic()
        if self._bar.drawn and self._done == self._planned:
            self._show(now)
        elif now >= self._next and self._later is None:
            # Judged trials come in whole batches: what is told is the batch, not its first one.
            self._next = now + (_LOOK_S if self._terminal else _PLAIN_S)
            self._later = threading.Timer(_LOOK_S, self._show_later)
            self._later.daemon = True
            self._later.start()

    def _show_later(self) -> None:
        self._later = None
        self._show(time.monotonic())

    def _show(self, now: float) -> None:
        with self._drawing:
            if not self._closed:
                self._draw(now)

    def _draw(self, now: float) -> None:
        called = self._done - self._cached
        rate = called / max(now - self._started, 1e-9)
        # Where more is asked than was planned, nobody knows how much is left.
        known = called and self._done <= self._planned
        left = (self._planned - self._done) / rate if known else None
        words = f"{self._cached:,} cached, {self._failed:,} failed, {rate:.2g}/s"
        if not self._terminal:
            rest = f", about {duration(left)} left" if left is not None else ""
            done = f"{self._done:,} of {self._planned:,} trials"
            if self._done > self._planned:
                done = f"{self._done:,} trials ({self._planned:,} planned, then more asked for)"
            print(f"{done}: {words}{rest}", file=sys.stderr)
            return
        self._bar.update(self._done, max(self._planned, self._done), words)

    def close(self) -> None:
        """Remove the display."""
        for timer in (self._opener, self._later):
            if timer is not None:
                timer.cancel()
        with self._drawing:
            self._closed = True
            self._bar.stop()


@contextmanager
def progress(plugins: Plugins, *, quiet: bool) -> Iterator[None]:
    """Show progress on stderr while the block runs, unless quiet."""
    if quiet:
        yield
        return
    shown = _Progress()
    plugins.manager.register(shown, name="progress")
    try:
        yield
    finally:
        shown.close()
        plugins.manager.unregister(shown)
