"""What is drawn, worsened, measured and counted, against known answers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from promptreg.errors import ExitCode
from promptreg.pipeline.calibrate.simulate import (
    overall_of,
    simulate_a_a,
    simulate_injection,
    simulated_policy,
)
from promptreg.pipeline.looks.reach import Reach
from promptreg.policy import LookPolicy, Policy, make_policy
from promptreg.records import Outcome, Run, Scale, ScoreColumn
from promptreg.stages.calibrate import (
    Injection,
    Pool,
    Tally,
    draw,
    family_strata,
    least_seen,
    next_spend,
    noise_lines,
    plan_injections,
    pool_of,
    rate,
    text_noise,
    worsened,
)
from promptreg.stats.power import Variances
from promptreg.suite import GateEntry
from promptreg.verdicts import Gate, GateVerdict
from run_factory import ANSWERED, DEVIATION, IN_RANGE, LATENCY, column, make_run

N = 120
REACH = Reach(3, 3)
"""Two metrics of their own and the composite."""
SHIFTED = Scale("length", "count", high=math.inf, direction="lower_is_better", margin=2.0)
SPREAD = Scale("spread", "bounded", statistic="aggregate", margin=0.03)


def policy(*scales: Scale, **gate: Any) -> Policy:
    entry = GateEntry.model_validate({"draws": 999} | gate)
    mean = [s.name for s in scales if s.statistic == "mean" and math.isfinite(s.high)]
    return make_policy(
        entry, [*scales, ANSWERED], {"quality": mean}, {"kind": ("a", "b")}, where="suite.yaml"
    )


def halves(*columns: ScoreColumn, **given: Any) -> Pool:
    """Return a pool of two equally large halves, from columns of all askings."""
    repeats = columns[0].values.shape[1] // 2

    def half(piece: slice) -> Run:
        cut = [
            ScoreColumn(c.scale, c.values[:, piece], c.outcomes[:, piece], c.worst, c.aggregate)
            for c in columns
        ]
        return make_run(cut, **given)

    parts = half(slice(0, repeats)), half(slice(repeats, 2 * repeats))
    names = [*(c.scale.name for c in columns), "answered"]
    return pool_of(parts[0], parts[1], names, ["kind"])


def noisy(seed: int = 0, askings: int = 2, n: int = N) -> Pool:
    rng = np.random.default_rng(seed)
    passed = rng.random((n, askings)) < 0.8
    off = np.where(passed, rng.uniform(0, 5, (n, askings)), rng.uniform(10, 60, (n, askings)))
    kinds = ["a" if i % 3 else "b" for i in range(n)]
    return halves(
        column(IN_RANGE, passed * 1.0),
        column(DEVIATION, off, worst=70.0),
        column(LATENCY, np.exp(rng.normal(1, 0.3, (n, askings))), worst=60.0),
        attributes={"kind": kinds},
    )


def test_both_sides_together_hold_each_completion_once() -> None:
    values = np.arange(4.0 * 6).reshape(6, 4) % 7
    pool = halves(column(DEVIATION, values))
    ((base, cand),) = draw([pool], np.random.default_rng(1), None)
    both = [run.columns["deviation"].values for run in (base, cand)]
    assert both[0].shape == both[1].shape == (6, 2)
    assert np.array_equal(np.sort(np.hstack(both), axis=1), np.sort(values, axis=1))
    assert base.scenario_ids == pool.run.scenario_ids


def test_drawn_families_stay_whole_and_count_as_often_as_they_were_drawn() -> None:
    values = np.arange(12.0).reshape(6, 2)
    pool = halves(column(DEVIATION, values), families=["x", "x", "y", "y", "z", "z"])
    seen = set()
    for seed in range(20):
        ((base, cand),) = draw([pool], np.random.default_rng(seed), [["x", "y", "z"]])
        assert len(base.scenario_ids) == 6
        assert len(set(base.scenario_ids)) == 6
        assert len(set(base.families)) == 3
        assert base.families == cand.families
        total = base.columns["deviation"].values + cand.columns["deviation"].values
        rows = [int(v) for v in (total[:, 0] - 1) / 4]
        assert sorted(rows[::2]) == [r - 1 for r in sorted(rows[1::2])]
        seen.add(tuple(sorted(rows)))
    assert len(seen) > 3


def test_templates_share_their_drawn_families() -> None:
    left = halves(column(IN_RANGE, np.ones((4, 2))), families=["x", "y", "z", "w"])
    right = halves(column(IN_RANGE, np.ones((2, 2))), families=["x", "y"], template="enriched")
    strata = family_strata([left, right], [])
    assert [list(s) for s in strata] == [["w", "z"], ["x", "y"]]
    for seed in range(10):
        (a, _), (b, _) = draw([left, right], np.random.default_rng(seed), strata)
        assert set(b.families) == {f for f in a.families if f[0] in "xy"}


def test_guarded_slices_keep_their_number_of_families() -> None:
    pool = halves(
        column(IN_RANGE, np.ones((12, 2))),
        families=[f"f{i // 2}" for i in range(12)],
        attributes={"kind": ["a", "a"] * 3 + ["a", "b"] * 2 + ["b", "b"]},
    )
    strata = family_strata([pool], [{"kind": "b"}])
    assert [list(s) for s in strata] == [["f0", "f1", "f2"], ["f3", "f4", "f5"]]
    for seed in range(20):
        ((base, _),) = draw([pool], np.random.default_rng(seed), strata)
        kinds = base.attributes["kind"]
        held = {f for f, kind in zip(base.families, kinds, strict=True) if kind == "b"}
        assert len(held) == 3
    lonely = family_strata([pool], [{"kind": "b"}, {"kind": "a"}])
    assert sorted(map(sorted, lonely)) == [["f0", "f1", "f2"], ["f3", "f4"], ["f5"]]


@pytest.mark.parametrize("times", [1.0, 2.0])
def test_an_injection_has_the_size_it_says(times: float) -> None:
    pool, found = noisy(n=400), policy(IN_RANGE, DEVIATION, LATENCY)
    made, not_made = plan_injections(
        pool, found, overall_of(pool, found), sizes=(times,), every=True
    )
    assert not not_made
    by_name = {i.metric: i for i in made}
    rng = np.random.default_rng(3)
    for name, margin in (("in_range", 0.05), ("deviation", 3.0), ("answered", 0.05)):
        column_before = pool.run.columns[name].values
        changes = [
            worsened(pool.run, by_name[name], rng).columns[name].values.mean()
            - column_before.mean()
            for _ in range(60)
        ]
        sign = 1 if name == "deviation" else -1
        assert np.mean(changes) == pytest.approx(sign * times * margin, rel=0.08), name
    slower = worsened(pool.run, by_name["latency"], rng).columns["latency"].values
    assert slower / pool.run.columns["latency"].values == pytest.approx(1 + times * 0.1)
    before = overall_of(pool, found)
    assert before is not None
    drops = []
    for _ in range(60):
        run = worsened(pool.run, by_name["overall"], rng)
        after = overall_of(Pool(run, 1), found)
        assert after is not None
        drops.append(after.mean() - before.mean())
    assert np.mean(drops) == pytest.approx(-times * 0.05, rel=0.08)


def test_a_guard_is_worsened_in_its_slice_alone() -> None:
    pool = noisy()
    found = policy(
        IN_RANGE, prove=[], guard=[{"metric": "in_range", "where": {"kind": "b"}, "margin": 0.3}]
    )
    (one, two), _ = plan_injections(pool, found, None)
    assert (one.times_margin, two.times_margin) == (1.0, 2.0)
    after = worsened(pool.run, two, np.random.default_rng(0))
    changed = (after.columns["in_range"].values != pool.run.columns["in_range"].values).any(axis=1)
    kinds = np.array(pool.run.attributes["kind"])
    assert changed.any()
    assert set(kinds[changed]) == {"b"}


def test_gaps_and_scenarios_that_do_not_count_are_left_alone() -> None:
    outcomes = np.zeros((N, 2), np.uint8)
    outcomes[:5, 0] = Outcome.GAP
    outcomes[5:9] = Outcome.NOT_APPLICABLE
    pool = halves(column(IN_RANGE, np.ones((N, 2)), outcomes))
    injection = Injection("basic", "in_range", {}, 1.0, 1.0, "worst", 1.0, ("in_range",))
    after = worsened(pool.run, injection, np.random.default_rng(0)).columns["in_range"]
    assert np.array_equal(np.isnan(after.values), np.isnan(pool.run.columns["in_range"].values))
    assert np.nansum(after.values) == 0


def test_what_cannot_worsen_by_a_known_amount_says_why() -> None:
    pool = halves(
        column(IN_RANGE, np.eye(N, 2)),  # nearly always out of range already
        column(SHIFTED, np.full((N, 2), 10.0)),
        ScoreColumn(SPREAD, np.ones((N, 2)), np.zeros((N, 2), np.uint8), aggregate=np.mean),
    )
    found = policy(IN_RANGE, SHIFTED, SPREAD)
    made, not_made = plan_injections(pool, found, overall_of(pool, found), every=True)
    reasons = {i.metric: i.reason for i in not_made}
    assert "away from its worst value" in reasons["in_range"]
    assert "no average over trials" in reasons["spread"]
    shift = next(i for i in made if i.metric == "length" and i.times_margin == 2)
    after = worsened(pool.run, shift, np.random.default_rng(0))
    assert np.all(after.columns["length"].values == 14.0)


def simulate(pool: Pool, found: Policy, *, resample: bool = True, simulations: int = 40) -> Any:
    return simulate_a_a(
        [pool],
        simulated_policy(found),
        resample=resample,
        simulations=simulations,
        seed=(1, 2),
        tick=lambda: None,
        reach=REACH,
    )


@pytest.mark.parametrize("resample", [True, False])
def test_identical_answers_raise_no_alarm_and_pass(resample: bool) -> None:
    values = np.tile((np.arange(N) % 7 > 0)[:, None] * 1.0, (1, 2))
    rates = simulate(halves(column(IN_RANGE, values)), policy(IN_RANGE), resample=resample)
    assert rates.false_alarm.count == rates.accused.count == rates.failed.count == 0
    assert rates.passed.share == 1.0
    assert rates.false_alarm.interval == pytest.approx((0.0, 1 - 0.025 ** (1 / 40)))


def test_the_same_completions_give_the_same_rates_and_others_others() -> None:
    found = policy(IN_RANGE, DEVIATION)
    first, again = (simulate(noisy(), found) for _ in range(2))
    assert first == again
    assert first != simulate(noisy(9), found)


def test_a_version_that_misses_its_limit_fails_and_that_is_no_false_alarm() -> None:
    found = policy(IN_RANGE, limits={"in_range": {"at_least": 0.99}})
    rates = simulate(noisy(), found)
    assert rates.failed.share == rates.limit_missed.share == 1.0
    assert rates.false_alarm.share < 0.2


def test_a_huge_worsening_always_fails_and_is_never_acquitted() -> None:
    pool, found = noisy(), policy(IN_RANGE, DEVIATION, margins={"overall": 0.2})
    (_, injection), _ = plan_injections(pool, found, overall_of(pool, found))
    rates = simulate_injection(
        [pool], found, injection, simulations=40, seed=(5,), tick=lambda: None, reach=REACH
    )
    assert rates.failed.share == 1.0
    assert rates.passed.count == rates.acquitted.count == 0


@pytest.mark.parametrize(
    "looks",
    [LookPolicy(4), LookPolicy(8, anytime=True), LookPolicy(8, anytime=True, strict=True)],
)
def test_gates_that_look_several_times_stop_early_and_err_no_more_often(looks: LookPolicy) -> None:
    found = replace(policy(IN_RANGE, margins={"overall": 0.3, "in_range": 0.3}), looks=looks)
    still = simulate(noisy(), found, simulations=40)
    assert still.false_alarm.count <= 4  # nominal 2.5 % of 40 on this side
    assert still.passed.share > 0.5
    pool = noisy()
    (_, injection), _ = plan_injections(pool, found, overall_of(pool, found))
    worse = simulate_injection(
        [pool], found, injection, simulations=10, seed=(5,), tick=lambda: None, reach=REACH
    )
    assert worse.passed.count == 0
    assert worse.failed.share > 0.9
    assert worse.asked < 1.0
    assert still.asked < 1.0
    once = simulate(noisy(), replace(found, looks=LookPolicy()), simulations=2)
    assert once.asked == 1.0


def test_one_template_is_worsened_and_the_other_is_not() -> None:
    left = noisy()
    renamed = make_run([column(IN_RANGE, np.ones((N, 1)))], template="enriched")
    right = pool_of(renamed, renamed, ["in_range", "answered"])
    found = policy(IN_RANGE, prove=["in_range"], margins={"in_range": 0.3})
    (_, injection), _ = plan_injections(left, found, None)
    rates = simulate_injection(
        [left, right], found, injection, simulations=30, seed=(5,), tick=lambda: None, reach=REACH
    )
    assert rates.accused.share == 1.0


def test_simulated_gates_leave_out_what_decides_nothing() -> None:
    found = policy(IN_RANGE, LATENCY, slices=["kind"], draws=9999)
    short = simulated_policy(found)
    assert short.slices == ()
    assert short.draws == 1999
    assert simulated_policy(policy(IN_RANGE, alpha=0.001, draws=20_000)).draws == 10_000
    assert set(short.scales) == {"in_range", "latency", "answered"}


def test_rates_are_exact() -> None:
    assert rate(7, 400).interval == pytest.approx((0.00706, 0.03572), abs=1e-5)
    assert rate(0, 0).share == 0
    tally = Tally()
    tally.add((), (), Gate(GateVerdict.PASS, (), ExitCode.OK))
    assert tally.gates().passed.share == 1.0


def test_noise_of_metrics_and_texts() -> None:
    values = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    (line, _) = noise_lines(halves(column(IN_RANGE, values)), ["in_range", "answered", "absent"])
    assert (line.differing, line.scenarios, line.binary) == (0.5, 4, True)
    assert line.sd == pytest.approx(0.5)
    rows = [
        {"scenario_id": "a", "text": "x", "error_cause": None},
        {"scenario_id": "a", "text": "x", "error_cause": None},
        {"scenario_id": "b", "text": "x", "error_cause": None},
        {"scenario_id": "b", "text": None, "error_cause": "timeout"},
    ]
    found = text_noise("basic", rows)
    assert (found.scenarios, found.differing) == (2, 1)


def test_variance_is_split_and_the_next_calls_follow_from_it() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(50, 6, 4000)[:, None]
    values = level + rng.normal(0, 4, (4000, 4))
    found = next_spend("basic", DEVIATION, values, n_clusters=4000, repeats=2, alpha=0.05)
    assert found is not None
    assert found.between == pytest.approx(36, rel=0.06)
    assert found.within == pytest.approx(16, rel=0.06)
    assert found.now == pytest.approx(2.8016 * math.sqrt((36 + 32 / 2) / 4000), rel=0.05)
    assert found.with_scenarios < found.with_repeats < found.now
    assert found.buy == "scenarios"
    # At the break-even another repeat is worth exactly what more scenarios are.
    s, r, c = found.between, 2 * found.within, found.break_even
    assert c is not None
    assert (s + r / 2) * (c + 2) == pytest.approx((s + r / 3) * (c + 3))


def test_scores_that_never_varied_promise_nothing() -> None:
    found = next_spend("basic", IN_RANGE, np.ones((50, 2)), n_clusters=50, repeats=1, alpha=0.05)
    assert found is not None
    assert found.now == pytest.approx(1 - 0.025 ** (1 / 50))
    assert found.break_even is None
    assert least_seen(Variances(0.1, 0.1), "binary", 1.0, 1, 400, 0.05) == 0.0
    assert least_seen(Variances(0.0, 0.0), "count", math.inf, 1, 400, 0.05) == 0.0
    assert next_spend("b", IN_RANGE, np.ones((1, 2)), n_clusters=1, repeats=1, alpha=0.05) is None
