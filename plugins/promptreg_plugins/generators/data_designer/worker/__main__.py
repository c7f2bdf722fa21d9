"""Reads a job and rounds of rows from standard input, and writes what comes of them as JSON lines.

The first line is the job; each further line is a round. When standard input ends, whoever started
this is gone, and so is this process: nothing is asked for nobody.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import queue
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from promptreg_plugins.generators.data_designer.worker.talking import Talk

_LOST = re.compile(r"Non-retryable failure on (.+?)\[rg=(\d+), row=[^\]]*\]: (.*)", re.DOTALL)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_LONGEST = 600


def main() -> None:
    """Work until standard input ends."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is not taken for a message
    lines: queue.Queue[str] = queue.Queue()
    job = json.loads(sys.stdin.readline())
    talk = Talk(out, [p["key"] for p in job["providers"] if p["key"]])

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    try:
        _work(job, lines, talk)
    except BaseException as e:  # noqa: BLE001 - whatever it is, the other side is to hear of it
        traceback.print_exc()
        if isinstance(e, OSError) and e.errno in _FULL:
            talk.stop("disk", f"{e.filename or job['folder']}: {e.strerror}")
        talk.stop("bug", f"{type(e).__name__}: {e}"[:_LONGEST])


def _work(job: Mapping[str, Any], lines: queue.Queue[str], talk: Talk) -> None:
    import data_designer
    from data_designer.engine.secret_resolver import EnvironmentResolver
    from data_designer.interface import DataDesigner

    from promptreg_plugins.generators.data_designer.worker import building
    from promptreg_plugins.generators.data_designer.worker.asking import install
    from promptreg_plugins.generators.data_designer.worker.ledger import Ledger

    folder = Path(job["folder"])
    most = job["requests"], job["tokens"], job["parallel"]
    ledger = Ledger(folder, talk, *most, job["whole"])
    install(ledger)
    designer = DataDesigner(
        artifact_path=folder / "artifacts",
        model_providers=building.providers(job),
        secret_resolver=EnvironmentResolver(),
        auto_configure_logging=False,
    )
    designer.set_run_config(building.run_config(job))
    talk.say("ready", version=getattr(data_designer, "__version__", ""))
    heard = _Heard(talk)
    logging.getLogger("data_designer").addHandler(heard)
    while True:
        task = json.loads(lines.get())
        rows = task["rows"]
        ledger.begin(task["round"], rows)
        heard.slots = [row["slot"] for row in rows]
        why = ""
        try:
            designer.create(
                building.build(job, rows),
                num_records=len(rows),
                dataset_name=f"round-{task['round']}-{os.getpid()}",
                on_batch_complete=lambda path: _tell_rows(path, talk),
            )
        except Exception as e:  # noqa: BLE001 - what it raises when no row is left is not said
            traceback.print_exc()
            for cause in _causes(e):
                if isinstance(cause, OSError) and cause.errno in _FULL:
                    talk.stop("disk", f"{cause.filename or folder}: {cause.strerror}")
            why = f"{e}"[:_LONGEST]
        talk.say("over", round=task["round"], why=why)


class _Heard(logging.Handler):
    """Hears why rows are lost: Data Designer says so in its log and nowhere else."""

    def __init__(self, talk: Talk) -> None:
        super().__init__(logging.WARNING)
        self._talk = talk
        self.slots: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        found = _LOST.search(record.getMessage())
        if found and int(found[2]) < len(self.slots):
            slot = self.slots[int(found[2])]
            self._talk.say("lost", slot=slot, column=found[1], text=found[3][:_LONGEST])


def _tell_rows(path: Any, talk: Talk) -> None:
    import pyarrow.parquet as pq

    for values in pq.read_table(path).to_pylist():
        talk.say("row", slot=values.pop("slot"), values=values)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


if __name__ == "__main__":
    main()
