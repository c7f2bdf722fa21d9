"""What a comparison concludes: differences with intervals, verdicts, and the gate's decision."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from promptreg.errors import ExitCode
from promptreg.records import Direction, Kind

__all__ = [
    "Allocation",
    "Breakdown",
    "BreakdownRow",
    "Calibration",
    "CalibrationState",
    "Comparison",
    "Counts",
    "Criterion",
    "Curve",
    "Design",
    "Difference",
    "Gate",
    "GateVerdict",
    "Limit",
    "Look",
    "MapPoint",
    "Missing",
    "Pairwise",
    "Power",
    "Ranking",
    "Rate",
    "ScenarioChange",
    "ScenarioMap",
    "Side",
    "SideTrial",
    "Slice",
    "StopReason",
    "Stopping",
    "Verdict",
]

SCHEMA_VERSION = "1"


class Verdict(enum.StrEnum):
    """What is said of one metric."""

    IMPROVED = "improved"
    EQUIVALENT = "equivalent"
    NO_WORSE = "no_worse"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"

    @property
    def proven(self) -> bool:
        """Whether the metric is shown to be no worse by the margin."""
        return self in (Verdict.IMPROVED, Verdict.EQUIVALENT, Verdict.NO_WORSE)


class GateVerdict(enum.StrEnum):
    """What the gate says."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Slice:
    """The scenarios that share an attribute's value."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Trials without a value on each side: failures (counted as worst) and gaps (bounded)."""

    baseline: int
    candidate: int


@dataclass(frozen=True, slots=True)
class JudgeAlone:
    """What a judge's scores alone say, where labels of people decide instead."""

    difference: float
    interval: tuple[float, float]
    p_value: float | None
    verdict: Verdict
    """The one it would have; p-values adjusted for all gating metrics."""


@dataclass(frozen=True, slots=True)
class CorrectedDifference:
    """What a judge's difference is once labels of people have taken its bias out.

    Attributes:
        difference: candidate minus baseline, in the metric's unit.
        interval: of it, at `level`.
        level: confidence level.
        n_labelled: scenarios with labels on both sides.
        weight: lambda, how far the judge is believed: 0, the labels alone; 1, all of it.
        labels: the file, as the suite names it.
        labels_sha256: of its content.
        alone: what the judge says, where the verdict is that of the labels; None: the verdict is
            the judge's, and this is shown beside it.
    """

    difference: float
    interval: tuple[float, float]
    level: float
    n_labelled: int
    weight: float
    labels: str
    labels_sha256: str
    alone: JudgeAlone | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one template on one slice: candidate against baseline.

    `difference` and `interval` are candidate minus baseline in the metric's own unit and with its
    own sign; `direction` says which sign is better. For ratio metrics (latency, tokens, cost)
    `ratio` holds (estimate, low, high) of candidate over baseline and `interval` is the same
    statement in the metric's unit. Values that do not exist are None, never 0.
    """

    template: str
    metric: str
    slice: Slice | None
    kind: Kind
    unit: str
    direction: Direction
    n_scenarios: int
    n_clusters: int
    repeats: int
    baseline: float | None
    candidate: float | None
    difference: float | None
    interval: tuple[float, float] | None
    level: float
    p_value: float | None
    p_adjusted: float | None
    effect_size: tuple[str, float | None]
    test: str
    margin: float | None
    verdict: Verdict
    gating: bool
    discordant: tuple[int, int] | None
    detectable_difference: float | None
    missing: Missing
    suspect: bool = False
    scenarios_needed: int | None = None
    ratio: tuple[float, float, float] | None = None
    rerun_se: float | None = None
    variance: tuple[float, float] | None = None
    """Share of variance: between scenarios, between repeats (squared units)."""
    notes: tuple[str, ...] = ()
    insufficient: bool = False
    """Whether the slice has too few families for a verdict; it is then inconclusive."""
    min_clusters: int | None = None
    """How many families a verdict on the slice takes."""
    must_prove: bool = False
    """Whether the gate needs a guard to be shown no worse."""
    corrected: CorrectedDifference | None = None
    """Of a judged metric whose judge names labels, where they are enough. Where they decide,
    `difference`, `interval`, p-values, `test` and `verdict` are those of the correction, while
    `baseline` and `candidate` stay what the judge says."""
    scenarios_by_side: tuple[int, int] | None = None
    """Where the sides answered different scenarios: how many each; None where they are paired."""
    clusters_by_side: tuple[int, int] | None = None
    """The same of units of the draw."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An absolute limit on the candidate alone.

    With `within` the value is the share of scenarios whose metric compares so (`below`, `up_to`,
    `above`, `reaches`) with a number. With `of_gaps` it is the share of trials nothing is known
    of: an observed fact without an interval.
    """

    template: str
    metric: str
    slice: Slice | None
    bound: str
    """`at_least` or `at_most`."""
    threshold: float
    value: float | None
    interval: tuple[float, float] | None
    status: str
    """`met`, `not_met` or `not_shown`."""
    n_scenarios: int
    name: str = ""
    within: tuple[str, float] | None = None
    must: str = "not_missed"
    """`not_missed`, or `shown`: what is neither met nor missed keeps the gate from passing."""
    of_gaps: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Criterion:
    """Something the policy asks for that is no number.

    Attributes:
        name, what: what it is called and what it asks, in words.
        status: `present` or `missing` (required values), `not_measured` (no scorer gives what it
            asks about) or `dropped` (a preset's, taken out by the suite).
        note: why.
    """

    name: str
    what: str
    status: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision: verdict, why, and the exit code that says it."""

    verdict: GateVerdict
    reasons: tuple[str, ...]
    exit_code: ExitCode


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
class SideTrial:
    """What one version did with one scenario, for people to read."""

    prompt: str
    text: str
    thinking: str
    answer: Mapping[str, object]
    failure: str
    """Empty when answered, else `cause: detail`."""
    scores: Mapping[str, float | None]
    latency_s: float | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    """What judges said besides their grades, by metric."""


@dataclass(frozen=True, slots=True)
class ScenarioChange:
    """One scenario under both versions, with how much worse it became.

    `change` is on the composite `overall` scale (-1 to 1, negative is worse) where there is one,
    else on the first gating metric, turned so that negative is worse.
    """

    template: str
    scenario_id: str
    family: str
    attributes: Mapping[str, str]
    ground_truth: Mapping[str, object]
    change: float | None
    baseline: SideTrial
    candidate: SideTrial
    neighbours: tuple[tuple[str, float], ...] = ()
    """Ids of the scenarios most like it that became worse too, with their cosine; only where the
    suite names an embedder."""


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A scenario on the map: place from 0 to 1 both ways, and its change as in `ScenarioChange`."""

    scenario_id: str
    x: float
    y: float
    change: float | None


@dataclass(frozen=True, slots=True)
class ScenarioMap:
    """Scenarios laid out by what they are about; neighbours are alike.

    `shown` is the share of the variance of their vectors that two dimensions hold.
    """

    points: tuple[MapPoint, ...]
    shown: float


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """Scenarios that share attributes' values, and how many of them fail under either version."""

    values: tuple[str, ...]
    scenarios: int
    baseline: int
    candidate: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where a pass/fail metric fails, by the attributes `by`; rows without a failure are left out.

    Counts of what was seen, no tests: slices and guards judge.
    """

    template: str
    metric: str
    by: tuple[str, ...]
    rows: tuple[BreakdownRow, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """How stated probabilities came true: (mean stated, share that came true, trials) by bin."""

    template: str
    metric: str
    baseline: tuple[tuple[float, float, int], ...]
    candidate: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True)
class Pairwise:
    """How the preferences between both sides' answers came about.

    Attributes:
        template, metric: whose.
        fingerprint: hash of the scorer's settings and code, and of what it says shapes its
            preferences (a judge's model, sampling, criteria).
        identity: what it says, JSON values.
        pairs: of answers, repeats included, that the metric applies to.
        won, lost, tied: by the candidate; fractions where opinions differ.
        same: ties of two answers that are the same, nobody was asked.
        failed: pairs with a failed side, nobody was asked.
        gaps: pairs without a preference.
        opinions: readable ones; each was asked in both orders.
        swapped: opinions that the order decided: ties.
        places: how often the answer shown first, and the one shown second, was preferred.
        itself: Krippendorff's alpha of judges with themselves, (value, low, high); None where
            each was asked once, or it is not defined.
        panel: the same of several judges with each other.
    """

    template: str
    metric: str
    fingerprint: str
    identity: Mapping[str, object]
    pairs: int
    won: float
    lost: float
    tied: float
    same: int
    failed: int
    gaps: int
    opinions: int
    swapped: int
    places: tuple[int, int]
    itself: tuple[float, float, float] | None = None
    panel: tuple[float, float, float] | None = None


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


@dataclass(frozen=True, slots=True)
class Allocation:
    """How scenarios of one template went to the two sides, and how they should have gone.

    Attributes:
        template: the template.
        scenarios, units: of the baseline and of the candidate; units are what was drawn.
        share: declared share of the candidate's units among those of both sides.
        p_value: exact binomial probability of so uneven a split, or a more uneven one.
        balanced: whether the split goes with the declared share.
    """

    template: str
    scenarios: tuple[int, int]
    units: tuple[int, int]
    share: float
    p_value: float
    balanced: bool


@dataclass(frozen=True, slots=True)
class Design:
    """Each scenario was answered by one side only, drawn at random.

    Attributes:
        unit: what was drawn as a whole: `scenario`, or a column such as `camera_id`.
        allocations: one per template.
    """

    unit: str
    allocations: tuple[Allocation, ...]
    kind: str = "unpaired"
    label: str = "unpaired, randomised"

    @property
    def balanced(self) -> bool:
        """Whether every split goes with the declared one; else nothing here can be relied on."""
        return all(a.balanced for a in self.allocations)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Place of one template version among several, with the range of places the data allow."""

    metric: str
    template: str
    label: str
    mean: float
    interval: tuple[float, float]
    best_rank: int
    worst_rank: int


class StopReason(enum.StrEnum):
    """Why no further look was taken."""

    REGRESSION = "regression"
    LIMIT = "limit"
    """An absolute limit is shown to be missed."""
    PROOF = "proof"
    IMPROVEMENT = "improvement"
    """Everything that had to be proven no worse is shown to be better."""
    FUTILITY = "futility"
    """What is left to ask could hardly decide anything; never a pass."""
    END = "end"
    """Every planned look was made."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the data so far.

    Attributes:
        scenarios: scenarios that were there, over all templates.
        repeats: askings of each.
        trials: trials that were there, both sides.
        level: level of this look's intervals, such as 0.97.
        alpha_spent: error that accusations may have spent after it.
        boundary: what the largest |T| of the gating lines had to exceed, or E of one of them where
            looks come at any time; None if nothing could.
    """

    scenarios: int
    repeats: int
    trials: int
    level: float
    alpha_spent: float
    boundary: float | None


@dataclass(frozen=True, slots=True)
class Stopping:
    """How a comparison that looks several times came to its end.

    Attributes:
        reason: why it stopped.
        looks_planned: looks at the most, those of further repeats included.
        looks: those that were made.
        repeats_planned: askings of each scenario before more were asked for.
        trials_planned: trials if every look had been made.
        trials_made: trials that were needed.
        calls_saved: trials that were not needed and that no store holds an answer to.
        anytime: whether lines were accused by e-processes.
    """

    reason: StopReason
    looks_planned: int
    looks: tuple[Look, ...]
    repeats_planned: int
    trials_planned: int
    trials_made: int
    calls_saved: int
    anytime: bool = False

    @property
    def early(self) -> bool:
        """Whether planned trials were left out."""
        return self.trials_made < self.trials_planned


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened in simulated gates, with its exact 95 % interval.

    The interval (Clopper-Pearson) is about the number of simulations, not about the completions
    they were made of.
    """

    count: int
    of: int
    interval: tuple[float, float]

    @property
    def share(self) -> float:
        """The observed share, 0 to 1."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Power:
    """What the gate does when a metric really worsens by a known amount.

    Attributes:
        template, metric, slice: what worsens; `slice` for a guard.
        times_margin: by how many margins.
        failed, passed: shares of simulated gates.
    """

    template: str
    metric: str
    slice: Slice | None
    times_margin: float
    failed: Rate
    passed: Rate


class CalibrationState(enum.StrEnum):
    """Whether the gate's own error rates are known."""

    NONE = "none"
    FRESH = "fresh"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What `promptreg calibrate` measured of this gate; it is shown and never changes a verdict.

    Attributes:
        state: never measured, measured as things are, or measured before something changed.
        reasons: what changed since, or that it is too old; empty unless stale.
        created_at: ISO 8601 UTC time of the measurement; empty where there is none.
        simulations: gates simulated for each rate.
        false_alarm: share of A/A gates that accuse something of having regressed.
        passed: share of A/A gates that pass.
        power: what the gate does with worsenings of known size.
    """

    state: CalibrationState = CalibrationState.NONE
    reasons: tuple[str, ...] = ()
    created_at: str = ""
    simulations: int = 0
    false_alarm: Rate | None = None
    passed: Rate | None = None
    power: tuple[Power, ...] = ()


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
    breakdowns: tuple[Breakdown, ...] = ()
    curves: tuple[Curve, ...] = ()
    pairwise: tuple[Pairwise, ...] = ()
    """Where answers of both sides were held against each other."""
    design: Design | None = None
    """How scenarios were drawn for the sides; None where both answered each of them."""
    schema_version: str = SCHEMA_VERSION
