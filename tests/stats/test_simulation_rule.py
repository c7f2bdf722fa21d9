"""Seeded simulations of whole decisions: power, planning, many metrics, failures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from promptreg.stats.analysis import PairedResult, PairedScores, analyse
from promptreg.stats.model import Floats
from promptreg.stats.power import Variances, plan_scenarios

Make = Callable[..., PairedScores]
DRAWS = 499
SETTINGS: dict[str, object] = {"kind": "ordinal", "low": 1.0, "high": 4.0, "margin": 0.25}


def slack(claim: float, repetitions: int) -> float:
    """Return three standard errors of a simulated rate."""
    return float(3 * np.sqrt(claim * (1 - claim) / repetitions))


def rubric(rng: np.random.Generator, n: int, shift: float) -> tuple[Floats, Floats]:
    """Scores 1 to 4; the candidate's latent quality is shifted."""
    quality = rng.normal(2.6, 0.6, n)
    before = np.clip(np.rint(quality + rng.normal(0, 0.6, n)), 1, 4)
    after = np.clip(np.rint(quality + shift + rng.normal(0, 0.6, n)), 1, 4)
    return before, after


def verdicts(
    make: Callable[[np.random.Generator], PairedScores], repetitions: int, seed: int
) -> list[PairedResult]:
    rng = np.random.default_rng(seed)
    return [analyse([make(rng)], seed=i, draws=DRAWS)[0] for i in range(repetitions)]


def test_planned_scenarios_give_the_planned_power(paired: Make) -> None:
    rng, repetitions = np.random.default_rng(1), 600
    before, after = rubric(rng, 200_000, -0.3)
    change, variance = float((after - before).mean()), float((after - before).var())
    n = plan_scenarios(-change, goal="detect", variances=Variances(variance, 0.0))
    found = verdicts(lambda g: paired(*rubric(g, n, -0.3), **SETTINGS), repetitions, 2)
    power = np.mean([r.p_value <= 0.05 for r in found])
    # The plan counts n with normal quantiles; exactness costs up to three points of power.
    assert 0.77 - slack(0.8, repetitions) <= power <= 0.80 + slack(0.8, repetitions)


@pytest.mark.parametrize("goal", ["no_worse", "equivalent"])
def test_planned_scenarios_prove_what_they_promise(paired: Make, goal: str) -> None:
    rng, repetitions = np.random.default_rng(3), 600
    before, after = rubric(rng, 200_000, 0.0)
    variance = float((after - before).var())
    n = plan_scenarios(0.25, goal=goal, variances=Variances(variance, 0.0))  # type: ignore[arg-type]
    found = verdicts(lambda g: paired(*rubric(g, n, 0.0), **SETTINGS), repetitions, 4)
    accepted = {"equivalent"} if goal == "equivalent" else {"equivalent", "no_worse", "improved"}
    power = np.mean([r.verdict in accepted for r in found])
    assert 0.77 - slack(0.8, repetitions) <= power <= 0.83 + slack(0.8, repetitions)


def test_pairing_and_mid_p_keep_power(paired: Make) -> None:
    rng, repetitions, n = np.random.default_rng(5), 400, 60
    seen: dict[str, int] = {"exact": 0, "mid": 0, "t": 0, "unpaired": 0}
    for seed in range(repetitions):
        before, after = rubric(rng, n, -0.3)
        metric = paired(before, after, **SETTINGS)
        seen["mid"] += analyse([metric], seed=seed, draws=DRAWS)[0].p_value <= 0.05
        seen["exact"] += analyse([metric], seed=seed, draws=DRAWS, exact=True)[0].p_value <= 0.05
        d = after - before
        seen["t"] += abs(d.mean()) > 2.0 * d.std(ddof=1) / np.sqrt(n)
        both = np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / n)
        seen["unpaired"] += abs(d.mean()) > 1.98 * both
    assert seen["exact"] <= seen["mid"]
    assert seen["mid"] >= 0.95 * seen["t"]
    assert seen["mid"] > 1.3 * seen["unpaired"]


@pytest.mark.parametrize("n", [100, 400])
def test_a_drop_of_exactly_the_margin_is_rarely_acquitted(paired: Make, n: int) -> None:
    rng, repetitions = np.random.default_rng(6), 600
    before, after = rubric(rng, 400_000, -0.3)
    margin = float((before - after).mean())
    settings = SETTINGS | {"margin": margin}
    found = verdicts(lambda g: paired(*rubric(g, n, -0.3), **settings), repetitions, 7)
    wrong = np.mean([r.verdict in ("equivalent", "no_worse", "improved") for r in found])
    assert wrong <= 0.025 + slack(0.025, repetitions)


@pytest.mark.parametrize("n", [30, 100])
def test_a_rare_catastrophe_is_not_acquitted_by_not_occurring(paired: Make, n: int) -> None:
    # 5 % of the scenarios lose 60 points: a mean loss of 3, the margin.
    def make(rng: np.random.Generator) -> PairedScores:
        before = np.full(n, 80.0)
        after = np.where(rng.random(n) < 0.05, 20.0, 80.0)
        return paired(before, after, high=100.0, margin=3.0)

    found = verdicts(make, 300, 8)
    wrong = np.mean([r.verdict in ("equivalent", "no_worse", "improved") for r in found])
    assert wrong <= 0.025 + slack(0.025, 300)


def metrics_of_one_run(
    rng: np.random.Generator, paired: Make, n: int, effects: list[float]
) -> list[PairedScores]:
    """Return twelve metrics of which a common quality of the answer explains half."""
    common = rng.normal(0, 1, (2, n))
    made = []
    for i, effect in enumerate(effects):
        sides = common * 0.7 + rng.normal(0, 0.7, (2, n))
        sides[1] += effect
        if i % 3 == 0:
            score = (sides > -1) * 1.0
            made.append(paired(score[0], score[1], name=f"m{i}", kind="binary"))
        elif i % 3 == 1:
            score = np.clip(np.rint(2.5 + sides), 1, 4)
            made.append(paired(score[0], score[1], name=f"m{i}", **SETTINGS))
        else:
            score = 1 / (1 + np.exp(-sides))
            made.append(paired(score[0], score[1], name=f"m{i}"))
    return made


@pytest.mark.parametrize("n", [40, pytest.param(100, marks=pytest.mark.slow)])
def test_twelve_unchanged_metrics_are_falsely_accused_together_in_5_percent(
    paired: Make, n: int
) -> None:
    rng, repetitions = np.random.default_rng(9), 400
    corrected = naive = 0
    for seed in range(repetitions):
        found = analyse(metrics_of_one_run(rng, paired, n, [0.0] * 12), seed=seed, draws=DRAWS)
        corrected += any(r.verdict in ("improved", "regressed") for r in found)
        naive += any(r.p_value <= 0.05 for r in found)
    assert naive / repetitions > 0.15
    assert corrected / repetitions <= 0.05 + slack(0.05, repetitions)


def test_true_effects_are_found_and_the_others_stay_protected(paired: Make) -> None:
    rng, repetitions = np.random.default_rng(10), 200
    effects = [-0.7] * 3 + [0.0] * 9
    hits = wrong = 0
    for seed in range(repetitions):
        found = analyse(metrics_of_one_run(rng, paired, 100, effects), seed=seed, draws=DRAWS)
        hits += sum(r.verdict == "regressed" for r in found[:3])
        wrong += any(r.verdict in ("improved", "regressed") for r in found[3:])
    assert hits / (3 * repetitions) >= 0.66
    assert wrong / repetitions <= 0.05 + slack(0.05, repetitions)


def test_dropping_failures_hides_a_regression_and_counting_them_shows_it(paired: Make) -> None:
    # The baseline fails on 1 %, the candidate on 10 %, on hard scenarios; answers are equal.
    rng, repetitions, n = np.random.default_rng(11), 200, 400
    worst = dropped = 0
    for seed in range(repetitions):
        hard = rng.random(n)
        luck = rng.random(n)
        again = np.where(rng.random(n) < 0.4, rng.random(n), luck)  # 40 % are drawn anew
        right = [(x > 0.4 * hard) * 1.0 for x in (luck, again)]
        failed = [rng.random(n) < share * 2 * hard for share in (0.01, 0.10)]
        scores = [np.where(f, 0.0, r) for f, r in zip(failed, right, strict=True)]
        both = ~failed[0] & ~failed[1]
        counted = paired(scores[0], scores[1], kind="binary")
        complete = paired(right[0][both], right[1][both], kind="binary")
        worst += analyse([counted], seed=seed)[0].verdict == "regressed"
        dropped += analyse([complete], seed=seed)[0].verdict == "regressed"
    assert worst / repetitions >= 0.82 - slack(0.82, repetitions)
    assert dropped / repetitions <= 0.025 + slack(0.025, repetitions)


@pytest.mark.slow
def test_one_primary_can_be_proven_where_twelve_cannot(paired: Make) -> None:
    rng, repetitions = np.random.default_rng(12), 200
    fine = {"equivalent", "no_worse", "improved"}
    primary = everything = 0
    for seed in range(repetitions):
        made = metrics_of_one_run(rng, paired, 100, [0.0] * 12)
        units = [(m.baseline, m.candidate) if m.high == 1 else None for m in made]
        kept = [u for u in units if u is not None]
        before = np.mean([u[0] for u in kept], axis=0)
        after = np.mean([u[1] for u in kept], axis=0)
        overall = paired(before, after, name="overall", margin=0.07)
        found = analyse([overall, *made], seed=seed, draws=DRAWS)
        primary += found[0].verdict in fine
        everything += all(r.verdict in fine for r in found)
    assert primary / repetitions >= 0.75
    assert everything / repetitions <= 0.10
