"""A judge's server in a thread: grades by what it is shown, counts, misbehaves when told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fake_model import ModelServer
from fault_server import Fault, Request, llama, ok
from promptreg.pipeline.project import Project, open_project
from suite_factory import write_suite

__all__ = ["DIMENSIONS", "JudgeServer", "address", "grades", "judged_project", "verdict"]

DIMENSIONS = (
    *("relevance", "risk_calibration", "context_usage"),
    *("reasoning_quality", "threat_identification", "actionability"),
)
_ANSWER = re.compile(r"BEGIN ([0-9a-f]{16}) ANSWER TO GRADE\n(.*?)\nEND \1 ANSWER", re.DOTALL)


def verdict(**changes: Any) -> dict[str, Any]:
    """Return a verdict of threes, with some grades changed."""
    return {**dict.fromkeys(DIMENSIONS, 3), **changes}


def grades(value: int) -> str:
    """Return a verdict's text: the same grade for everything."""
    return json.dumps(dict.fromkeys(DIMENSIONS, value))


class JudgeServer(ModelServer):
    """Grades each answer with what `judge` says of the part it is to grade.

    Args:
        judge: the answer as shown and the seed, to a text or a fault.
    """

    def __init__(self, judge: Callable[[str, int], str | Fault], *script: Fault) -> None:
        super().__init__(lambda scenario, version: grades(3), *script)
        self.judge = judge

    def _choose(self, request: Request) -> Fault:
        if request.method != "POST" or "idempotency-key" not in request.headers:
            return super()._choose(request)
        self.calls.append(request)
        if self.script:
            return self.script.pop(0)
        found = _ANSWER.findall(request.json["prompt"])
        assert len(found) == 1, "the structure of the prompt is broken"
        said = self.judge(found[0][1], int(request.json.get("seed", 0)))
        return ok(llama(said)) if isinstance(said, str) else said

    @property
    def prompts(self) -> list[str]:
        """What was asked, in order."""
        return [call.json["prompt"] for call in list(self.calls)]


def address(server: ModelServer) -> str:
    """Return where a server listens."""
    return f"http://127.0.0.1:{server.port}"


def judged_project(
    folder: Path,
    server: ModelServer | str,
    judge: ModelServer | Sequence[ModelServer],
    *,
    use: str = "judge",
    settings: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Project:
    """Return a suite with `risk_range` and a judge, or a panel; `use` names the scorer."""

    def provider(one: ModelServer) -> dict[str, Any]:
        return {
            "use": "llama_cpp",
            "url": address(one),
            "timeout": {"connect": 20, "read": 60},
            "retries": 1,
            "ready_timeout": 2,
        }

    who: dict[str, Any]
    if isinstance(judge, ModelServer):
        who = {"provider": provider(judge)}
    else:
        who = {"judges": [provider(one) for one in judge]}
    scorers = [{"use": "risk_range"}, {"use": use, **who, **(settings or {})}]
    url = server if isinstance(server, str) else address(server)
    return open_project(str(write_suite(folder, url, scorers=scorers, **keys)))
