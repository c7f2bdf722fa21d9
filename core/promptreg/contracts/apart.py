"""Running a stranger's code for a limited time, whatever it does to its event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["StuckError", "run_apart"]


class StuckError(Exception):
    """The code did not come back in time."""


def run_apart(work: Callable[[], Coroutine[Any, Any, None]], until: Callable[[], float]) -> None:
    """Run a coroutine on a loop of its own in a thread of its own, for a limited time.

    A provider may block its loop or swallow every cancellation, and then no timeout inside that
    loop ever fires; the thread is left behind and ends with the process. A thread also makes the
    checks callable from code that has a running loop.

    Args:
        work: makes the coroutine.
        until: the time (`time.monotonic`) at which to give up; may move on with the work.

    Raises:
        StuckError: time is up.
        BaseException: whatever the coroutine raised.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as e:  # noqa: BLE001 - handed to the caller below
            raised.append(e)

    thread = threading.Thread(target=run, name="promptreg-contract", daemon=True)
    thread.start()
    while thread.is_alive():
        left_s = until() - time.monotonic()
        if left_s <= 0:
            raise StuckError
        thread.join(left_s)
    if raised:
        raise raised[0]
