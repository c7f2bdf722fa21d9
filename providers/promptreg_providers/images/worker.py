"""The worker process: decodes images and runs detectors, so that neither can hang or kill a run.

Started as `python -m promptreg_providers.images.worker`. Reads one JSON object a line: first the
settings, then jobs; writes one JSON object a line for each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TextIO

from promptreg_providers.images.limits import ImageLimits
from promptreg_providers.images.opened import ImageRefusedError, opened

__all__ = ["main"]

Job = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    # What a pipeline prints goes to standard error; replies have a channel of their own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    first = sys.stdin.readline()
    work = _reply(out, lambda: _made(json.loads(first)), wrap=lambda _: {"ready": True})
    for line in sys.stdin if work is not None else ():
        _reply(out, partial(work, json.loads(line)))


def _reply(out: TextIO, do: Callable[[], Any], wrap: Callable[[Any], Any] | None = None) -> Any:
    started = time.perf_counter()
    result = None
    try:
        result = do()
        reply = dict(wrap(result) if wrap else result)
        text = json.dumps({**reply, "seconds": time.perf_counter() - started}, allow_nan=False)
    except ImageRefusedError as e:
        text = json.dumps({"refused": str(e)[:400]})
    except Exception as e:  # noqa: BLE001 - a stranger's pipeline may raise anything
        text = json.dumps({"error": f"{type(e).__name__}: {e}"[:400]})
    out.write(text + "\n")
    out.flush()
    return result


def _made(settings: Mapping[str, Any]) -> Job:
    """Return what does the jobs."""
    limits = ImageLimits.of(settings["limits"])
    if settings["do"] == "check":
        return lambda job: _checked(str(job["image"]), limits)
    from promptreg_providers.detector.engines import engine_of

    detect = engine_of(settings)

    def work(job: Mapping[str, Any]) -> Mapping[str, Any]:
        found = opened(str(job["image"]), limits)
        return {"answer": detect(found.picture, job), "sha256": found.sha256}

    return work


def _checked(path: str, limits: ImageLimits) -> dict[str, Any]:
    found = opened(path, limits)
    return {"kind": found.kind, "sha256": found.sha256, "size": list(found.picture.size)}


if __name__ == "__main__":
    main()
