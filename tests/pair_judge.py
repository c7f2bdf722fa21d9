"""A server that compares two answers, and suites that ask it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fake_model import ModelServer
from fault_server import Fault, Request, llama, ok
from judge_server import judged_project
from promptreg.pipeline.project import Project

__all__ = ["PairServer", "better", "choice", "pair_project"]

_ANSWERS = re.compile(
    r"BEGIN ([0-9a-f]{16}) ANSWER A\n(.*?)\nEND \1 ANSWER A\n\n"
    r"BEGIN \1 ANSWER B\n(.*?)\nEND \1 ANSWER B\n",
    re.DOTALL,
)


def choice(word: str, **more: Any) -> str:
    """Return a verdict's text."""
    return json.dumps({**more, "better": word})


def better(good: Callable[[str], float]) -> Callable[[str, str, int], str]:
    """Return a fair judge: the answer that `good` gives the larger number to, in either place."""

    def judge(first: str, second: str, seed: int) -> str:
        a, b = good(first), good(second)
        return choice("tie" if a == b else "A" if a > b else "B")

    return judge


class PairServer(ModelServer):
    """Compares the two answers it is shown.

    Args:
        judge: the first answer as shown, the second, and the seed, to a text or a fault.
    """

    def __init__(self, judge: Callable[[str, str, int], str | Fault], *script: Fault) -> None:
        super().__init__(lambda scenario, version: choice("tie"), *script)
        self.judge = judge

    def _choose(self, request: Request) -> Fault:
        if request.method != "POST" or "idempotency-key" not in request.headers:
            return super()._choose(request)
        self.calls.append(request)
        if self.script:
            return self.script.pop(0)
        found = _ANSWERS.findall(request.json["prompt"])
        assert len(found) == 1, "the structure of the prompt is broken"
        said = self.judge(found[0][1], found[0][2], int(request.json.get("seed", 0)))
        return ok(llama(said)) if isinstance(said, str) else said


def pair_project(
    folder: Path,
    server: ModelServer | str,
    judge: ModelServer | Sequence[ModelServer],
    **keys: Any,
) -> Project:
    """Return a suite with `risk_range` and a judge of pairs, or a panel of them."""
    return judged_project(folder, server, judge, use="preference", **keys)
