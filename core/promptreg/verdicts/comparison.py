"""A comparison as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promptreg.verdicts.calibration import Calibration
from promptreg.verdicts.design import Design
from promptreg.verdicts.figures import Breakdown, Curve, Pairwise, Ranking
from promptreg.verdicts.gate import Criterion, Gate, Limit
from promptreg.verdicts.looks import Stopping
from promptreg.verdicts.metrics import Difference
from promptreg.verdicts.scenarios import ScenarioChange, ScenarioMap

__all__ = ["SCHEMA_VERSION", "Comparison", "Counts", "JudgeCalls", "Side"]


SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        label: the reference asked for, such as `v1`.
        template_sha256, run_ids: by template name.
        fingerprints: by name; equal on both sides but for the template.
        sources: where each template's text came from, for people: a path as the suite gives it.
    """

    label: str
    template_sha256: Mapping[str, str]
    run_ids: Mapping[str, str]
    fingerprints: Mapping[str, str]
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeCalls:
    """What scorers asked of models: read from the store, answered now, tokens of the latter."""

    cached: int = 0
    called: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: JudgeCalls) -> JudgeCalls:
        return JudgeCalls(
            self.cached + other.cached,
            self.called + other.called,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What was done: planned trials, read from the store, called now, failed by cause."""

    planned: int
    cached: int
    called: int
    failed: Mapping[str, Mapping[str, int]]
    """Side (`baseline`, `candidate`) to cause to count."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    judges: JudgeCalls = JudgeCalls()


@dataclass(frozen=True)
class Comparison:
    """All that is known about candidate against baseline; reporters read only this.

    `changes` lists scenarios, the worst first. `template_diffs` maps a template's name to its
    (baseline text, candidate text). `warnings` are things a reader must know before believing the
    verdict. `suite_file` is the suite's path on this machine: a way to the sides' `sources` for
    who points at files, never to be shown.
    """

    suite: str
    baseline: Side
    candidate: Side
    gate: Gate
    differences: tuple[Difference, ...]
    limits: tuple[Limit, ...]
    counts: Counts
    cost: float | None
    duration_s: float
    alpha: float
    policy_sha256: str
    provider: str
    synthetic: bool
    created_at: str
    changes: tuple[ScenarioChange, ...] = ()
    changes_total: int = 0
    all_changes: tuple[float, ...] = ()
    """The change of every scenario that has one, those that `changes` has no room for included."""
    rankings: tuple[Ranking, ...] = ()
    template_diffs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    complete_case: Mapping[str, float | None] = field(default_factory=dict)
    """Metric of the whole suite to the difference without failed trials; a footnote, never used."""
    stopping: Stopping | None = None
    """How it ended, where the data were looked at several times."""
    calibration: Calibration = Calibration()
    criteria: tuple[Criterion, ...] = ()
    preset: str = ""
    """The preset that the policy starts from; empty for none."""
    suite_file: str = ""
    scenario_map: ScenarioMap | None = None
    partial: bool = False
    """Whether a filter or limit left scenarios out; such a comparison can accuse, never pass."""
    subject: str = ""
    """What is compared, where it is providers, and whether texts differ too; else empty."""
    revisions: str = ""
    """Which revisions are compared, where the baseline comes from git; else empty."""
    breakdowns: tuple[Breakdown, ...] = ()
    curves: tuple[Curve, ...] = ()
    pairwise: tuple[Pairwise, ...] = ()
    """Where answers of both sides were held against each other."""
    design: Design | None = None
    """How scenarios were drawn for the sides; None where both answered each of them."""
    schema_version: str = SCHEMA_VERSION
