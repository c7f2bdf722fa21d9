"""Runs, comparisons and templates as a history takes them in and gives them back.

Values are plain: text, finite numbers, tuples. What does not exist is None or empty, never 0.
Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

__all__ = [
    "Line",
    "Measure",
    "Origin",
    "Past",
    "PastComparison",
    "PastEvent",
    "PastRun",
    "PastTemplate",
    "Record",
    "Wanted",
]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the work tree stood when something was measured.

    Attributes:
        commit: HEAD; empty outside of git.
        branch: its name; empty on a detached HEAD that nothing names.
        dirty: whether tracked files differed from HEAD; None: unknown.
        version: of promptreg.
    """

    commit: str = ""
    branch: str = ""
    dirty: bool | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of a run, on all its scenarios or on one slice.

    Attributes:
        metric: its name.
        value: failed trials count as the worst value; gaps are left out.
        low, high: the 95 % interval; None where there is none.
        n: scenarios.
        slice: attribute and value; None: all scenarios.
    """

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    slice: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run.

    Attributes:
        id: the run's id, made of its content.
        scales: metric to (kind, unit, direction).
        trials: rows of its table.
        failures: cause to count.
        notes: what somebody who reads it must know, such as trials that are no longer there.
        table, manifest: files of the run; only on the way in, None where they are gone.
        source: the template's, for people.
        settings: of the sampling, where they are known to be those of the run.
        place: how the history calls it, for people.
    """

    id: str
    suite: str
    template: str
    label: str
    template_sha256: str
    fingerprints: Mapping[str, str]
    created_at: str
    provider: str
    partial: bool
    synthetic: bool
    repeats: int
    scenarios: int
    trials: int
    failures: Mapping[str, int] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()
    scales: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    origin: Origin = Origin()
    source: str = ""
    scenario_source: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    table: Path | None = None
    manifest: Path | None = None
    place: str = ""

    def scale(self, metric: str) -> tuple[bool, str]:
        """Return whether a metric is a share, and the unit of its values otherwise."""
        kind, unit, _ = self.scales.get(metric, ("", "", ""))
        return kind == "binary", "" if kind == "binary" else unit

    def measure(self, metric: str, where: tuple[str, str] | None = None) -> Measure | None:
        """Return a metric of all scenarios, or of a slice; None where it was not measured."""
        return next((m for m in self.measures if m.metric == metric and m.slice == where), None)


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of a comparison; numbers as in `Difference`.

    Attributes:
        slice: attribute and value of a guard or of a slice that regressed; None: all scenarios.
        kind, unit: of the metric; empty where the entry is older than they are.
        ratio, ratio_low, ratio_high: of what is compared by ratios.
    """

    template: str
    metric: str
    verdict: str
    gating: bool
    baseline: float | None = None
    candidate: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    slice: tuple[str, str] | None = None
    kind: str = ""
    unit: str = ""
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None

    @property
    def share(self) -> bool:
        """Whether its values are shares."""
        return self.kind == "binary"

    @property
    def shown_unit(self) -> str:
        """The unit of its values; empty for shares, which carry a percent sign."""
        return "" if self.share else self.unit

    @property
    def ratios(self) -> tuple[float, float, float] | None:
        """The ratio and the ends of its interval, NaN for none; None where there is no ratio."""
        if self.ratio is None:
            return None
        low, high = (math.nan if end is None else end for end in (self.ratio_low, self.ratio_high))
        return self.ratio, low, high


@dataclass(frozen=True, slots=True)
class PastComparison:
    """One comparison.

    Attributes:
        id: hash of the two sides' runs, the policy and the verdict: the same trials compared
            alike are one comparison, however often somebody looks.
        baseline_runs, candidate_runs: template, as reports name it, to run id.
        verdict: `pass`, `fail` or `inconclusive`.
        exit_code: what the gate exits with.
        lines: metrics over all scenarios; then guards, and slices that regressed.
        command: what it was made by, such as `gate --base-ref origin/main`; empty: not known.
        report, page: the JSON and the HTML report; only on the way in.
        place: how the history calls it, for people.
    """

    id: str
    suite: str
    created_at: str
    baseline: str
    candidate: str
    baseline_runs: Mapping[str, str]
    candidate_runs: Mapping[str, str]
    template_sha256: Mapping[str, tuple[str, str]]
    verdict: str
    exit_code: int
    reasons: tuple[str, ...]
    provider: str
    synthetic: bool
    policy_sha256: str
    lines: tuple[Line, ...] = ()
    warnings: tuple[str, ...] = ()
    origin: Origin = Origin()
    command: str = ""
    report: str | None = None
    page: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class PastEvent:
    """What happened to a template's versions besides runs and comparisons.

    Attributes:
        id: of the move in the template registry; of a bisection, hash of what it found.
        kind: `promotion`, `rollback` or `bisection`.
        summary: one line for people.
        facts: name (letters, digits, `_`) to text.
        template_sha256: the version it led to; empty: none.
        report, page: JSON and Markdown; only on the way in.
        place: how the history calls it, for people.
    """

    id: str
    suite: str
    template: str
    kind: str
    created_at: str
    summary: str
    facts: Mapping[str, str] = field(default_factory=dict)
    template_sha256: str = ""
    origin: Origin = Origin()
    report: str | None = None
    page: str | None = None
    place: str = ""


Past: TypeAlias = PastRun | PastComparison | PastEvent
"""What a history gives back."""


@dataclass(frozen=True, slots=True)
class PastTemplate:
    """One version of a template: what a `Template` is, plain."""

    name: str
    label: str
    engine: str
    text: str
    sha256: str
    variables: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What is taken in at once: runs, the templates they are of, and what they belong to.

    Attributes:
        comparison: what compared the runs.
        event: what else happened; the runs, if any, are what it was found by.
    """

    suite: str
    runs: tuple[PastRun, ...]
    templates: tuple[PastTemplate, ...] = ()
    comparison: PastComparison | None = None
    event: PastEvent | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs, comparisons or events are asked for; the newest first.

    Attributes:
        suite: the suite's name.
        template: of this one; empty: of any.
        verdict: comparisons of this verdict; empty: of any.
        since: not older than this time; empty: of any age.
        limit: at most so many; None: all.
    """

    suite: str
    template: str = ""
    verdict: str = ""
    since: str = ""
    limit: int | None = None
