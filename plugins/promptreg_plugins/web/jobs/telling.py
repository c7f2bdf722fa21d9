"""Events of a job's own process, told to the service line by line.

Registered only in processes that the service started (`promptreg_plugins` looks for the variable),
so that nobody else pays for it.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

from promptreg.hookspecs import hookimpl

if TYPE_CHECKING:
    from promptreg.records import Run, Trial

__all__ = [
    "EVENTS_VARIABLE",
    "promptreg_run_finished",
    "promptreg_run_started",
    "promptreg_trial_finished",
]

EVENTS_VARIABLE = "PROMPTREG_JOB_EVENTS"
"""The file descriptor that events are written to; only the service sets it."""
_INTERVAL_S = 0.25


class _Teller:
    """Counts trials, and writes the counts a few times a second."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.planned: int | None = None
        self.done = self.cached = self.failed = 0
        self._later: threading.Timer | None = None
        os.set_inheritable(descriptor, False)
        os.set_blocking(descriptor, False)

    def tell(self, **facts: Any) -> None:
        """Write one line; a service that does not read makes nobody wait."""
        line = (json.dumps(facts) + "\n").encode()
        try:
            if os.write(self._descriptor, line) != len(line):
                os.write(self._descriptor, b"\n")
        except OSError:  # the pipe is full, or nobody is there any more
            return

    def soon(self) -> None:
        """Write the counts a little later: judged trials come in whole batches."""
        if self._later is None:
            self._later = threading.Timer(_INTERVAL_S, self.counts)
            self._later.daemon = True
            self._later.start()

    def counts(self) -> None:
        """Write the counts."""
        self._later = None
        self.tell(planned=self.planned, done=self.done, cached=self.cached, failed=self.failed)


def _made() -> _Teller | None:
    try:
        descriptor = int(os.environ.pop(EVENTS_VARIABLE, ""))  # no child of this one is meant
        os.fstat(descriptor)
        return _Teller(descriptor)
    except (ValueError, OSError):
        return None


_teller = _made()


@hookimpl
def promptreg_run_started(suite: str, planned: int) -> None:
    """Tell how many trials there will be."""
    if _teller is not None:
        _teller.planned, _teller.done, _teller.cached, _teller.failed = planned, 0, 0, 0
        _teller.counts()


@hookimpl
def promptreg_trial_finished(trial: Trial) -> None:
    """Count a trial."""
    if _teller is None:
        return
    _teller.done += 1
    _teller.failed += trial.failure is not None
    _teller.cached += trial.completion is not None and trial.completion.cached
    _teller.soon()


@hookimpl
def promptreg_run_finished(run: Run) -> None:
    """Tell the name of a finished run, and the last counts."""
    if _teller is not None:
        _teller.counts()
        _teller.tell(run=run.id)
