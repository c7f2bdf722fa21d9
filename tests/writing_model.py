"""An OpenAI-compatible server that writes scenarios as Data Designer asks for them, or badly.

with running(WritingModel()) as server:
    ...
    server.asked            # the column of every request, in order
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from fault_server import Fault, FaultServer, Request, chat, ok, status
from server_thread import later, running

__all__ = ["SMALL", "Asked", "WritingModel", "running", "settings", "status", "write"]

_TEXTS = {
    "Describe in": "scenario_narrative",
    "Say in one sentence": "expected_summary",
    "Name two to four": "reasoning_key_points",
}
OBJECTS = {"person": "person", "vehicle": "car", "animal": "dog", "package": "package"}


class Asked:
    """A request: which column it is for, and what it says."""

    def __init__(self, request: Request) -> None:
        self.body: dict[str, Any] = request.json
        self.headers = request.headers
        form = self.body.get("response_format") or {}
        self.schema: dict[str, Any] | None = form.get("json_schema", {}).get("schema")
        content = self.body["messages"][-1]["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        self.prompt = " ".join(p["text"] for p in parts if p["type"] == "text")
        self.images = [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]
        named = form.get("json_schema", {}).get("name", "")
        told = (name for start, name in _TEXTS.items() if self.prompt.startswith(start))
        self.column: str = named or next(told, "")
        self.seed: int = self.body.get("seed", -1)


def write(asked: Asked) -> str:
    """Return a good answer."""
    if asked.column == "detections":
        assert asked.schema is not None
        thing = re.search(r"At least one is a (\w+)", asked.prompt)
        n = asked.schema["properties"]["detections"]["minItems"]
        kind = OBJECTS[thing[1]] if thing else "person"
        one = {"object_type": kind, "confidence": 0.91, "bbox": [10, 20, 200, 300]}
        return json.dumps({"detections": [one | {"timestamp_offset_seconds": i} for i in range(n)]})
    if asked.schema is not None:
        return json.dumps(_least(asked.schema))
    if asked.column == "scenario_narrative":
        found = re.search(r"What happens: (.*)", asked.prompt)
        return f"{found[1] if found else ''} Nothing else moves."
    return "- first point\n- second point" if "points" in asked.column else "A plain sentence."


def _least(schema: dict[str, Any]) -> Any:
    """Return the first value that a schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if kind == "object":
        return {name: _least(one) for name, one in schema["properties"].items()}
    if kind == "array":
        parts = schema.get("prefixItems") or [schema["items"]] * schema.get("minItems", 0)
        return [_least(one) for one in parts]
    simple = {"integer": schema.get("minimum", 0), "boolean": True, "string": "some words"}
    return simple[kind]


Answer = Callable[[Asked], "str | Fault | None"]


class WritingModel(FaultServer):
    """Writes well, unless `answer` returns something else for a request.

    Args:
        answer: request to a text or a fault; None: what a good model writes.
        delay_s: seconds an answer takes.
    """

    def __init__(self, answer: Answer = lambda asked: None, *, delay_s: float = 0.0) -> None:
        super().__init__(pages={"/v1/models": ok(b'{"data": []}')})
        self.answer, self.delay_s = answer, delay_s
        self.calls: list[Asked] = []
        self.on_call: Callable[[int], None] = lambda n: None

    @property
    def asked(self) -> list[str]:
        """The columns that were asked for."""
        return [call.column for call in self.calls]

    def _choose(self, request: Request) -> Fault:
        if request.method != "POST":
            return super()._choose(request)
        asked = Asked(request)
        self.calls.append(asked)
        self.on_call(len(self.calls))
        answer = self.answer(asked)
        if answer is None:
            answer = write(asked)
        fault = ok(chat(answer)) if isinstance(answer, str) else answer
        return later(fault, self.delay_s) if self.delay_s else fault


SMALL = {
    "time_of_day": ["morning", "night"],
    "day_type": "weekday",
    "camera_location": "front_door",
    "detection_count": ["1", "2-3"],
    "primary_object": ["person", "vehicle"],
    "scenario_type": ["normal", "threat"],
    "enrichment_level": ["none", "full"],
    "enrichment_fault": "healthy",
}
"""A few rows of two values each: six of them cover every pair."""


def settings(url: str, **more: Any) -> dict[str, Any]:
    """Return a section `generate` that has everything of a small set written at an address."""
    model = {"provider": "llama_cpp", "url": url, "model": "fake-model"}
    section: dict[str, Any] = {
        "use": "data_designer",
        "seed": 3,
        "models": {"writer": model},
        "attributes": SMALL,
        "timeout": 20,
        "max_parallel_requests": 4,
    }
    return section | more
