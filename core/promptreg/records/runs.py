"""Trials, and runs as columns of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptreg.records.asking import Answer, Completion, Prompt, Scenario, Template
from promptreg.records.failures import Failure
from promptreg.records.scores import Scale, Score, Unscored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Outcome", "Run", "RunFacts", "ScoreColumn", "Trial"]


@dataclass(slots=True)
class Trial:
    """One row from prompt to scores; filled from left to right."""

    template: Template
    scenario: Scenario
    repeat: int
    prompt: Prompt
    completion: Completion | None = None
    failure: Failure | None = None
    answer: Answer | None = None
    effective: Answer | None = None
    scores: dict[str, Score | Unscored] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether there is a readable, valid answer."""
        return self.failure is None


class Outcome(enum.IntEnum):
    """What a trial contributes to a metric."""

    SCORED = 0
    """It has a score."""
    FAILED = 1
    """The trial failed: it counts as the worst value."""
    GAP = 2
    """Infrastructure failed, or the scorer could not judge: bounded from both sides."""
    NOT_APPLICABLE = 3
    """The metric does not apply to the scenario; it takes no part."""


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """One metric over a run.

    Attributes:
        scale: what the values mean.
        values: (scenarios, repeats); for `FAILED` the worst value of that scenario, NaN for gaps
            and where the metric does not apply.
        outcomes: (scenarios, repeats) of `Outcome`.
        worst: (scenarios,) what a failed trial of each scenario counts as; NaN where nothing does.
        aggregate: for `aggregate` scales, the function from scores to the metric.
    """

    scale: Scale
    values: NDArray[np.float64]
    outcomes: NDArray[np.uint8]
    worst: NDArray[np.float64] | None = None
    aggregate: Any = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What identifies a run; two runs are comparable if these agree but for the template.

    Attributes:
        suite: suite name.
        template, label, template_sha256: the template version.
        fingerprints: name to hash or value: `scenarios`, `scorers`, `parser`, `provider`,
            `sampling`, `model`, `repeats`, `seed`.
        partial: a filter or limit left scenarios out; such a run can never be a baseline.
        synthetic: answers came from a scripted provider; such a run can never pass a gate.
        provider: one line for people.
        created_at: ISO 8601 UTC time at which the run was finished.
        source: where the template's text came from.
        provider_name: which of the suite's `providers` answered; empty where it had one provider.
    """

    suite: str
    template: str
    label: str
    template_sha256: str
    fingerprints: Mapping[str, str]
    partial: bool
    synthetic: bool
    provider: str
    created_at: str
    source: str = ""
    provider_name: str = ""


@dataclass(frozen=True)
class Run:
    """All trials of one template version on one suite.

    Attributes:
        id: derived from the content, so the same trials give the same id.
        facts: what identifies it.
        scenario_ids, families: (scenarios,) in canonical order (sorted by id).
        attributes: attribute to one value per scenario.
        repeats: askings per scenario.
        columns: metric name to column.
        counts: `planned`, `cached`, `called`, `answered`, `failed`.
        failures: cause to count.
        path: folder that holds `trials.parquet` and `manifest.json`; empty when not stored.
        absent: scenarios of which recorded completions hold no row for some trial.
    """

    id: str
    facts: RunFacts
    scenario_ids: tuple[str, ...]
    families: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    repeats: int
    columns: Mapping[str, ScoreColumn]
    counts: Mapping[str, int]
    failures: Mapping[str, int]
    path: str = ""
    absent: tuple[str, ...] = ()
