"""Small files that say how scenarios are made, and a generator that can be told to misbehave."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from promptreg import Generated, GenerationPlan, GenerationRequest, Generator, hookimpl
from promptreg.discovery import load_plugins
from promptreg.pipeline.generate import Generation, open_generation
from promptreg.registry import Catalog

__all__ = ["Told", "opened", "write_file"]

SMALL = {
    "use": "grid",
    "recipe": "plain",
    "attributes": {"colour": ["red", "green", "blue"], "size": [1, 2], "shape": ["round", "flat"]},
}


def write_file(folder: Path, **generate: Any) -> Path:
    """Write a file with the section `generate` alone; what is not given is that of a small grid."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "promptreg.yaml"
    section = (SMALL if "use" not in generate else {}) | generate
    path.write_text(json.dumps({"generate": section}), "utf-8")  # JSON is YAML, too
    return path


class Told(Generator):
    """Makes rows at a price, as a model would, and does what it is told to."""

    asks_model: ClassVar[bool] = True

    def __init__(
        self,
        rows: int = 6,
        fail: list[str] | None = None,
        kill_after: int | None = None,
        leave_out: list[str] | None = None,
        bad: dict[str, Any] | None = None,
    ) -> None:
        self.rows, self.fail, self.kill_after = rows, fail or [], kill_after
        self.leave_out, self.bad = leave_out or [], bad or {}

    def identity(self) -> Mapping[str, Any]:
        return {"generator": "told", "rows": self.rows}

    def plan(self, request: GenerationRequest) -> GenerationPlan:
        slots = [f"t{i}" for i in range(self.rows)]
        return GenerationPlan(
            slots[: request.limit], {"n": ["0", "1"]}, 1, calls=self.rows, models=["m"]
        )

    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        log = os.environ.get("TOLD_LOG")
        for i, slot in enumerate(self.plan(request).slots):
            if slot in request.done or slot in self.leave_out:
                continue
            if i == self.kill_after and not request.done:
                os.kill(os.getpid(), signal.SIGKILL)
            if log:
                with Path(log).open("a", encoding="utf-8") as file:
                    file.write(f"{slot}\n")
            if slot in self.fail:
                yield Generated(slot, None, ("the model wrote nonsense",), calls=3)
                continue
            row = {"scenario_id": slot, "n": str(i % 2), "text": f"scene {i}"}
            yield Generated(slot, row | self.bad.get(slot, {}), ("first try refused",), calls=2)

    @hookimpl
    def promptreg_register_generators(self, catalog: Catalog[Generator]) -> None:
        catalog.add("told", Told)


def opened(path: Path, **options: Any) -> Generation:
    """Open a file with the built-in generators and `told`."""
    import promptreg_plugins

    plugins = load_plugins([promptreg_plugins, Told()], entry_points=False)
    return open_generation(str(path), plugins=plugins, **options)
