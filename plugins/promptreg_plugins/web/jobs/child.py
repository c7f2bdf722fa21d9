"""A job's own process: the command line, which ends when the service that started it is gone.

    python -m promptreg_plugins.web.jobs.child compare ... -- v1 v2

The service holds the other end of a pipe. When that is closed, by an orderly end or `kill -9`, this
process stops as on SIGTERM: what was paid for is kept, and the next attempt goes on. Whatever
does not stop in time is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

__all__ = ["ALIVE_VARIABLE", "LOCK_VARIABLE", "main"]

ALIVE_VARIABLE = "PROMPTREG_JOB_ALIVE"
"""The file descriptor that is closed when the service is gone, and the seconds to stop in."""
LOCK_VARIABLE = "PROMPTREG_JOB_LOCK"
"""The file descriptor that holds the job's lock, as long as this process lives."""


def main() -> None:
    """Run the command line; never returns."""
    descriptor, _, grace = os.environ.pop(ALIVE_VARIABLE, "").partition(",")
    lock = os.environ.pop(LOCK_VARIABLE, "")
    if lock:
        os.set_inheritable(int(lock), False)
    if descriptor:
        os.set_inheritable(int(descriptor), False)
        args = (int(descriptor), float(grace))
        threading.Thread(target=_watch, args=args, name="service-watch", daemon=True).start()
    from promptreg.__main__ import main as promptreg

    promptreg()


def _watch(descriptor: int, grace_s: float) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    except OSError:
        pass
    print("promptreg: the service is gone; stopping", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
