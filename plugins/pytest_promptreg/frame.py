"""A suite's scenarios as a pandas DataFrame, with the columns that tests like to read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from promptreg.errors import DataError, did_you_mean
from promptreg.pipeline.project import Options, Project
from promptreg.records import Scenario

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROMPT_INPUT", "PromptInput", "by_type", "frame_of", "key_points"]

PROMPT_INPUT = "formatted_prompt_input"
_TRUTH = "ground_truth"
_POINTS = ("reasoning_key_points", "key_points")
_BULLET = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+")


class PromptInput(str):
    """The text of `formatted_prompt_input`, which knows its scenario."""

    __slots__ = ("scenario_id",)
    scenario_id: str

    @classmethod
    def of(cls, scenario: Scenario) -> PromptInput:
        """Return the column's text, else all variables of the scenario as JSON."""
        text = scenario.variables.get(PROMPT_INPUT)
        if not isinstance(text, str):
            shown = {name: value for name, value in scenario.variables.items() if name != _TRUTH}
            text = json.dumps(shown, ensure_ascii=False, default=str)
        made = cls(text)
        made.scenario_id = scenario.id
        return made


class ByType(dict[str, Any]):
    """DataFrames by type; a type that does not exist is an error that says which do."""

    def __missing__(self, name: object) -> Any:
        there = ", ".join(map(repr, self))
        hint = did_you_mean(str(name), map(str, self))
        raise KeyError(f"no scenario is of the type {name!r}{hint}; there are: {there}")


def frame_of(project: Project) -> pd.DataFrame:
    """Return one row per scenario, in file order.

    Columns: `id`; every column of the file; `ground_truth_NAME` for everything that is known
    right, from wherever it stands (`ground_truth_risk_range` is a pair); `reasoning_key_points`,
    always a list; `formatted_prompt_input`; `family`; `templates`, those that serve the scenario.

    Raises:
        DataError: the file cannot be read as promised.
    """
    import pandas as pd

    from promptreg.api.frames import scenario_frame

    scenarios = project.scenarios(Options())
    found = scenarios.scenarios
    frame = scenario_frame(project, scenarios)
    if any(name in s.ground_truth for s in found for name in _POINTS):
        frame[_POINTS[0]] = pd.Series([key_points(s.ground_truth) for s in found], dtype=object)
    # As objects: pandas' own text type would drop what the texts know besides their letters.
    frame[PROMPT_INPUT] = pd.Series([PromptInput.of(s) for s in found], dtype=object)
    return frame


def by_type(frame: pd.DataFrame, column: str) -> ByType:
    """Return the rows by the value of a column, values in order of appearance.

    Raises:
        DataError: there is no such column, or it holds no value.
    """
    if column not in frame.columns:
        raise DataError(
            f"scenario_by_type: no column is called {column!r}"
            f"{did_you_mean(column, frame.columns)}; the ini key promptreg_type_attribute names "
            f"one of: {', '.join(map(str, frame.columns))}"
        )
    values = frame[column].dropna().unique()
    if not len(values):
        raise DataError(f"scenario_by_type: the column {column!r} holds no value")
    return ByType({value: frame[frame[column] == value] for value in values})


def key_points(truth: Mapping[str, Any]) -> list[str]:
    """Return the points that a reasoning should mention; never the letters of a text.

    A list is taken as it is. A text is divided at line ends and semicolons, without bullets and
    numbers: a text of one line is one point.
    """
    value = next((truth[name] for name in _POINTS if truth.get(name) is not None), None)
    if value is None:
        return []
    if isinstance(value, str):
        parts = re.split(r"[\n;]+", value)
        return [point for part in parts if (point := _BULLET.sub("", part, count=1).strip())]
    return [str(point) for point in value]
