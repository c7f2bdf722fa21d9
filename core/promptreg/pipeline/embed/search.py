"""What a suite's embedder is asked for: vectors of texts and scenarios, and what is alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.pipeline.embed.frozen import frozen_vectors
from promptreg.pipeline.embed.place import Place
from promptreg.pipeline.embed.texts import texts_of
from promptreg.pipeline.embed.vectors import embed_at
from promptreg.pipeline.project import Options, Project
from promptreg.protocols import Embedder
from promptreg.records import Scenario, ScenarioSet
from promptreg.stages.nearest import flat_map, nearest

__all__ = ["Found", "Laid", "embed", "lay_out", "make_embedder", "scenario_texts", "search"]


@dataclass(frozen=True, slots=True)
class Found:
    """A scenario that is like what was searched for; `cosine` is from -1 to 1."""

    scenario: Scenario
    text: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Laid:
    """Scenarios laid out by what they are about; neighbours are alike.

    Attributes:
        scenarios: in file order.
        places: of each, 0 to 1 both ways.
        shown: the share of the variance that two directions hold.
    """

    scenarios: tuple[Scenario, ...]
    places: tuple[tuple[float, float], ...]
    shown: float


def make_embedder(project: Project) -> Embedder:
    """Return the suite's embedder.

    Raises:
        SuiteError: the suite names none, or its settings are wrong.
        PluginError: it is unknown, or a package it needs is not installed.
    """
    return Place.of(project).make()


def embed(
    project: Project,
    texts: Sequence[str],
    embedder: Embedder | None = None,
    told: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Return one vector of length 1 per text, shape (texts, dimensions).

    Vectors frozen with the suite's scenarios come first, then those in the store; the rest is
    computed and kept.

    Raises:
        SuiteError: the suite names no embedder.
        PluginError: the embedder returns something else than promised.
        StoreError: vectors cannot be kept.
    """
    place = Place.of(project)
    made = embedder or place.make()
    return embed_at(place, texts, made, told, frozen_vectors(project, place, made))


def scenario_texts(project: Project, scenarios: ScenarioSet) -> list[str]:
    """Return what each scenario is about: the suite's `embedder.text` columns, or all its prose.

    Raises:
        SuiteError: a column does not exist, or the suite names no embedder.
        DataError: a scenario has no text at all.
    """
    return texts_of(Place.of(project), scenarios)


def search(project: Project, query: str, options: Options, count: int) -> list[Found]:
    """Return the scenarios most like a text, the most alike first.

    Raises:
        SuiteError, DataError, PluginError, StoreError: as `embed` and `scenario_texts`.
    """
    scenarios = project.scenarios(options)
    texts = scenario_texts(project, scenarios)
    vectors = embed(project, [query, *texts])
    places, cosines = nearest(vectors[:1], vectors[1:], count)
    return [
        Found(scenarios.scenarios[i], texts[i], float(c))
        for i, c in zip(places[0].tolist(), cosines[0].tolist(), strict=True)
    ]


def lay_out(project: Project, options: Options) -> Laid:
    """Return the suite's scenarios on a flat map, like beside like.

    Raises:
        SuiteError, DataError, PluginError, StoreError: as `embed` and `scenario_texts`.
    """
    scenarios = project.scenarios(options)
    places, shown = flat_map(embed(project, scenario_texts(project, scenarios)))
    return Laid(scenarios.scenarios, tuple((float(x), float(y)) for x, y in places), shown)
