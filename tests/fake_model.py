"""A model's server in a thread: answers by scenario and version, counts, misbehaves when told.

with running(ModelServer()) as server:
    ...
    server.keys            # Idempotency-Key of every call, in order
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

from fault_server import Fault, FaultServer, Request, llama, ok, status
from server_thread import later, running
from suite_factory import answer_text, good_score

__all__ = ["Asked", "ModelServer", "right", "running", "status"]

_MARK = re.compile(r"\[(s\d+) (\w+)\]")
Answer = Callable[[str, str], "str | Fault"]
"""Scenario and version to the model's text, or to a fault."""


def right(scenario: str, version: str) -> str:
    """Return an answer in range that names every key point."""
    return answer_text(good_score(scenario))


class Asked(tuple[str, str]):
    """Scenario and version of a call, read from its prompt."""

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Return what a request asks about."""
        found = _MARK.search(request.json["prompt"])
        return cls(found.groups() if found else ("", ""))


class ModelServer(FaultServer):
    """Answers well unless `answer` says otherwise; the script of faults goes first.

    Args:
        answer: scenario and version to text or fault.
        delay_s: seconds an answer takes.
        port: where to listen; 0 for any.
        script: faults for the first calls.
    """

    def __init__(
        self,
        answer: Answer = right,
        *script: Fault,
        delay_s: float = 0.0,
        port: int = 0,
    ) -> None:
        super().__init__(*script)
        self.answer = answer
        self.delay_s = delay_s
        self.port = port
        self.calls: list[Request] = []
        self.on_call: Callable[[int], None] | None = None
        """Told the number of each call as it comes in, before it is answered."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def keys(self) -> list[str]:
        """The keys of all calls, in the order in which they came."""
        return [call.headers["idempotency-key"] for call in list(self.calls)]

    @property
    def asked(self) -> list[Asked]:
        """What was asked, in the order in which it came."""
        return [Asked.of(call) for call in list(self.calls)]

    @property
    def repeated(self) -> dict[str, int]:
        """How often each key came that came more than once."""
        return {key: n for key, n in Counter(self.keys).items() if n > 1}

    def wait_for(self, calls: int, within_s: float = 120.0) -> None:
        """Return once so many calls have come in."""
        _wait(self.calls, calls, within_s)

    def wait_for_requests(self, requests: int, within_s: float = 120.0) -> None:
        """Return once so many requests of any kind have come in."""
        _wait(self.requests, requests, within_s)

    def forget(self) -> None:
        """Start counting anew."""
        self.calls.clear()
        self.requests.clear()

    def _choose(self, request: Request) -> Fault:
        if request.method != "POST" or request.path in self.pages:
            return super()._choose(request)
        if "idempotency-key" not in request.headers:
            return ok(llama("Hi"))  # the warm-up is no trial's call
        self.calls.append(request)
        if self.on_call is not None:
            self.on_call(len(self.calls))
        if self.script:
            return self.script.pop(0)
        answer = self.answer(*Asked.of(request))
        fault = ok(llama(answer)) if isinstance(answer, str) else answer
        return later(fault, self.delay_s) if self.delay_s else fault


def _wait(log: list[Request], wanted: int, within_s: float) -> None:
    end = time.monotonic() + within_s
    while len(log) < wanted:
        assert time.monotonic() < end, f"only {len(log)} of {wanted} came"
        time.sleep(0.005)
