"""Embedder `sentence_transformers`: a model of that library, from a package or a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from promptreg import Embedder
from promptreg.errors import MissingPackageError, PluginError
from promptreg_plugins.embedders.packaged import PACKAGED, file_sha256, model_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SentenceTransformersEmbedder"]


class SentenceTransformersEmbedder(Embedder):
    """Vectors of a sentence-transformers model (extra `embeddings`); cosine says how alike.

    Args:
        model: `minilm` (384 dimensions), `mpnet` (768), or a folder that the library can load.
        dimensions: what the vectors' length must be; default: what the model gives. Vectors are
            never padded or cut.
        batch_size: texts at a time.
        threads: of the computing library; default: its own choice.

    Raises:
        PluginError: the library or the model's package is not installed, or the length is wrong.
    """

    def __init__(
        self,
        model: str = "minilm",
        dimensions: int | None = None,
        batch_size: int = 32,
        threads: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; allowed: 1 or more")
        self._model = model
        self._batch_size = batch_size
        self._threads = threads
        self._dimensions = dimensions
        if dimensions is None and model in PACKAGED:
            self._dimensions = PACKAGED[model].dimensions
        if find_spec("sentence_transformers") is None:
            raise MissingPackageError(
                "the embedder 'sentence_transformers' needs a package that is not installed: "
                "pip install sentence-transformers"
            )
        self._folder = model_folder(model, ["modules.json", "model.safetensors"])
        self._encoder: Any = None

    def identity(self) -> Mapping[str, Any]:
        """Return the hash of the model's weights, and of how its tokens become one vector."""
        names = ["model.safetensors", "modules.json", "1_Pooling/config.json", "tokenizer.json"]
        paths = {name: self._folder / name for name in names}
        return {n: file_sha256(p) for n, p in paths.items() if p.is_file()}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of length 1, shape (texts, dimensions)."""
        if self._encoder is None:
            self._encoder = self._load()
        found: NDArray[np.float32] = self._encoder.encode(
            list(texts),
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        if self._dimensions is not None and found.shape[1] != self._dimensions:
            raise PluginError(
                f"the model {self._model!r} gives vectors of {found.shape[1]} dimensions; "
                f"expected {self._dimensions}"
            )
        return found

    def _load(self) -> Any:
        # Before the import: the library must not look at a hub, whatever the model's files say.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        quiet: Any = logging.disable_progress_bar  # it has no types
        quiet()  # a bar would be drawn into our own output
        if self._threads:
            torch.set_num_threads(self._threads)
        return SentenceTransformer(str(self._folder), device="cpu", trust_remote_code=False)
