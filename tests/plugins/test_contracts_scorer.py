"""The contract of scorers finds what is wrong, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from promptreg import Scale, Scenario, Score, Scorer, Trial, Unscored
from promptreg.contracts import check_scorer
from promptreg.testing import ScorerContract

SCALE = Scale("made", high=100.0, unit="points")


class Made(Scorer):
    """A scorer from a function."""

    def __init__(self, score: Callable[[Trial], Any], scales: Sequence[Scale] = (SCALE,)) -> None:
        self.scales = scales
        self._score = score

    def score(self, trial: Trial) -> Score | Unscored | Sequence[Score | Unscored]:
        return self._score(trial)  # type: ignore[no-any-return]  # tests return anything


class InRange(Scorer):
    """Keeps the contract, and needs the ground truth."""

    scales = (Scale("in_range", "binary"), Scale("words", "count", "words", 0, float("inf")))

    def score(self, trial: Trial) -> Sequence[Score | Unscored]:
        assert trial.answer
        assert trial.completion
        risk = trial.answer.fields.get("risk_score")
        truth = trial.scenario.ground_truth.get("risk_range")
        words = self.scales[1].score(len(trial.completion.text.split()))
        match truth, risk:
            case [int() as low, int() as high], int() if not isinstance(risk, bool):
                return self.scales[0].score(float(low <= risk <= high)), words
        return self.scales[0].unscored("no range, or no score"), words

    def worst(self, scenario: Scenario, scale: Scale) -> float | None:
        return 0.0 if "risk_range" in scenario.ground_truth else None


class TestInRange(ScorerContract):
    def make(self) -> Scorer:
        return InRange()


def _fixed(value: Any) -> Made:
    return Made(lambda trial: Score(SCALE, value))


def test_good_scorers_have_no_problem() -> None:
    assert check_scorer(InRange()) == []
    assert check_scorer(_fixed(50.0)) == []
    assert check_scorer(Made(lambda trial: SCALE.unscored("never"))) == []


@pytest.mark.parametrize(
    ("scales", "problem"),
    [
        ((), "scales is (); allowed: at least one"),
        ("made", "scales is 'made'"),
        ((SCALE, "x"), "scales[1] is 'x'"),
        ((SCALE, SCALE), "two scales have this name"),
        ((Scale("In Range"),), "names are a lower-case letter"),
        ((Scale("overall"),), "kept for the composite"),
        ((Scale("a", high=float("inf")),), "only a count may be open"),
        ((Scale("a", "count", low=float("-inf")),), "only a count may be open"),
        ((Scale("a", "binary", high=2.0),), "the range of a binary scale is 0 to 1"),
        ((Scale("a", "percent"),), "'percent' is unknown; allowed: binary"),  # type: ignore[arg-type]
        ((Scale("a", margin=0.0),), "the margin is 0; allowed: a finite number above 0"),
        ((Scale("a", margin=0.1, statistic="signed_ranks"),), "a finite number above 1"),
    ],
)
def test_scales_must_be_sound(scales: Any, problem: str) -> None:
    problems = check_scorer(Made(lambda trial: None, scales))
    assert any(problem in p for p in problems), problems


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (101.0, "'made' is 101; allowed: 0 to 100"),
        (float("nan"), "'made' is nan; allowed: 0 to 100"),
        (10**400, "allowed: a float"),
        (True, "'made' is True; allowed: a float"),
        ("7", "'made' is '7'; allowed: a float"),
        (None, "'made' is None; allowed: a float"),
    ],
)
def test_values_must_be_finite_and_within_range(value: Any, problem: str) -> None:
    assert any(problem in p for p in check_scorer(_fixed(value)))


def test_a_binary_score_is_zero_or_one() -> None:
    scale = Scale("b", "binary")
    problems = check_scorer(Made(lambda trial: Score(scale, 0.5), [scale]))
    assert any("a binary score is 0 or 1" in p for p in problems)


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (1.0, "returned 1.0; allowed: promptreg.Score or Unscored"),
        ([], "returned 0 scores for 1 scales"),
        ([Score(SCALE, 1.0)] * 2, "returned 2 scores for 1 scales"),
        (Score(Scale("other"), 1.0), "on the scale 'other', where 'made' is due"),
        (Unscored(SCALE, ""), "unscored without a reason"),
    ],
)
def test_one_score_per_scale(made: Any, problem: str) -> None:
    assert any(problem in p for p in check_scorer(Made(lambda trial: made)))


def test_raising_is_found_even_by_exit() -> None:
    def fail(trial: Trial) -> Score:
        raise KeyError("risk_range")

    def leave(trial: Trial) -> Score:
        raise SystemExit(1)

    assert any("raised KeyError: 'risk_range'" in p for p in check_scorer(Made(fail)))
    assert any("raised SystemExit: 1" in p for p in check_scorer(Made(leave)))


def test_scores_that_change_are_found() -> None:
    ticks = itertools.count()
    problems = check_scorer(Made(lambda trial: SCALE.score(next(ticks) % 100)))
    assert any("score() gave [" in p and "] and then [" in p for p in problems)


def test_changing_the_trial_is_found() -> None:
    def change(trial: Trial) -> Score:
        assert trial.answer
        fields: Any = trial.answer.fields
        fields["seen"] = True
        return SCALE.score(1.0)

    assert any("changed the trial of scenario 'back-door'" in p for p in check_scorer(Made(change)))


def test_a_number_made_up_without_ground_truth_is_found() -> None:
    def guess(trial: Trial) -> Score:
        low, _ = trial.scenario.ground_truth.get("risk_range") or (0, 100)
        return SCALE.score(low if isinstance(low, int) and 0 <= low <= 100 else 0)

    problems = check_scorer(
        Made(lambda t: guess(t) if _sound_range(t) else SCALE.unscored("no range"))
    )
    assert problems == [
        f"without ground truth, 'made' of scenario '{name}' is 0; it depends on the ground truth, "
        "so it must be unscored"
        for name in ("back-door", "garden", "porch")
    ]


def _sound_range(trial: Trial) -> bool:
    found = trial.scenario.ground_truth.get("risk_range", [0, 100])
    return isinstance(found, list) and len(found) == 2


def test_an_exception_without_ground_truth_is_found() -> None:
    problems = check_scorer(Made(lambda t: SCALE.score(t.scenario.ground_truth["risk_range"][0])))
    assert any(p.startswith("without ground truth: score() of") for p in problems)


def test_odd_answers_are_shown_with_the_problem() -> None:
    def length(trial: Trial) -> Score:
        assert trial.answer
        return SCALE.score(min(100, len(trial.answer.fields["summary"])))

    problems = check_scorer(Made(length))
    assert any("raised KeyError: 'summary'" in p and "(answer {}" in p for p in problems)


@pytest.mark.parametrize("worst", [101.0, float("nan"), "0", True])
def test_worst_must_be_within_range(worst: Any) -> None:
    class Worst(Made):
        def worst(self, scenario: Scenario, scale: Scale) -> float | None:
            return worst  # type: ignore[no-any-return]  # what this test is about

    problems = check_scorer(Worst(lambda trial: SCALE.score(1.0)))
    assert any(p.startswith("worst() of scenario 'back-door': 'made' is") for p in problems)


def test_a_contract_without_make_says_so() -> None:
    with pytest.raises(NotImplementedError, match="ScorerContract must say how a scorer is made"):
        ScorerContract().test_scales_are_sound()


def test_a_broken_contract_lists_each_problem_on_a_line() -> None:
    class Contract(ScorerContract):
        def make(self) -> Scorer:
            return _fixed(101.0)

    with pytest.raises(AssertionError) as caught:
        Contract().test_one_score_per_scale_within_its_range()
    lines = str(caught.value).splitlines()
    assert lines[0] == "the contract is not kept:"
    assert lines[1] == ("  - score() of scenario 'back-door': 'made' is 101; allowed: 0 to 100")
