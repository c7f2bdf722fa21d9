"""Messages of the worker: JSON lines to whoever started it, without any secret."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

__all__ = ["Talk"]

_SHORTEST_SECRET = 4


class Talk:
    """Writes messages, one line each, from any thread.

    Args:
        descriptor: where to.
        variables: environment variables whose values must not be written.
    """

    def __init__(self, descriptor: int, variables: Iterable[str]) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")
        self._lock = threading.Lock()
        values = [os.environ.get(name, "").strip() for name in variables]
        self._secrets = [value for value in values if len(value) >= _SHORTEST_SECRET]

    def say(self, kind: str, **facts: Any) -> None:
        """Write a message."""
        line = json.dumps({"kind": kind, **facts}, ensure_ascii=True, default=str)
        for secret in self._secrets:
            line = line.replace(secret, "***").replace(json.dumps(secret)[1:-1], "***")
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def stop(self, why: str, text: str, **facts: Any) -> NoReturn:
        """Say why nothing more can be made, and end the process at once."""
        self.say("stop", why=why, text=text, **facts)
        os._exit(3)


Message = Mapping[str, Any]
