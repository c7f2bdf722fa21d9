"""What a scenario is about, in words: the texts that are embedded."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg.errors import DataError, SuiteError, did_you_mean
from promptreg.pipeline.embed.place import Place
from promptreg.pipeline.keys import digest
from promptreg.records import Scenario, ScenarioSet

__all__ = ["text_columns", "texts_of", "texts_sha256"]


def texts_of(place: Place, scenarios: ScenarioSet) -> list[str]:
    """Return what each scenario is about: the suite's `embedder.text` columns, or all its prose.

    Raises:
        SuiteError: a column does not exist.
        DataError: a scenario has no text at all.
    """
    wanted = place.entry.text
    names = {name for s in scenarios.scenarios for name in (*s.variables, *s.ground_truth)}
    for name in wanted:
        if name not in names:
            raise SuiteError(
                f"{place.path}: embedder.text: no scenario has {name!r}"
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


def text_columns(place: Place, scenarios: ScenarioSet) -> list[str]:
    """Return the columns that the texts are made of, in order of appearance."""
    if place.entry.text:
        return list(place.entry.text)
    return list(dict.fromkeys(name for s in scenarios.scenarios for name in _prose(s)))


def texts_sha256(texts: Sequence[str]) -> str:
    """Return the hash of texts in their order."""
    return digest(list(texts))


def _prose(scenario: Scenario) -> list[str]:
    return [
        name
        for name, value in scenario.variables.items()
        if isinstance(value, str) and name not in scenario.attributes and " " in value
    ]


def _text(scenario: Scenario, wanted: Sequence[str]) -> str:
    if wanted:
        values = [scenario.variables.get(n, scenario.ground_truth.get(n)) for n in wanted]
    else:
        values = [scenario.variables[name] for name in _prose(scenario)]
    parts = [" ".join(str(p) for p in v) if isinstance(v, (list, tuple)) else v for v in values]
    return "\n".join(str(part) for part in parts if part not in (None, ""))
