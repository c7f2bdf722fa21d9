"""What an embedder must be able to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from promptreg.records import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


__all__ = ["Embedder"]


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how alike they are.

    Used for search, for neighbours of failing scenarios, for coverage, and by scorers that ask for
    it; no verdict depends on it otherwise.
    """

    def identity(self) -> Mapping[str, Json]:
        """Return everything but the text that shapes a vector: model, its files' hash, pooling.

        It becomes part of the key under which vectors are kept.
        """
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 per text, shape (texts, dimensions).

        Called with at most a few hundred texts. The same text gets the same vector, whatever it is
        batched with, to within rounding.
        """
        ...
