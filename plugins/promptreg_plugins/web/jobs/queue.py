"""The durable queue: one DBOS workflow per attempt to get a job done, in SQLite or PostgreSQL.

What DBOS does here: a job that is queued is started once, by one process, with so many at a time,
and is there after a crash. What it does not do by itself is to notice that another process has
died (its own service does, which nothing here talks to); `watch` does that, and asks for recovery.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.jobs import Waiting

# It looks at its environment when it is imported: nothing there may make it reach out.
for _name in [name for name in os.environ if name.startswith("DBOS_")]:
    del os.environ[_name]

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID  # noqa: E402
from dbos import _serialization as _dbos_serialization  # noqa: E402

__all__ = ["JobQueue"]

_NAME = "promptreg"
_QUEUE = "promptreg-jobs"
_VERSION = "1"
"""Of the workflow below; the same in all releases that can go on with each other's jobs."""
_POLL_S = 0.5


class _JsonSerializer(Serializer):
    """What is kept of a workflow is JSON: two words in, one out."""

    def name(self) -> str:
        """Return what rows are marked with."""
        return "promptreg_json"

    def serialize(self, data: Any) -> str:
        """Return JSON; an exception becomes its words."""
        if isinstance(data, BaseException):
            data = {"error": f"{type(data).__name__}: {data}"}
        return json.dumps(data)

    def deserialize(self, serialized_data: str) -> Any:
        """Return what was kept; an exception comes back as its words."""
        found = json.loads(serialized_data)
        if isinstance(found, dict) and found.keys() == {"error"}:
            return RuntimeError(found["error"])
        return found


def _refuse(_self: object, _text: object) -> Any:
    raise ValueError("rows in Python's own format are not read: they could hold code")


# A row says how it is to be read. Nothing is written as pickle here, and none is ever loaded.
_dbos_serialization.DefaultSerializer.deserialize = _refuse  # type: ignore[method-assign,assignment]

_works: list[Callable[[str, int], str]] = []
"""What makes an attempt; DBOS knows workflows by name, and one set of them per process."""
_working: set[int] = set()
"""Threads that make attempts now."""


@DBOS.workflow(name="promptreg_job", max_recovery_attempts=None)
def _job(job_id: str, generation: int) -> str:
    """Make an attempt at a job; a workflow that is begun again makes another one."""
    if not _works:
        raise RuntimeError("the service is not running")
    me = threading.get_ident()
    _working.add(me)
    try:
        return _works[-1](job_id, generation)
    finally:
        _working.discard(me)


class JobQueue:
    """The queue of one process.

    Args:
        database: whose file or server it uses, too.
        worker: this process's name; a new one with each start.
        workers: jobs at once.
        work: makes an attempt at a job.
    """

    def __init__(
        self, database: Database, worker: str, workers: int, work: Callable[[str, int], str]
    ) -> None:
        _works[:] = [work]
        _calm()
        config: DBOSConfig = {
            "name": _NAME,
            "system_database_url": database.url.render_as_string(hide_password=False),
            "application_version": _VERSION,
            "executor_id": worker,
            "serializer": _JsonSerializer(),
            "enable_otlp": False,
            "log_level": "WARNING",
            "use_listen_notify": False,
            "sys_db_pool_size": 5,
            "max_executor_threads": workers + 8,
            "scheduler_polling_interval_sec": 3600.0,
            "notification_listener_polling_interval_sec": 1.0,
        }
        self._dbos = DBOS(config=config)
        DBOS.launch()
        self._queue = DBOS.register_queue(
            _QUEUE,
            worker_concurrency=workers,
            polling_interval_sec=_POLL_S,
            on_conflict="always_update",
        )

    def put(self, waiting: Waiting) -> None:
        """Queue a job; one that is queued already is not queued again."""
        with SetWorkflowID(waiting.workflow):
            self._queue.enqueue(_job, waiting.id, waiting.generation)

    def active(self, workflows: Sequence[str]) -> set[str]:
        """Return those that wait or are worked at; the others have ended or never were."""
        found = DBOS.list_workflows(
            workflow_ids=list(workflows),
            status=["PENDING", "ENQUEUED", "DELAYED"],
            load_input=False,
            load_output=False,
        )
        return {status.workflow_id for status in found}

    def take_over(self, workers: Sequence[str]) -> None:
        """Queue what processes that are gone had begun."""
        DBOS._recover_pending_workflows(list(workers))

    def close(self, wait_s: float) -> None:
        """Take no more jobs, and wait for the attempts of this process, which were told to stop."""
        for event in self._dbos.background_thread_stop_events:
            event.set()
        until = time.monotonic() + wait_s
        while _working and time.monotonic() < until:
            time.sleep(0.05)
        DBOS.destroy(workflow_completion_timeout_sec=0)


def _calm() -> None:
    """Have its log go where ours goes, and only what is wrong."""
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it would write to stderr itself
    log.propagate = True
    log.setLevel(logging.WARNING)
