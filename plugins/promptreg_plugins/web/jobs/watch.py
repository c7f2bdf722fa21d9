"""Threads beside the queue: a sign of life, jobs of dead processes taken over, jobs queued."""

from __future__ import annotations

import logging
import threading
import time

from promptreg_plugins.web.jobs.queue import JobQueue
from promptreg_plugins.web.jobs.settling import Settling
from promptreg_plugins.web.problems import UnavailableError
from promptreg_plugins.web.store.workers import Workers

__all__ = ["Heart", "Tender"]

_LOG = logging.getLogger("promptreg.web.jobs")


class Heart:
    """Gives signs of life, so that nobody takes the jobs of this process over.

    Args:
        workers: where signs are given.
        lease_s: how long one lasts.
    """

    def __init__(self, workers: Workers, lease_s: float) -> None:
        self._workers = workers
        self._every_s = lease_s / 4
        self._stop = threading.Event()
        self.well_since: float | None = time.monotonic()
        """Since when the database has answered without a gap; None: it does not."""
        self._thread = threading.Thread(target=self._beat, name="promptreg-heart", daemon=True)

    def start(self) -> None:
        """Enter this process and begin."""
        self._workers.join()
        self._thread.start()

    def _beat(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                if not self._workers.beat():
                    # Attempts notice by themselves: their writes are refused from now on.
                    _LOG.warning("other processes took this one for gone")
                    self._workers.join()
            except UnavailableError as e:
                if self.well_since is not None:
                    _LOG.warning("the database is away", extra={"fields": {"reason": e.detail}})
                self.well_since = None
            except Exception:  # noqa: BLE001 - without signs of life others take the jobs over
                _LOG.exception("no sign of life could be given; trying again")
                self.well_since = None
            else:
                if self.well_since is None:
                    _LOG.info("the database is back")
                    self.well_since = time.monotonic()

    def close(self) -> None:
        """Stop, and say that this process is gone."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        try:
            self._workers.leave()
        except UnavailableError:
            return


class Tender:
    """Queues what waits and what processes that are gone had begun; ends what nobody is at.

    A thread of its own: while the database is away, the queue waits within its calls.
    """

    def __init__(
        self, queue: JobQueue, settling: Settling, workers: Workers, heart: Heart, lease_s: float
    ) -> None:
        self._queue, self._settling, self._workers, self._heart = queue, settling, workers, heart
        self._lease_s = lease_s
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._embedded_done = False
        self._thread = threading.Thread(target=self._tend, name="promptreg-tender", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it works."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Look at once: a job waits."""
        self._wake.set()

    def _tend(self) -> None:
        every_s = min(self._lease_s / 2, 5.0)
        looked = 0.0
        while not self._stop.is_set():
            try:
                self._settling.put_all()
                if time.monotonic() - looked >= every_s:
                    self._bury()
                    self._settling.end_orphans()
                    looked = time.monotonic()
            except UnavailableError as e:
                _LOG.debug("nothing queued: %s", e.detail)
            except Exception:  # noqa: BLE001 - whatever it is, what waits must not wait for ever
                _LOG.exception("jobs could not be queued; trying again")
            self._wake.wait(every_s)
            self._wake.clear()

    def _bury(self) -> None:
        gone = self._workers.gone()
        if not gone:
            return
        well = self._heart.well_since
        if not self._workers.exclusive and (
            well is None or time.monotonic() - well < self._lease_s
        ):
            # After the database was away nobody's last sign of life says anything yet.
            gone = [name for name in gone if name in self._workers.left()]
        for worker in gone:
            try:
                self._queue.take_over([worker])
            except Exception:  # noqa: BLE001 - what others had begun must not wait for it
                _LOG.exception("not taken over; trying again", extra={"fields": {"worker": worker}})
                continue
            self._workers.forget(worker)
            _LOG.info("took over what a process had begun", extra={"fields": {"worker": worker}})

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5)
