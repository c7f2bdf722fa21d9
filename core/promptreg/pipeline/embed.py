"""Vectors of scenarios and texts: from the store where they are, else from the embedder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptreg.errors import DataError, PluginError, SuiteError, did_you_mean
from promptreg.pipeline.keys import digest
from promptreg.pipeline.project import Options, Project
from promptreg.protocols import Embedder
from promptreg.records import Scenario, ScenarioSet
from promptreg.stages.nearest import nearest
from promptreg.store.vectors import VectorStore

__all__ = ["Found", "embed", "make_embedder", "scenario_texts", "search"]

MAX_TEXT = 20_000
"""Characters of one text that are embedded; models read far fewer."""
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Found:
    """A scenario that is like what was searched for; `cosine` is from -1 to 1."""

    scenario: Scenario
    text: str
    cosine: float


def make_embedder(project: Project) -> Embedder:
    """Return the suite's embedder.

    Raises:
        SuiteError: the suite names none, or its settings are wrong.
        PluginError: it is unknown, or a package it needs is not installed.
    """
    entry = project.suite.embedder
    if entry is None:
        known = ", ".join(e.name for e in project.plugins.embedders) or "none"
        raise SuiteError(
            f"{project.path}: no embedder is named; add, for example, 'embedder: {{use: "
            f"sentence_transformers, model: minilm}}' (there are: {known})"
        )
    settings = entry.settings
    model = settings.get("model")
    if isinstance(model, str) and (project.base / model).is_dir():
        settings["model"] = str(project.base / model)  # relative to the suite, as all paths are
    return project.plugins.embedders.create(entry.use, settings, f"{project.path}: embedder")


def embed(
    project: Project,
    texts: Sequence[str],
    embedder: Embedder | None = None,
    told: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Return one vector of length 1 per text, shape (texts, dimensions).

    What was embedded once is read from the store; batches are kept as they come, so that a killed
    call goes on where it stopped. `told` hears how many texts are done.

    Raises:
        PluginError: the embedder returns something else than promised.
        StoreError: vectors cannot be kept.
    """
    made = embedder or make_embedder(project)
    identity = {"embedder": project.suite.embedder.use if project.suite.embedder else ""}
    prefix = digest({**identity, "identity": dict(made.identity())})
    cut = [text[:MAX_TEXT] for text in texts]
    keys = [digest([prefix, text]) for text in cut]
    by_key = dict(zip(keys, cut, strict=True))
    with VectorStore(project.store) as store:
        vectors = store.get_many(list(by_key))
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
    if not keys:
        return np.empty((0, 0), dtype=np.float32)
    lengths = {len(v) for v in vectors.values()}
    if len(lengths) > 1:
        raise PluginError(
            f"the embedder returns vectors of different lengths: {sorted(lengths)}; "
            f"if its model was replaced in place, delete {project.store / 'vectors.sqlite'}"
        )
    return np.stack([vectors[key] for key in keys])


def scenario_texts(project: Project, scenarios: ScenarioSet) -> list[str]:
    """Return what each scenario is about: the suite's `embedder.text` columns, or all its prose.

    Raises:
        SuiteError: a column does not exist.
        DataError: a scenario has no text at all.
    """
    entry = project.suite.embedder
    wanted = entry.text if entry else ()
    names = {name for s in scenarios.scenarios for name in (*s.variables, *s.ground_truth)}
    for name in wanted:
        if name not in names:
            raise SuiteError(
                f"{project.path}: embedder.text: no scenario has {name!r}"
                f"{did_you_mean(name, sorted(names))}; there are: {', '.join(sorted(names))}"
            )
    texts = []
    for scenario in scenarios.scenarios:
        text = _text(scenario, wanted)
        if not text:
            raise DataError(
                f"{scenarios.source}: scenario {scenario.id!r} has no text in "
                f"{', '.join(wanted) if wanted else 'any column but its attributes'}; "
                "name columns that have under embedder.text"
            )
        texts.append(text)
    return texts


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


def _text(scenario: Scenario, wanted: Sequence[str]) -> str:
    if wanted:
        values = [scenario.variables.get(n, scenario.ground_truth.get(n)) for n in wanted]
    else:
        values = [
            value
            for name, value in scenario.variables.items()
            if isinstance(value, str) and name not in scenario.attributes and " " in value
        ]
    parts = [" ".join(str(p) for p in v) if isinstance(v, (list, tuple)) else v for v in values]
    return "\n".join(str(part) for part in parts if part not in (None, ""))


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
