"""Stand-ins for what scorers use of the world outside: the same answer to everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from promptreg.records import Cause, Completion, Failure, Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FakeModel", "FakeServices", "example_of"]

_DIMENSIONS = 16


class FakeModel:
    """A model that gives texts in turn, the last of them again and again.

    Args:
        texts: the answers; a `Failure` is given as one. Empty: an example of the schema.
        schema: what answers are held to.
    """

    def __init__(
        self, texts: Sequence[str | Failure] = (), schema: Mapping[str, Json] | None = None
    ) -> None:
        self._texts = list(texts) or [json.dumps(example_of(schema)) if schema else "ready"]
        self.asked: list[tuple[str, int]] = []
        """Prompts and repeats, in order."""

    async def identity(self) -> Mapping[str, Json]:
        """Return that it is made up."""
        return {"kind": "fake"}

    async def ask(self, prompt: str, repeat: int = 0) -> Completion | Failure:
        """Return the next text."""
        self.asked.append((prompt, repeat))
        text = self._texts[min(len(self.asked), len(self._texts)) - 1]
        return text if isinstance(text, Failure) else Completion(text, model="fake")


class FakeServices:
    """Services that reach nothing: for contracts, and for tests of scorers.

    Args:
        texts: what every model says, in turn; empty: an example of the schema it is given.
        down: models answer nothing at all.
    """

    def __init__(self, texts: Sequence[str | Failure] = (), *, down: bool = False) -> None:
        lost = [Failure(Cause.CONNECT, "connection refused", attempts=4)]
        self._texts: Sequence[str | Failure] = lost if down else texts
        self.models: dict[str, FakeModel] = {}
        """The models that were asked for, by their settings as JSON."""

    def model(
        self,
        provider: Mapping[str, Any],
        *,
        schema: Mapping[str, Json] | None = None,
        sampling: Mapping[str, Json] | None = None,
    ) -> FakeModel:
        """Return a model; the same settings give the same one."""
        name = json.dumps([dict(provider), schema], sort_keys=True, default=str)
        if name not in self.models:
            self.models[name] = FakeModel(self._texts, schema)
        return self.models[name]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors that tell texts apart and mean nothing."""
        import numpy as np

        rows = [
            np.frombuffer(hashlib.sha256(t.encode("utf-8", "replace")).digest(), np.uint8)
            for t in texts
        ]
        shape = (len(texts), _DIMENSIONS)
        found = np.array([r[:_DIMENSIONS] for r in rows], np.float32).reshape(shape) + 1
        unit: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    async def embedder(self) -> Mapping[str, Json]:
        """Return that it is made up."""
        return {"kind": "fake"}


def example_of(schema: Mapping[str, Any]) -> Any:
    """Return a small value that a JSON schema of the common kinds allows."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {k: example_of(v) for k, v in schema.get("properties", {}).items()}
        case "array":
            return [example_of(schema.get("items", {}))] * int(schema.get("minItems", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
        case "string":
            return "x" * max(1, int(schema.get("minLength", 1)))
        case _:
            return None
