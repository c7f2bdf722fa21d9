"""Embedding columns: vectors of finished scenarios from one of promptreg's embedders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.discovery import load_plugins
from promptreg.errors import PluginError, SuiteError
from promptreg.records import Json

__all__ = ["Vectors"]

DIMENSIONS = 768
_ROUNDED = 6


class Vectors:
    """Makes the vectors of rows.

    Args:
        entry: `use`, the embedder's settings, and `dimensions` if other than 768.

    Raises:
        SuiteError, PluginError: there is no such embedder, or its settings are wrong.
    """

    def __init__(self, entry: Mapping[str, Any]) -> None:
        settings = dict(entry)
        use, dimensions = settings.pop("use", None), settings.pop("dimensions", DIMENSIONS)
        if not isinstance(use, str):
            raise SuiteError("embedder: needs 'use', such as {use: sentence_transformers}")
        if not isinstance(dimensions, int) or isinstance(dimensions, bool) or dimensions < 1:
            raise SuiteError(f"embedder.dimensions: found {dimensions!r:.60}; allowed: from 1")
        self._dimensions = dimensions
        self._embedder = load_plugins().embedders.create(use, settings, "generate.embedder")
        self._use = use

    def identity(self) -> dict[str, Json]:
        """Return what shapes the vectors."""
        return {"use": self._use, "dimensions": self._dimensions, **self._embedder.identity()}

    def add(self, row: dict[str, Any], columns: Sequence[str]) -> None:
        """Put the vectors into a row.

        Raises:
            PluginError: they have another length than the settings say.
        """
        points = row["reasoning_key_points"]
        texts = {
            "scenario_embedding": row["scenario_narrative"],
            "reasoning_embedding": "\n".join([row["expected_summary"], *points]),
        }
        made = self._embedder.embed([texts[name] for name in columns])
        if made.shape != (len(columns), self._dimensions):
            raise PluginError(
                f"generate.embedder: {self._use!r} returns vectors of {made.shape[-1]} numbers; "
                f"'dimensions' says {self._dimensions}"
            )
        for name, vector in zip(columns, made.tolist(), strict=True):
            row[name] = [round(float(x), _ROUNDED) for x in vector]
