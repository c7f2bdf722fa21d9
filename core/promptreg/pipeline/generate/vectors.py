"""What an embedder adds to a fixture: its vectors, pairs that mean the same, and a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptreg.errors import SuiteError, did_you_mean
from promptreg.pipeline.embed import Place, embed_at, text_columns, texts_of, texts_sha256
from promptreg.pipeline.embed.drawn import NAMED
from promptreg.pipeline.generate.opened import Generation
from promptreg.protocols import Embedder, GenerationPlan
from promptreg.records import Json, ScenarioSet
from promptreg.stages.nearest import alike, flat_map
from promptreg.stages.report.plots.alone import alone
from promptreg.stages.report.plots.kinds import map_of_kinds
from promptreg.store.fixture import vector_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MAP", "Embedding", "Vectors", "open_embedding"]

MAP = "coverage_map.svg"
_LISTED = 200
"""So many near-duplicates are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of a set, in the order of its rows, and what the manifest says of them."""

    array: NDArray[np.float32]
    facts: dict[str, Json]

    @property
    def file(self) -> bytes:
        """The content of `embeddings.npy`."""
        return vector_bytes(self.array)


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedder of a generation, made and ready.

    Attributes:
        by: the attribute that the map tells apart.
        least: from which cosine on two scenarios are near-duplicates.
    """

    place: Place
    embedder: Embedder
    by: str
    least: float

    def vectors(self, scenarios: ScenarioSet) -> Vectors:
        """Return the vectors of what was made; what a killed generation computed is kept."""
        texts = texts_of(self.place, scenarios)
        array = embed_at(self.place, texts, self.embedder)
        facts: dict[str, Json] = {
            "use": self.place.entry.use,
            "owner": self.place.owner,
            "identity": dict(self.embedder.identity()),
            "text": text_columns(self.place, scenarios),
            "texts_sha256": texts_sha256(texts),
            "rows": len(array),
            "dimensions": int(array.shape[1]),
            "dtype": "float32",
        }
        return Vectors(array, facts)

    def likeness(self, scenarios: ScenarioSet, vectors: Vectors) -> dict[str, Any]:
        """Return the near-duplicates by cosine, as they stand in `coverage.json`."""
        found = alike(vectors.array, self.least, _LISTED)
        ids = [s.id for s in scenarios.scenarios]
        return {
            "embedder": self.place.entry.use,
            "dimensions": vectors.facts["dimensions"],
            "texts": vectors.facts["text"],
            "at_least": self.least,
            "pairs": found.pairs,
            "scenarios": found.touched,
            "most_alike": [[ids[i], ids[j], c] for i, j, c in found.most],
        }

    def drawing(self, scenarios: ScenarioSet, vectors: Vectors) -> str:
        """Return the map as an SVG document."""
        places, shown = flat_map(vectors.array)
        rows = scenarios.scenarios
        drawn = map_of_kinds(
            [(float(x), float(y)) for x, y in places],
            [_word(s.variables.get(self.by)) for s in rows],
            self.by,
            shown,
            "map",
            ids=[s.id for s in rows] if len(rows) <= NAMED else (),
        )
        return alone(drawn, 840) + "\n"


def open_embedding(opened: Generation, plan: GenerationPlan) -> Embedding | None:
    """Return the embedder that the file names, before anything is paid for; None for none.

    Raises:
        SuiteError: its settings are wrong, or `map_by` is no attribute of the plan.
        PluginError: it is unknown, or a package it needs is not installed.
    """
    place, by = opened.embedding, opened.entry.map_by
    where = f"{opened.path}: generate.map_by"
    if place is None:
        if by is not None:
            raise SuiteError(f"{where}: needs an 'embedder'; the file names none")
        return None
    names: Mapping[str, Any] = plan.attributes
    if by is not None and by not in names:
        raise SuiteError(
            f"{where}: {by!r} is no attribute of the plan{did_you_mean(by, names)}; there are: "
            f"{', '.join(names) or 'none'}"
        )
    chosen = by or ("scenario_type" if "scenario_type" in names else next(iter(names), ""))
    return Embedding(place, place.make(), chosen, opened.entry.near_duplicate_cosine)


def _word(value: object) -> str | None:
    return None if value is None else str(value)
