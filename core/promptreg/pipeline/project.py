"""An opened suite: the file, its folder, and the plug-ins it may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptreg.discovery import Plugins, load_plugins
from promptreg.errors import SuiteError
from promptreg.records import ScenarioSet
from promptreg.stages.load import load_scenarios, narrow
from promptreg.suite import Suite, find_suite, load_suite

if TYPE_CHECKING:
    from promptreg.verdicts import Comparison

__all__ = ["Options", "Project", "open_project"]

_MAX_TEXT = 256_000


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line may say besides the suite; None leaves the suite's word."""

    templates: tuple[str, ...] = ()
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limit: int | None = None
    repeats: int | None = None
    seed: int | None = None
    concurrency: int | None = None
    cache: bool = True
    budget: str | None = None
    alpha: float | None = None
    margins: Mapping[str, float] = field(default_factory=dict)
    looks: int | None = None
    """Looks at the data while they come; 0: as many as usual, 1: none but the last."""
    anytime: bool = False
    """Whether lines are accused by e-processes, however often the data are looked at."""
    strict: bool = False
    """At any time, whether bounded scores are judged whatever their distribution."""
    allow_unmatched: bool = False
    allow_mismatch: tuple[str, ...] = ()
    deciding: bool = False
    """Whether a gate asks: what may be looked at may still not decide."""


@dataclass(frozen=True, slots=True)
class Project:
    """A suite file that was read and checked, with its surroundings."""

    path: Path
    suite: Suite
    plugins: Plugins
    past: Callable[[str], str | None] | None = None
    """Where the policy is that of another revision: reads a file's text there; None for no file."""
    past_bytes: Callable[[str], bytes | None] | None = None
    """The same for data files."""
    purpose: str = "decision"
    """What its comparisons are for, as plug-ins are told."""

    def tell(self, comparison: Comparison) -> None:
        """Tell every plug-in of a comparison that came to a decision."""
        self.plugins.emit(
            "promptreg_comparison_finished", comparison=comparison, purpose=self.purpose
        )

    @property
    def base(self) -> Path:
        """The folder that relative paths in the suite start from."""
        return self.path.resolve().parent

    @property
    def store(self) -> Path:
        """The run store's folder."""
        return self.base / self.suite.store

    def read_text(self, name: str) -> str:
        """Return the text of a file that the policy names, relative to the suite.

        Raises:
            SuiteError: it cannot be read.
        """
        path = self.base / name
        try:
            if path.is_file() and path.stat().st_size > _MAX_TEXT:
                raise SuiteError(f"{path}: larger than {_MAX_TEXT:,} bytes")
            before = self.past(name) if self.past is not None else None
            return path.read_text("utf-8-sig") if before is None else before
        except (OSError, UnicodeDecodeError) as e:
            raise SuiteError(f"{path}: cannot be read: {e}") from e

    def scenarios(self, options: Options) -> ScenarioSet:
        """Return the suite's scenarios, narrowed as the options say.

        Raises:
            DataError: the file cannot be read as promised.
        """
        return self.narrowed(self.every_scenario(), options)

    def every_scenario(self) -> ScenarioSet:
        """Return the suite's scenarios, none left out.

        Raises:
            DataError: the file cannot be read as promised.
        """
        path = self.base / self.suite.scenarios
        return load_scenarios(path, cluster=self.suite.cluster, attributes=self.suite.attributes)

    def narrowed(self, found: ScenarioSet, options: Options) -> ScenarioSet:
        """Return the scenarios that the options keep.

        Raises:
            DataError: they keep none, or name what does not exist.
        """
        seed = self.suite.seed if options.seed is None else options.seed
        return narrow(
            found,
            filters=options.filters,
            limit=options.limit,
            served=self._served(options),
            seed=seed,
        )

    def _served(self, options: Options) -> list[Mapping[str, Any]]:
        """Return what selects the scenarios of the chosen templates; nothing if one takes all."""
        names = options.templates or self.suite.templates
        rules = [self.suite.select.get(name, {}) for name in names]
        return list(rules) if all(rules) else []

    def repeats(self, options: Options) -> int:
        """Return how often each prompt is asked."""
        return self.suite.repeats if options.repeats is None else options.repeats

    def seed(self, options: Options) -> int:
        """Return the seed of the order of calls; resampling and looks have their own."""
        return self.suite.seed if options.seed is None else options.seed


def open_project(
    config: str | None, plugins: Plugins | None = None, *, purpose: str = "decision"
) -> Project:
    """Find, read and check the suite.

    Raises:
        SuiteError: there is no suite file, or it says something it may not.
        PluginError: plug-ins contradict each other.
    """
    path = find_suite(config)
    return Project(path, load_suite(path), plugins or load_plugins(), purpose=purpose)
