"""Known values of the scorers of calibration, against independent computations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, somersd

from promptreg import Score, Scorer, Trial, Unscored
from promptreg.errors import SuiteError
from promptreg.records import Outcome, ScoreColumn
from scoring_makers import make, scenario, trial

ALERT: dict[str, Any] = {"should_trigger_alert": True}
QUIET: dict[str, Any] = {"should_trigger_alert": False}
SCORE = st.integers(0, 100)
PAIRS = st.lists(st.tuples(SCORE, st.booleans()), min_size=2, max_size=40)
ORDER = ("normal", "edge_case", "suspicious", "threat")


def value(scorer: Scorer, of: Trial) -> float:
    found = scorer.score(of)
    assert isinstance(found, Score), found
    return found.value


def codes(scorer: Any, pairs: Sequence[tuple[float, bool]]) -> Any:
    return np.array(
        [value(scorer, trial({"risk_score": s}, should_trigger_alert=due)) for s, due in pairs]
    )


def of_pairs(use: str, pairs: Sequence[tuple[float, bool]], **given: Any) -> float:
    scorer: Any = make(use, **given)
    return float(scorer.aggregate(codes(scorer, pairs)))


@pytest.mark.parametrize(
    ("use", "score", "truth", "expected"),
    [
        ("brier", 80, ALERT, 0.04),
        ("brier", 80, QUIET, 0.64),
        ("brier", 100, ALERT, 0),
        ("brier", 0, ALERT, 1),
        ("brier", 50, {"should_trigger_alert": "True"}, 0.25),
        ("log_loss", 80, ALERT, 0.2231435513),
        ("log_loss", 80, QUIET, 1.6094379124),
        ("log_loss", 0, ALERT, 5.2983173665),
        ("log_loss", 100, ALERT, 0.0050125418),
    ],
)
def test_scores_of_a_probability(use: str, score: float, truth: Any, expected: float) -> None:
    assert value(make(use), trial({"risk_score": score}, **truth)) == pytest.approx(expected)


@pytest.mark.parametrize("use", ["brier", "log_loss"])
def test_a_proper_score_is_best_for_whoever_states_what_it_believes(use: str) -> None:
    scorer = make(use)
    for true in (0.1, 0.35, 0.8):
        expected = [
            true * value(scorer, trial({"risk_score": s}, **ALERT))
            + (1 - true) * value(scorer, trial({"risk_score": s}, **QUIET))
            for s in range(101)
        ]
        assert int(np.argmin(expected)) == round(100 * true)


@pytest.mark.parametrize("use", ["brier", "log_loss", "ece", "auroc"])
def test_what_scores_of_alerts_cannot_read(use: str) -> None:
    scorer = make(use)
    scale = scorer.scales[0]
    assert not scorer.applies(scenario(), scale)
    assert not scorer.applies(scenario(should_trigger_alert=None), scale)
    assert scorer.worst(scenario(should_trigger_alert="maybe"), scale) is None
    found = scorer.score(trial({"risk_score": 5}, should_trigger_alert="maybe"))
    assert isinstance(found, Unscored)
    assert "allowed: true, false" in found.reason


@pytest.mark.parametrize("use", ["brier", "log_loss", "ece", "auroc", "monotonicity", "rps"])
@pytest.mark.parametrize("score", [101, -1, True, "80", None])
def test_a_score_out_of_range_counts_as_a_failed_trial(use: str, score: Any) -> None:
    scorer = make(use, **({"forecast": "score"} if use == "rps" else {}))
    one = trial({"risk_score": score}, **ALERT, scenario_type="threat", risk_range=[60, 100])
    found = scorer.score(one)
    assert isinstance(found, Score)
    assert found.value == scorer.worst(one.scenario, scorer.scales[0])
    assert "allowed: a number 0 to 100" in found.note


@pytest.mark.parametrize("use", ["brier", "log_loss"])
def test_no_answer_is_worse_than_a_failed_one(use: str) -> None:
    scorer = make(use, certain=1, field="p")
    for due in (True, False):
        worst = scorer.worst(scenario(should_trigger_alert=due), scorer.scales[0])
        wrong = trial({"p": 0 if due else 1}, should_trigger_alert=due)
        assert worst is not None
        assert value(scorer, wrong) == pytest.approx(worst)


def test_the_bound_of_log_loss_is_told_and_counted() -> None:
    scorer: Any = make("log_loss", bound=0.02)
    found = scorer.score(trial({"risk_score": 0}, **ALERT))
    assert found.note == "probability 0 counts as 0.02"
    assert found.value == pytest.approx(-math.log(0.02))
    scale = scorer.scales[0]

    def column(*scores: float) -> ScoreColumn:
        values = [[value(scorer, trial({"risk_score": s}, **ALERT))] for s in scores]
        outcomes = np.full((len(values), 1), Outcome.SCORED, np.uint8)
        outcomes[-1] = Outcome.FAILED
        return ScoreColumn(scale, np.array(values), outcomes)

    said = scorer.remarks(scale, column(0, 100, 50, 0), column(40, 1, 99, 50), "abcd")
    assert said == [
        "probabilities beyond 0.02 to 0.98 count as these: 2 in the baseline, 2 in the candidate"
    ]
    assert scorer.remarks(scale, column(50, 0), column(50, 0), "ab") == []
    with pytest.raises(SuiteError, match="bound is 0; allowed"):
        make("log_loss", bound=0)


def test_ece_by_hand() -> None:
    assert of_pairs("ece", [(10, False), (10, False), (90, True), (90, False)]) == pytest.approx(
        0.25
    )
    assert of_pairs("ece", [(100, True), (0, False)]) == pytest.approx(0)
    assert of_pairs("ece", [(0, True), (100, False)]) == pytest.approx(1)
    # 30 lies in the bin from 30 to 40, 29 in the one below: apart, they do not cancel.
    assert of_pairs("ece", [(29, True), (31, False)]) == pytest.approx((0.71 + 0.31) / 2)
    assert of_pairs("ece", [(30, True), (31, False)]) == pytest.approx(abs(0.70 - 0.31) / 2)


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_ece_against_another_way_to_compute_it(pairs: list[tuple[int, bool]]) -> None:
    total = 0.0
    for b in range(10):
        mine = [(s / 100, due) for s, due in pairs if min(s // 10, 9) == b]
        if mine:
            stated = math.fsum(p for p, _ in mine) / len(mine)
            share = sum(due for _, due in mine) / len(mine)
            total += len(mine) / len(pairs) * abs(share - stated)
    assert of_pairs("ece", pairs) == pytest.approx(total, abs=1e-7)


def test_ece_of_a_calibrated_model_is_not_zero() -> None:
    """The bias that its docstring states."""
    rng = np.random.default_rng(4)
    scorer: Any = make("ece")
    pack = scorer._codes.pack
    for n, low, high in ((100, 0.08, 0.12), (400, 0.04, 0.06)):
        made = []
        for _ in range(60):
            p = rng.random(n)
            due = rng.random(n) < p
            rows = [pack(int(d), float(q)) for q, d in zip(p, due, strict=True)]
            made.append(scorer.aggregate(np.array(rows)))
        assert low < np.mean(made) < high


def test_the_curve_of_reliability() -> None:
    scorer: Any = make("ece")
    pairs = [(10, False), (14, True), (90, True), (100, True)]
    points = scorer.curve(scorer.scales[0], codes(scorer, pairs))
    assert points == [(pytest.approx(0.12), 0.5, 2), (pytest.approx(0.95), 1.0, 2)]


@settings(deadline=None, max_examples=60)
@given(PAIRS)
def test_auroc_is_the_mann_whitney_statistic(pairs: list[tuple[int, bool]]) -> None:
    due, quiet = [s for s, d in pairs if d], [s for s, d in pairs if not d]
    found = of_pairs("auroc", pairs)
    if not due or not quiet:
        assert math.isnan(found)
        return
    u = mannwhitneyu(due, quiet, method="asymptotic").statistic
    assert found == pytest.approx(u / (len(due) * len(quiet)))


def test_auroc_by_hand() -> None:
    pairs = [(10, False), (40, False), (40, True), (90, True)]
    assert of_pairs("auroc", pairs) == pytest.approx(0.875)


@pytest.mark.parametrize("use", ["auroc", "ece"])
def test_a_failed_trial_is_never_better_than_an_answer(use: str) -> None:
    scorer: Any = make(use)
    scale = scorer.scales[0]
    sign = 1 if scale.higher_is_better else -1
    pairs = [(10, False), (30, True), (40, False), (60, True), (70, True)]
    for i, (_, due) in enumerate(pairs):
        rows = codes(scorer, pairs)
        rows[i] = scorer.worst(scenario(should_trigger_alert=due), scale)
        lost = sign * scorer.aggregate(rows)
        if use == "auroc":
            for other in range(0, 101, 5):
                rows[i] = codes(scorer, [(other, due)])[0]
                assert lost <= sign * scorer.aggregate(rows) + 1e-12
        rows[i] = scale.best
        assert sign * scorer.aggregate(rows) >= lost
        rows[i] = scale.worst
        assert math.isnan(scorer.aggregate(rows))


@settings(deadline=None, max_examples=60)
@given(PAIRS, st.integers(1, 3))
def test_a_gap_in_favour_is_at_least_as_good_as_any_answer(
    pairs: list[tuple[int, bool]], gaps: int
) -> None:
    for use in ("auroc", "ece"):
        scorer: Any = make(use)
        sign = 1 if scorer.scales[0].higher_is_better else -1
        rows = codes(scorer, pairs)
        favoured = sign * scorer.aggregate(np.append(rows, [scorer.scales[0].best] * gaps))
        if math.isnan(favoured):
            continue
        for due in (True, False):
            filled = codes(scorer, [(100 if due else 0, due)] * gaps)
            assert favoured >= sign * scorer.aggregate(np.append(rows, filled)) - 1e-9


def test_repeats_are_trials_and_gaps_are_left_out() -> None:
    scorer: Any = make("auroc")
    rows = codes(scorer, [(10, False), (40, False), (40, True), (90, True)]).reshape(2, 2)
    assert scorer.aggregate(rows) == pytest.approx(0.875)
    assert scorer.aggregate(np.append(rows.ravel(), np.nan)) == pytest.approx(0.875)
    assert math.isnan(scorer.aggregate(np.array([np.nan])))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(SCORE, st.sampled_from(ORDER)), min_size=2, max_size=40))
def test_monotonicity_is_somers_d(pairs: list[tuple[int, str]]) -> None:
    scorer: Any = make("monotonicity")
    rows = [value(scorer, trial({"risk_score": s}, scenario_type=t)) for s, t in pairs]
    found = scorer.aggregate(np.array(rows))
    ranks = [ORDER.index(t) for _, t in pairs]
    if len(set(ranks)) < 2:
        assert math.isnan(found)
    elif len({s for s, _ in pairs}) < 2:
        assert found == pytest.approx(0.5)
    else:
        d = somersd(ranks, [s for s, _ in pairs]).statistic
        assert found == pytest.approx((d + 1) / 2)


def test_monotonicity_by_hand_and_its_settings() -> None:
    scorer: Any = make("monotonicity", by="severity", order=["1", "2", "3"], most=10, field="x")
    given = [(1, 1), (5, 2), (4, 3)]
    rows = [value(scorer, trial({"x": s}, severity=r)) for s, r in given]
    assert scorer.aggregate(np.array(rows)) == pytest.approx(2 / 3)
    lost = scorer.worst(scenario(severity=2), scorer.scales[0])
    assert scorer.aggregate(np.array([rows[0], lost, rows[2]])) == pytest.approx(1 / 3)
    odd = scorer.score(trial({"x": 1}, severity="4"))
    assert isinstance(odd, Unscored)
    assert "allowed: 1, 2, 3" in odd.reason
    assert scorer.worst(scenario(severity="4"), scorer.scales[0]) is None
    assert not scorer.applies(scenario(), scorer.scales[0])
    with pytest.raises(SuiteError, match="at least two values, each once"):
        make("monotonicity", order=["a", "a"])


@pytest.mark.parametrize(
    ("level", "truth", "expected"),
    [
        ("low", [0, 25], 0),
        ("high", [0, 25], 2 / 3),
        ("critical", [0, 25], 1),
        ("low", [20, 60], 0.1875),
        ("medium", [20, 60], 0.0625 / 3),
        ("critical", [70, 100], 0.25 / 3),
        ("medium", "high", 1 / 3),
        ("high", [60, 60], 0),
        ("HIGH", [0, 25], 1),
        (["low"], [40, 50], 2 / 3),
    ],
)
def test_rps_of_a_stated_level(level: Any, truth: Any, expected: float) -> None:
    scorer = make("rps")
    found = value(scorer, trial({"risk_level": level}, risk_range=truth))
    assert found == pytest.approx(expected)
    worst = scorer.worst(scenario(risk_range=truth), scorer.scales[0])
    assert worst is not None
    assert found <= worst


def test_rps_of_scores_is_an_integral_over_what_could_have_been_said() -> None:
    scorer = make("rps", forecast="score", spread=8)
    truth = np.array([10, 30, 0, 0]) / 40  # [20, 60]
    for score in (3, 27, 58.5, 60, 99):
        grid = np.linspace(max(0, score - 8), min(100, score + 8), 200_001)
        foretold = np.histogram(grid, [0, 30, 60, 85, 100])[0] / grid.size
        by_hand = (np.cumsum(foretold - truth)[:3] ** 2).sum() / 3
        one = trial({"risk_score": score}, risk_range=[20, 60])
        assert value(scorer, one) == pytest.approx(by_hand, abs=1e-4)
    near = [value(scorer, trial({"risk_score": s}, risk_range=[40, 50])) for s in (59, 60)]
    assert abs(near[0] - near[1]) < 0.05


def test_rps_of_a_distribution_and_what_is_none() -> None:
    scorer = make("rps", forecast="distribution", field="p")

    def of(p: Any) -> float:
        return value(scorer, trial({"p": p}, risk_range=[40, 50]))

    assert of({"low": 0.3, "medium": 0.7}) == pytest.approx(0.03)
    assert of({"medium": 0.999}) == pytest.approx(0)
    for odd in ({"low": 0.5}, {"Low": 1.0}, {"low": 2, "high": -1}, "low", None, {"low": "1"}):
        assert of(odd) == pytest.approx(2 / 3)


def test_rps_is_proper_for_levels() -> None:
    """Over all distributions in tenths, the one that is believed has the best expected score."""
    scorer = make("rps", forecast="distribution", field="p")
    believed = {"low": 0.2, "medium": 0.5, "high": 0.2, "critical": 0.1}
    tenths = [(a, b, c, 10 - a - b - c) for a in range(11) for b in range(11 - a)
              for c in range(11 - a - b)]  # fmt: skip

    def expected(stated: dict[str, float]) -> float:
        return sum(
            share * value(scorer, trial({"p": stated}, risk_range=level))
            for level, share in believed.items()
        )

    best = min(
        tenths, key=lambda t: expected(dict(zip(believed, (x / 10 for x in t), strict=True)))
    )
    assert best == (2, 5, 2, 1)


def test_what_rps_cannot_read() -> None:
    scorer = make("rps")
    assert not scorer.applies(scenario(), scorer.scales[0])
    for truth in ("severe", [60, 20], [0], 7, [0, 200]):
        found = scorer.score(trial({"risk_level": "low"}, risk_range=truth))
        assert isinstance(found, Unscored)
        assert "allowed: low, medium" in found.reason
        assert scorer.worst(scenario(risk_range=truth), scorer.scales[0]) is None
    with pytest.raises(SuiteError, match="ascending from 0"):
        make("rps", bands={"a": 10, "b": 20})
    with pytest.raises(SuiteError, match="spread is 0"):
        make("rps", forecast="score", spread=0)
