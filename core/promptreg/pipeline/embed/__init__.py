"""Vectors of scenarios and texts: who makes them, of what, where they are kept, what is alike."""

from promptreg.pipeline.embed.place import Place
from promptreg.pipeline.embed.search import (
    embed,
    lay_out,
    make_embedder,
    scenario_texts,
    search,
)
from promptreg.pipeline.embed.texts import text_columns, texts_of, texts_sha256
from promptreg.pipeline.embed.vectors import embed_at

__all__ = [
    "Place",
    "embed",
    "embed_at",
    "lay_out",
    "make_embedder",
    "scenario_texts",
    "search",
    "text_columns",
    "texts_of",
    "texts_sha256",
]
