"""The scorer `failures`: which failures count for which metric, and which are not known."""

from __future__ import annotations

import pytest

from promptreg import Cause, Failure, Score, Unscored
from promptreg.records import Outcome, Prompt, Scenario, Template, Trial
from promptreg.stages.score import Scoring
from promptreg_scorers.failures import Failures

TEMPLATE = Template("basic", "v1", "raw", "x")


def trial(failure: Failure | None) -> Trial:
    return Trial(TEMPLATE, Scenario("s1", {}), 0, Prompt("x"), failure=failure)


@pytest.mark.parametrize(
    ("cause", "refused", "parse_failed"),
    [
        (None, 0.0, 0.0),
        (Cause.REFUSED, 1.0, 0.0),
        (Cause.UNPARSEABLE, 0.0, 1.0),
        (Cause.INVALID, 0.0, 1.0),
        (Cause.EMPTY, 0.0, 1.0),
        (Cause.TRUNCATED, 0.0, 1.0),
        (Cause.TIMEOUT, 0.0, 0.0),
        (Cause.FALLBACK, 0.0, 0.0),
    ],
)
def test_each_cause(cause: Cause | None, refused: float, parse_failed: float) -> None:
    failure = None if cause is None else Failure(cause, "so it was")
    scores = Failures().score(trial(failure))
    assert [s.value for s in scores if isinstance(s, Score)] == [refused, parse_failed]
    assert [s.scale.name for s in scores] == ["refused", "parse_failed"]


def test_what_infrastructure_lost_is_not_known() -> None:
    scores = Failures().score(trial(Failure(Cause.CONNECT, "refused connection")))
    assert all(isinstance(s, Unscored) for s in scores)


def test_a_failed_trial_is_scored_not_counted_as_worst() -> None:
    """A timeout is no refusal: the worst value would say that it is one."""
    scoring = Scoring([("failures", Failures())])
    outcomes = scoring.apply(trial(Failure(Cause.TIMEOUT, "no answer")))
    assert outcomes[:2] == [(0.0, Outcome.SCORED), (0.0, Outcome.SCORED)]
    lost = scoring.apply(trial(Failure(Cause.NETWORK, "broke")))
    assert [o for _, o in lost[:2]] == [Outcome.GAP, Outcome.GAP]
    assert scoring.apart == {"refused", "parse_failed"}


def test_causes_of_choice_are_one_metric() -> None:
    late = Failures(["timeout", "truncated"], name="late", margin=0.02)
    (scale,) = late.scales
    assert (scale.name, scale.margin, scale.direction) == ("late", 0.02, "lower_is_better")
    found = [
        late.score(trial(Failure(c, "x")))[0] for c in (Cause.TIMEOUT, Cause.TRUNCATED, Cause.EMPTY)
    ]
    assert [s.value for s in found if isinstance(s, Score)] == [1.0, 1.0, 0.0]
    assert Failures(["timeout", "truncated"]).scales[0].name == "timeout_truncated"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"causes": ["timeot"]}, "causes holds 'timeot'; allowed: .*timeout"),
        ({"causes": []}, "allowed: a list of causes"),
        ({"causes": "timeout"}, "allowed: a list of causes"),
        ({"name": "x"}, "'name' goes with 'causes'"),
        ({"margin": 0.0}, "above 0, up to 1"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Failures(**settings)  # type: ignore[arg-type]  # what a suite may say
