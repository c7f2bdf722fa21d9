"""An embedder for tests: words counted at places their hashes say; counts what it is asked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg import Embedder, hookimpl
from promptreg.registry import Catalog

__all__ = ["ASKED", "WordEmbedder", "promptreg_register_embedders"]

ASKED: list[str] = []
"""Every text that was embedded, in order."""


class WordEmbedder(Embedder):
    """Texts that share words are alike."""

    def __init__(self, dimensions: int = 64, fail_after: int = 10**9) -> None:
        self._dimensions = dimensions
        self._fail_after = fail_after

    def identity(self) -> Mapping[str, Any]:
        return {"dimensions": self._dimensions}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(ASKED) >= self._fail_after:
            raise RuntimeError("the model fell over")
        ASKED.extend(texts)
        found = np.full((len(texts), self._dimensions), 0.01, dtype=np.float32)
        for row, text in zip(found, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[hashlib.sha256(word.encode()).digest()[0] % self._dimensions] += 1
            row /= np.linalg.norm(row)
        return found


@hookimpl
def promptreg_register_embedders(catalog: Catalog[Embedder]) -> None:
    catalog.add("words", WordEmbedder)
