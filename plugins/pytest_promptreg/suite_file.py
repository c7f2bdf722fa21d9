"""Suite files as test files: `pytest promptreg.yaml --promptreg-baseline v1 ...`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptreg.pipeline.project import Options
from pytest_promptreg.asked import Asked
from pytest_promptreg.planned import Planned
from pytest_promptreg.session import State

__all__ = ["SuiteFile", "SuiteItem"]


class SuiteFile(pytest.File):
    """A suite file; its tests are the checks of the comparison that the options name."""

    def __init__(self, *, state: State, **rest: Any) -> None:
        super().__init__(**rest)
        self._state = state

    def collect(self) -> Iterator[SuiteItem]:
        """Yield one test per template and slice."""
        config = self.config
        try:
            asked = Asked(
                suite=self._state.project(self.path).path,
                baseline=config.getoption("promptreg_baseline"),
                candidate=config.getoption("promptreg_candidate"),
                options=Options(looks=1),
                metrics=_metrics(config.getoption("promptreg_metrics")),
                slices=_slices(config.getoption("promptreg_slices")),
            )
            planned = self._state.plan(asked)
        except pytest.fail.Exception as e:
            raise self.CollectError(e.msg) from None
        for one in planned:
            yield SuiteItem.from_parent(self, name=one.check.id, state=self._state, planned=one)


class SuiteItem(pytest.Item):
    """One check of a suite file."""

    def __init__(self, *, state: State, planned: Planned, **rest: Any) -> None:
        super().__init__(**rest)
        self._state = state
        self._planned = planned

    def setup(self) -> None:
        """Make the comparison, so that what keeps it from being made is an error."""
        self._state.prepare(self, self._planned)

    def runtest(self) -> None:
        """Decide."""
        self._state.decide(self)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the test comes from: the file, its first line, its name."""
        return self.path, 0, self.name


def _metrics(said: str | None) -> tuple[str, ...] | bool:
    return said == "all" if said in (None, "all") else _words(said)


def _slices(said: str | None) -> tuple[str, ...] | None:
    return None if said is None else () if said == "none" else _words(said)


def _words(said: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (said or "").split(",") if word.strip())
