"""Options that go together, as one parameter of a command; `spread` makes options of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from promptreg.cli import options as o

if TYPE_CHECKING:
    from promptreg.pipeline.project import Options

__all__ = ["Asking", "Calibrating", "Comparing", "Looking", "Showing", "Stepwise", "Weighing"]


@dataclass(frozen=True)
class Asking:
    """What is asked, how often and for how much."""

    concurrency: o.Concurrency = None
    repeats: o.Repeats = None
    limit: o.Limit = None
    filter_: o.Filter = None
    template: o.TemplateNames = None
    seed: o.Seed = None
    no_cache: o.NoCache = False
    budget: o.Budget = None

    def options(self, *, deciding: bool = False) -> Options:
        """Return the options as the pipeline takes them.

        Raises:
            UsageError: one is malformed, or two contradict each other.
        """
        return o.make_options(**asdict(self), deciding=deciding)


@dataclass(frozen=True)
class Weighing(Asking):
    """By which error level and margins it is judged, besides."""

    alpha: o.Alpha = None
    margin: o.Margin = None


@dataclass(frozen=True)
class Comparing(Weighing):
    """What is compared although the sides differ, besides."""

    allow_unmatched: o.AllowUnmatched = False
    allow_mismatch: o.AllowMismatch = None


@dataclass(frozen=True)
class Stepwise(Asking):
    """How often the data are looked at while they come, besides."""

    sequential: o.Sequential = None
    looks: o.Looks = None
    anytime: o.AnyTime = False
    strict: o.Strict = False


@dataclass(frozen=True)
class Looking(Stepwise, Comparing):
    """All of what a decision takes."""


@dataclass(frozen=True)
class Calibrating(Stepwise, Weighing):
    """What a simulated decision takes."""


@dataclass(frozen=True)
class Showing:
    """How much is said, and for whom."""

    as_json: o.AsJson = False
    quiet: o.Quiet = False
    verbose: o.Verbose = False

    @property
    def silent(self) -> bool:
        """Whether progress is not to be shown."""
        return self.quiet or self.as_json
