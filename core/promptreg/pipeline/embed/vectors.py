"""Vectors of texts: from the fixture or the store where they are, else from the embedder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import PluginError
from promptreg.pipeline.embed.place import Place
from promptreg.pipeline.keys import digest
from promptreg.protocols import Embedder
from promptreg.store.vectors import VectorStore

__all__ = ["embed_at", "text_key"]

MAX_TEXT = 20_000
"""Characters of one text that are embedded; models read far fewer."""
_BATCH = 256


def text_key(place: Place, identity: Mapping[str, Any]) -> Callable[[str], str]:
    """Return the function from a text to the name of its vector; another model, another name."""
    prefix = digest({"embedder": place.entry.use, "identity": dict(identity)})
    return lambda text: digest([prefix, text[:MAX_TEXT]])


def embed_at(
    place: Place,
    texts: Sequence[str],
    embedder: Embedder | None = None,
    told: Callable[[int], None] | None = None,
    known: Mapping[str, NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """Return one vector of length 1 per text, shape (texts, dimensions).

    What was embedded once is read from the store; batches are kept as they come, so that a killed
    call goes on where it stopped.

    Args:
        place: who embeds.
        texts: to be embedded; the first 20,000 characters of each.
        embedder: in place of the one named.
        told: hears how many texts are done.
        known: vectors that need no store, by key.

    Raises:
        PluginError: the embedder returns something else than promised.
        StoreError: vectors cannot be kept.
    """
    if not texts:
        return np.empty((0, 0), dtype=np.float32)
    made = embedder or place.make()
    key_of = text_key(place, made.identity())
    keys = [key_of(text) for text in texts]
    by_key = {key: text[:MAX_TEXT] for key, text in zip(keys, texts, strict=True)}
    vectors = {key: known[key] for key in by_key if key in known} if known else {}
    if len(vectors) < len(by_key):
        with VectorStore(place.store) as store:
            vectors |= store.get_many([key for key in by_key if key not in vectors])
            todo = [key for key in by_key if key not in vectors]
            if told:
                told(len(by_key) - len(todo))
            for start in range(0, len(todo), _BATCH):
                batch = todo[start : start + _BATCH]
                fresh = dict(zip(batch, _checked(made, [by_key[k] for k in batch]), strict=True))
                store.put_many(fresh)
                vectors |= fresh
                if told:
                    told(len(batch))
    elif told:
        told(len(by_key))
    lengths = {len(v) for v in vectors.values()}
    if len(lengths) > 1:
        raise PluginError(
            f"the embedder returns vectors of different lengths: {sorted(lengths)}; "
            f"if its model was replaced in place, delete {place.store / 'vectors.sqlite'}"
        )
    return np.stack([vectors[key] for key in keys])


def _checked(embedder: Embedder, texts: list[str]) -> NDArray[np.float32]:
    found = np.asarray(embedder.embed(texts), dtype=np.float32)
    if found.ndim != 2 or len(found) != len(texts):
        raise PluginError(
            f"the embedder returned shape {found.shape} for {len(texts)} texts; "
            "allowed: (texts, dimensions)"
        )
    lengths = np.sqrt((found.astype(np.float64) ** 2).sum(axis=1))
    # `not all(... <= ...)`, so that a NaN is an error too.
    if not bool(np.all(np.abs(lengths - 1) <= 1e-3)):
        raise PluginError("the embedder returned vectors whose length is not 1")
    return found
