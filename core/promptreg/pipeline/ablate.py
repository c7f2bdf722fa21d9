"""The suite's scenarios without some of what templates are given, and otherwise the same."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptreg.errors import DataError, UsageError, did_you_mean
from promptreg.pipeline.project import Project

__all__ = ["Ablated", "ablate"]


@dataclass(frozen=True, slots=True)
class Ablated:
    """What was written: how many scenarios, and in how many of them each column was replaced."""

    scenarios: int
    replaced: Mapping[str, int]


def ablate(project: Project, drop: Sequence[str], instead: str, output: str) -> Ablated:
    """Write all scenarios as JSON lines, with a text in place of each dropped column's value.

    A scenario that lacks a column goes on lacking it, so that templates get the same variables.
    The file appears whole or not at all.

    Args:
        project: the opened suite.
        drop: columns that only templates read.
        instead: what templates are given instead.
        output: a file that does not exist, ending in `.jsonl`.

    Raises:
        UsageError: the file exists or has another ending, or a column is none that can be dropped.
        DataError: a value cannot be written as JSON.
    """
    path = Path(output)
    if path.suffix != ".jsonl":
        raise UsageError(f"-o {output}: allowed: a file ending in .jsonl")
    if path.exists():
        raise UsageError(f"-o {output}: the file exists; name another one, or delete it")
    scenarios = project.every_scenario().scenarios
    columns = list(dict.fromkeys(drop))
    _check(project, columns, scenarios)
    if any(s.images for s in scenarios):
        home = (project.base / project.suite.scenarios).parent.resolve()
        if path.parent.resolve() != home:
            raise UsageError(
                f"-o {output}: scenarios name images by paths from their file's folder; allowed: "
                f"a file in {home}"
            )
    replaced = dict.fromkeys(columns, 0)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for scenario in scenarios:
                row = {k: v for k, v in scenario.variables.items() if v is not None}
                for column in columns:
                    if column in row:
                        row[column] = instead
                        replaced[column] += 1
                file.write(_line(row, scenario.id) + "\n")
        temporary.replace(path)
    except OSError as e:
        raise UsageError(f"-o {output}: cannot be written: {e.strerror or e}") from e
    finally:
        temporary.unlink(missing_ok=True)
    return Ablated(len(scenarios), replaced)


def _check(project: Project, columns: Sequence[str], scenarios: Sequence[Any]) -> None:
    """Refuse columns that are not there, or that say which scenario it is and what is right."""
    present = dict.fromkeys(k for s in scenarios for k in s.variables)
    truths = {k for s in scenarios for k in s.ground_truth}
    known = {"id", "scenario_id", "ground_truth", project.suite.cluster, *truths}
    known |= {name for rule in project.suite.select.values() for name in rule}
    for column in columns:
        if column not in present:
            raise UsageError(
                f"--drop {column}: no such column{did_you_mean(column, present)}; there are: "
                f"{', '.join(present)}"
            )
        if column in known:
            raise UsageError(
                f"--drop {column}: it says which scenario it is, what is right, or which template "
                "serves it; allowed: columns that only templates read"
            )


def _line(row: Mapping[str, Any], name: str) -> str:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as e:
        raise DataError(f"scenario {name!r} cannot be written as JSON: {e}") from e
