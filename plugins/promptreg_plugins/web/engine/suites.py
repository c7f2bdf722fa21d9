"""The suites that are served: opened when first asked for, read again when their files change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from promptreg.discovery import Plugins
from promptreg.errors import PromptregError, UsageError
from promptreg.pipeline.parts import make_scoring
from promptreg.pipeline.project import Project, open_project
from promptreg.records import Scenario, ScenarioSet
from promptreg_plugins.web.engine.telling import told
from promptreg_plugins.web.problems import ConflictError, NotFoundError

__all__ = ["ScenarioIndex", "Served", "Suites"]

Stamp = tuple[int, int, int]
_THREADS = 4


@dataclass
class Served:
    """A suite file, and what was read of it.

    Attributes:
        path: the file.
        name: the suite's name; the folder's while the file cannot be read.
        problem: why it cannot be read; empty: it can.
        threads: where everything that takes this suite is done. While it is being read, whoever
            wants it waits there, and takes no thread from those who want something else.
    """

    path: Path
    plugins: Plugins
    name: str = ""
    problem: str = ""
    _project: Project | None = None
    _stamp: Stamp | None = None
    _scenarios: ScenarioIndex | None = None
    _metrics: tuple[str, ...] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.threads = ThreadPoolExecutor(_THREADS, f"promptreg-{self.path.parent.name}")
        self._reading = 0

    @property
    def reading(self) -> bool:
        """Whether suite or scenarios are being read at present."""
        return self._reading > 0

    @property
    def last(self) -> Project | None:
        """The suite as it was read last; None: it could not be. Waits for nobody."""
        return self._project

    def look(self, *, wait: bool = True) -> None:
        """Read the file if it changed since.

        Args:
            wait: whether to wait for somebody who reads it already.
        """
        if not self._lock.acquire(blocking=wait):
            return
        try:
            stamp = _stamp(self.path)
            if stamp == self._stamp and stamp is not None:
                return
            project, problem, name = None, "", self.name
            try:
                with self._read():
                    project = open_project(str(self.path), self.plugins)
            except (PromptregError, OSError) as e:
                problem = str(e)
                name = name or self.path.resolve().parent.name
            else:
                name = project.suite.suite
            self._project, self.problem, self.name = project, problem, name
            self._scenarios = self._metrics = None
            self._stamp = stamp
        finally:
            self._lock.release()

    @contextmanager
    def _read(self) -> Iterator[None]:
        self._reading += 1  # under the lock
        try:
            yield
        finally:
            self._reading -= 1

    @property
    def project(self) -> Project:
        """The opened suite.

        Raises:
            ConflictError: the file says what it may not; says what.
        """
        with self._lock:
            self.look()
            if self._project is None:
                raise ConflictError(self.problem or f"{self.path}: cannot be read")
            return self._project

    def scenarios(self) -> ScenarioIndex:
        """Return the scenarios, read again if their file changed.

        Raises:
            ConflictError: suite or scenarios cannot be read.
        """
        with self._lock:
            project = self.project
            stamp = _stamp(project.base / project.suite.scenarios)
            if self._scenarios is None or self._scenarios.stamp != stamp or stamp is None:
                with told(), self._read():
                    self._scenarios = ScenarioIndex(project.every_scenario(), stamp)
            return self._scenarios

    def order(self) -> Mapping[str, int]:
        """Return scenario id to its place; nothing while the scenarios cannot be read."""
        try:
            return self.scenarios().at
        except ConflictError:
            return {}

    def metrics(self) -> tuple[str, ...]:
        """Return the names of what is measured; none where a scorer cannot be made."""
        with self._lock:
            project = self.project
            if self._metrics is None:
                try:
                    self._metrics = tuple(scale.name for scale in make_scoring(project).scales)
                except PromptregError:
                    self._metrics = ()
            return self._metrics


class ScenarioIndex:
    """A set of scenarios with what makes looking into it quick."""

    def __init__(self, found: ScenarioSet, stamp: Stamp | None) -> None:
        self.stamp = stamp
        self.all: tuple[Scenario, ...] = found.scenarios
        self.at: Mapping[str, int] = {s.id: i for i, s in enumerate(self.all)}
        self._words: list[str] | None = None
        self.attributes = _values(self.all)

    def words(self) -> list[str]:
        """Return what a query is looked up in, for each scenario; made with the first query."""
        if self._words is None:
            self._words = [
                f"{s.id}\n{dict(s.variables)!r}\n{dict(s.ground_truth)!r}".casefold()
                for s in self.all
            ]
        return self._words


class Suites:
    """All suites that are served, by name.

    Args:
        files: their files.
        plugins: what they may use.

    Raises:
        UsageError: two have one name.
    """

    def __init__(self, files: Sequence[Path], plugins: Plugins) -> None:
        self.all = [Served(path, plugins) for path in files]
        names: dict[str, Path] = {}
        for served in self.all:
            served.look()
            other = names.setdefault(served.name, served.path)
            if other != served.path:
                raise UsageError(
                    f"{other} and {served.path} are both called {served.name!r}; the suites that "
                    "are served must have names of their own"
                )

    def known(self, name: str) -> Served | None:
        """Return the suite that was called so when it was read last; no file is looked at."""
        return next((served for served in self.all if served.name == name), None)

    def get(self, name: str) -> Served:
        """Return a suite, its file read again if it changed; no other's is waited for.

        Raises:
            NotFoundError: none is called so.
        """
        served = self.known(name)
        if served is not None:
            served.look()
        if served is None or served.name != name:  # a file may have been given another name
            for other in self.all:
                other.look(wait=False)
            served = self.known(name)
        if served is None:
            there = ", ".join(s.name for s in self.all)
            raise NotFoundError(f"no suite is called {name!r:.120}; there are: {there}")
        return served


def _values(scenarios: Sequence[Scenario]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    seen: set[int] = set()
    for scenario in scenarios:
        if id(scenario.attributes) in seen:  # most share theirs
            continue
        seen.add(id(scenario.attributes))
        for name, value in scenario.attributes.items():
            found.setdefault(name, set()).add(value)
    return {name: tuple(sorted(values)) for name, values in found.items()}


def _stamp(path: Path) -> Stamp | None:
    """Return what changes when a file does; None: it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
