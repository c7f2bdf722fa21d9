"""Embedder `onnx`: a sentence model in ONNX form; starts in a fraction of a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg import Embedder
from promptreg.errors import MissingPackageError, PluginError
from promptreg_plugins.embedders.packaged import file_sha256

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OnnxEmbedder"]

_NEEDED = {"onnxruntime": "onnxruntime", "tokenizers": "tokenizers"}


class OnnxEmbedder(Embedder):
    """Vectors of an ONNX sentence model (extra `onnx`), without torch; the mean of its tokens.

    Args:
        model: folder with `model.onnx` (outputs one vector per token, or one per text) and
            `tokenizer.json`, or the path of the `.onnx` file.
        tokenizer: path of `tokenizer.json` where it lies elsewhere.
        dimensions: what the vectors' length must be; default: what the model gives.
        max_tokens: tokens of one text that are read; the rest is left out, as its makers do.
        batch_size: texts at a time.
        threads: of the runtime.

    Raises:
        PluginError: a package or a file is missing, or the model is none that embeds text.
    """

    def __init__(
        self,
        model: str,
        tokenizer: str | None = None,
        dimensions: int | None = None,
        max_tokens: int = 256,
        batch_size: int = 32,
        threads: int = 1,
    ) -> None:
        for name, value in (("max_tokens", max_tokens), ("batch_size", batch_size)):
            if value < 1:
                raise ValueError(f"{name} is {value}; allowed: 1 or more")
        absent = [package for module, package in _NEEDED.items() if find_spec(module) is None]
        if absent:
            raise MissingPackageError(
                f"the embedder 'onnx' needs packages that are not installed: pip install "
                f"{' '.join(absent)}"
            )
        path = Path(model).expanduser()
        self._path = path / "model.onnx" if path.is_dir() else path
        self._tokens = (
            Path(tokenizer).expanduser() if tokenizer else self._path.parent / "tokenizer.json"
        )
        for file in (self._path, self._tokens):
            if not file.is_file():
                raise PluginError(f"there is no file {file}; models are never downloaded")
        self._dimensions = dimensions
        self._max_tokens = max_tokens
        self._batch_size = batch_size
        self._threads = threads
        self._session: Any = None
        self._tokenizer: Any = None

    def identity(self) -> Mapping[str, Any]:
        """Return the hashes of model and tokenizer, and how many tokens are read."""
        return {
            "model": file_sha256(self._path),
            "tokenizer": file_sha256(self._tokens),
            "max_tokens": self._max_tokens,
            "pooling": "mean",
        }

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors of length 1, shape (texts, dimensions)."""
        import numpy as np

        if self._session is None:
            self._load()
        # Texts of like length together: padding costs as much as words.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows: list[Any] = [None] * len(texts)
        for start in range(0, len(order), self._batch_size):
            part = order[start : start + self._batch_size]
            for i, vector in zip(part, self._batch([texts[i] for i in part]), strict=True):
                rows[i] = vector
        found = np.stack(rows)
        if self._dimensions is not None and found.shape[1] != self._dimensions:
            raise PluginError(
                f"{self._path} gives vectors of {found.shape[1]} dimensions; "
                f"expected {self._dimensions}"
            )
        return found

    def _load(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(self._path), options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_file(str(self._tokens))
        except Exception as e:  # both libraries raise types of their own
            raise PluginError(f"{self._path}: not a model that can be loaded: {e}") from e
        self._tokenizer.enable_truncation(self._max_tokens)
        self._tokenizer.enable_padding()

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        encoded = self._tokenizer.encode_batch(list(texts))
        mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
        given = {
            "input_ids": np.array([e.ids for e in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.array([e.type_ids for e in encoded], dtype=np.int64),
        }
        wanted = [i.name for i in self._session.get_inputs()]
        unknown = [name for name in wanted if name not in given]
        if unknown:
            raise PluginError(
                f"{self._path} asks for {', '.join(unknown)}; a text model takes {', '.join(given)}"
            )
        output = np.asarray(self._session.run(None, {n: given[n] for n in wanted})[0])
        if output.ndim == 3:  # one vector per token: their mean, padding left out
            weights = mask[:, :, None].astype(np.float32)
            output = (output * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
        if output.ndim != 2:
            raise PluginError(f"{self._path} returns shape {output.shape}; it embeds no texts")
        length = np.linalg.norm(output, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = (output / np.maximum(length, 1e-12)).astype(np.float32)
        return vectors
