"""Vectors that were frozen with the scenarios: used where they are what would be computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from promptreg.errors import PromptregError
from promptreg.pipeline.embed.place import Place
from promptreg.pipeline.embed.texts import texts_of, texts_sha256
from promptreg.pipeline.embed.vectors import text_key
from promptreg.pipeline.project import Project
from promptreg.protocols import Embedder
from promptreg.store.fixture import EMBEDDINGS, read_manifest, read_vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["frozen_vectors", "whole"]


def frozen_vectors(
    project: Project, place: Place, embedder: Embedder
) -> dict[str, NDArray[np.float32]]:
    """Return the vectors of the fixture that the suite reads, by key; none if they do not fit.

    They fit if embedder, texts and file are what the manifest says. Otherwise the vectors are
    computed, which gives the same; what does not fit is for `validate` to say.
    """
    file = project.base / project.suite.scenarios
    folder = file.resolve().parent
    try:
        manifest = read_manifest(folder)
        if manifest is None or file.name not in manifest.files:
            return {}
        facts = manifest.embeddings
        key_of = text_key(place, embedder.identity())
        if not facts or facts.get("use") != place.entry.use:
            return {}
        identity = facts.get("identity")
        if not isinstance(identity, dict) or text_key(place, identity)("") != key_of(""):
            return {}
        texts = texts_of(place, project.every_scenario())
        if texts_sha256(texts) != facts.get("texts_sha256"):
            return {}
        path = folder / EMBEDDINGS
        expected = manifest.files.get(EMBEDDINGS, {}).get("sha256")
        vectors = read_vectors(path, len(texts), whole(facts.get("dimensions")))
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != expected:
                return {}
    except (PromptregError, OSError):
        return {}
    return _by_key(texts, vectors, key_of)


def whole(value: object) -> int:
    """Return a count of the manifest; 0 for what is none, which fits no file."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _by_key(
    texts: list[str], vectors: NDArray[np.float32], key_of: Callable[[str], str]
) -> dict[str, NDArray[np.float32]]:
    return {key_of(text): vector for text, vector in zip(texts, vectors, strict=True)}
