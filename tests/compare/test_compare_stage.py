"""From runs to differences, limits and the gate's decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from promptreg.errors import ExitCode, NotComparableError, SuiteError
from promptreg.policy import Policy, make_policy
from promptreg.records import Outcome, Run, Scale, ScoreColumn
from promptreg.stages.compare import (
    RunPair,
    check_comparable,
    check_limits,
    compare_pairs,
    complete_case,
    matched,
    rank_changes,
)
from promptreg.stages.gate import decide_gate
from promptreg.suite import GateEntry
from promptreg.verdicts import Difference, GateVerdict, Verdict
from run_factory import ANSWERED, DEVIATION, IN_RANGE, LATENCY, column, make_run


def policy(
    scales: Sequence[Scale] = (IN_RANGE,),
    attributes: Mapping[str, Sequence[str]] | None = None,
    **gate: Any,
) -> Policy:
    entry = GateEntry.model_validate(gate)
    mean = [s.name for s in scales if s.statistic == "mean"]
    return make_policy(
        entry, [*scales, ANSWERED], {"quality": mean}, attributes or {}, where="suite.yaml"
    )


def pair(baseline: Run, candidate: Run) -> RunPair:
    return RunPair(baseline.facts.template, baseline, candidate)


def line(differences: Sequence[Difference], metric: str, where: str | None = None) -> Difference:
    (found,) = [
        d
        for d in differences
        if d.metric == metric and (d.slice.value if d.slice else None) == where
    ]
    return found


def both(
    left: Sequence[float], right: Sequence[float], scale: Scale = IN_RANGE, **kwargs: Any
) -> tuple[Run, Run]:
    return (
        make_run([column(scale, left)], label="v1", **kwargs),
        make_run([column(scale, right)], label="v2", **kwargs),
    )


def test_a_broad_drop_regresses_and_fails_the_gate() -> None:
    a, b = both([1] * 100, [1] * 70 + [0] * 30)
    p = policy()
    differences = compare_pairs([pair(a, b)], p, seed=1)
    found = line(differences, "in_range")
    assert found.verdict is Verdict.REGRESSED
    assert found.discordant == (30, 0)
    assert found.difference == pytest.approx(-0.30)
    assert found.interval is not None
    assert found.interval[1] < 0
    gate = decide_gate(differences, (), p, synthetic=False)
    assert gate.verdict is GateVerdict.FAIL
    assert gate.exit_code is ExitCode.REGRESSION
    assert any("in_range regressed" in r for r in gate.reasons)


def test_no_change_on_many_scenarios_passes() -> None:
    a, b = both([1, 0] * 200, [1, 0] * 200)
    p = policy()
    gate = decide_gate(compare_pairs([pair(a, b)], p, seed=1), (), p, synthetic=False)
    assert gate.verdict is GateVerdict.PASS
    assert gate.exit_code is ExitCode.OK


def test_no_change_on_few_scenarios_is_inconclusive_and_asks_for_more() -> None:
    a, b = both([1] * 12, [1] * 12)
    p = policy()
    differences = compare_pairs([pair(a, b)], p, seed=1)
    assert line(differences, "in_range").verdict is Verdict.INCONCLUSIVE
    gate = decide_gate(differences, (), p, synthetic=False)
    assert gate.exit_code is ExitCode.INCONCLUSIVE
    assert any("more scenarios" in r for r in gate.reasons)


def test_a_scripted_provider_never_passes_even_where_inconclusive_is_allowed() -> None:
    a, b = both([1, 0] * 200, [1, 0] * 200)
    p = policy(inconclusive="allow")
    differences = compare_pairs([pair(a, b)], p, seed=1)
    gate = decide_gate(differences, (), p, synthetic=True)
    assert gate.verdict is GateVerdict.INCONCLUSIVE
    assert gate.exit_code is ExitCode.INCONCLUSIVE


def test_lower_is_better_turns_the_verdict_not_the_sign() -> None:
    rng = np.random.default_rng(3)
    base = rng.uniform(0, 10, 80)
    a, b = both(list(base), list(base + 20), DEVIATION)
    found = line(compare_pairs([pair(a, b)], policy((DEVIATION,)), seed=1), "deviation")
    assert found.difference == pytest.approx(20)
    assert found.verdict is Verdict.REGRESSED


def test_failed_trials_count_as_worst_and_dropping_them_would_hide_it() -> None:
    outcomes = [Outcome.FAILED] * 20 + [Outcome.SCORED] * 80
    values = [0.0] * 20 + [1.0] * 80
    a = make_run([column(IN_RANGE, [1.0] * 100)], label="v1")
    b = make_run([column(IN_RANGE, values, outcomes)], label="v2", failures={"timeout": 20})
    found = line(compare_pairs([pair(a, b)], policy(), seed=1), "in_range")
    assert found.verdict is Verdict.REGRESSED
    assert found.missing.candidate == 20
    assert found.missing.baseline == 0
    assert complete_case([pair(a, b)], policy())["in_range"] == 0.0


def test_gaps_make_a_verdict_depend_on_them_inconclusive() -> None:
    gaps = [Outcome.GAP] * 15 + [Outcome.SCORED] * 85
    a = make_run([column(IN_RANGE, [1.0] * 100)], label="v1")
    b = make_run([column(IN_RANGE, [1.0] * 100, gaps)], label="v2")
    found = line(compare_pairs([pair(a, b)], policy(), seed=1), "in_range")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("missing" in n for n in found.notes)


@pytest.mark.parametrize("lost", ["v1", "v2", "v1 and v2"])
def test_a_figure_that_lost_trials_leave_undefined_says_so(lost: str) -> None:
    scale = Scale("pooled", margin=0.03, statistic="aggregate", payload=True)
    values = np.linspace(0.2, 0.7, 40)
    gaps = [Outcome.GAP] + [Outcome.SCORED] * 39

    def figure(rows: Any) -> float:
        return float("nan") if (rows == 1.0).any() else float(rows.mean())

    kept = column(IN_RANGE, [1.0] * 40)
    a, b = (
        make_run(
            [kept, replace(column(scale, values, gaps if v in lost else None), aggregate=figure)],
            label=v,
        )
        for v in ("v1", "v2")
    )
    found = line(compare_pairs([pair(a, b)], policy((IN_RANGE, scale)), seed=1), "pooled")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.notes == ("not defined while a trial is without a value",)
    assert (found.difference, found.detectable_difference, found.interval) == (None,) * 3


def test_gaps_do_not_hide_a_regression_that_stands_both_ways() -> None:
    gaps = [Outcome.GAP] * 3 + [Outcome.SCORED] * 97
    values = [1.0] * 50 + [0.0] * 50
    a = make_run([column(IN_RANGE, [1.0] * 100)], label="v1")
    b = make_run([column(IN_RANGE, values, gaps)], label="v2")
    found = line(compare_pairs([pair(a, b)], policy(), seed=1), "in_range")
    assert found.verdict is Verdict.REGRESSED


def test_a_metric_that_applies_nowhere_is_inconclusive_not_an_error() -> None:
    na = [Outcome.NOT_APPLICABLE] * 30
    a, b = (make_run([column(IN_RANGE, [0.0] * 30, na)], label=v) for v in ("v1", "v2"))
    found = line(compare_pairs([pair(a, b)], policy(), seed=1), "in_range")
    assert found.n_scenarios == 0
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_guard_gates_on_its_slice_while_the_average_improves() -> None:
    kinds = ["threat"] * 30 + ["normal"] * 70
    left = [1] * 30 + [0] * 70
    right = [0] * 30 + [1] * 70
    a, b = both(left, right, attributes={"kind": kinds})
    p = policy(
        attributes={"kind": ["threat", "normal"]},
        slices=["kind"],
        guard=[{"metric": "in_range", "where": {"kind": "threat"}}],
    )
    differences = compare_pairs([pair(a, b)], p, seed=1)
    whole = [d for d in differences if d.metric == "in_range" and d.slice is None]
    assert whole[0].verdict is Verdict.IMPROVED
    guard = [d for d in differences if d.slice and d.gating]
    assert [g.verdict for g in guard] == [Verdict.REGRESSED]
    shown = [d for d in differences if not d.gating and d.metric == "in_range"]
    hints = {d.slice.value: d for d in shown if d.slice}
    assert hints["threat"].verdict is Verdict.REGRESSED
    assert hints["normal"].verdict is Verdict.IMPROVED
    assert decide_gate(differences, (), p, synthetic=False).verdict is GateVerdict.FAIL


def test_slices_never_gate() -> None:
    kinds = ["a"] * 20 + ["b"] * 180
    a, b = both([1] * 200, [0] * 8 + [1] * 192, attributes={"kind": kinds})
    p = policy(attributes={"kind": ["a", "b"]}, slices=["kind"], margins={"in_range": 0.10})
    differences = compare_pairs([pair(a, b)], p, seed=1)
    assert all(not d.gating for d in differences if d.slice)


def test_a_slice_that_improved_too_little_to_stand_may_still_be_no_worse() -> None:
    """Eight slices are searched; what one gained is no news, and no reason to doubt it either."""
    kinds = [kind for kind in "abcdefgh" for _ in range(40)]
    a, b = both([0] * 6 + [1] * 314, [1] * 320, attributes={"kind": kinds})
    p = policy(attributes={"kind": list("abcdefgh")}, slices=["kind"], margins={"in_range": 0.05})
    found = line(compare_pairs([pair(a, b)], p, seed=1), "in_range", "a")
    assert found.p_value is not None
    assert found.p_adjusted is not None
    assert found.p_value < 0.05 < 0.10 < found.p_adjusted
    assert found.interval is not None
    assert found.interval[0] > -0.05
    assert found.verdict is Verdict.NO_WORSE


@pytest.mark.parametrize("n", [0, 1, 5])
def test_tiny_runs_are_inconclusive(n: int) -> None:
    a, b = both([1] * n, [0] * n) if n else (None, None)
    if a is None or b is None:
        a, b = (make_run([column(IN_RANGE, np.empty((0, 1)))], label=v) for v in ("v1", "v2"))
    p = policy()
    differences = compare_pairs([pair(a, b)], p, seed=1)
    assert line(differences, "in_range").verdict is Verdict.INCONCLUSIVE
    assert decide_gate(differences, (), p, synthetic=False).exit_code is ExitCode.INCONCLUSIVE


def test_row_order_does_not_change_anything() -> None:
    rng = np.random.default_rng(5)
    left, right = rng.integers(0, 2, 60).astype(float), rng.integers(0, 2, 60).astype(float)
    families = [f"f{i // 3}" for i in range(60)]
    a, b = both(list(left), list(right), families=families)
    order = rng.permutation(60)

    def shuffled(run: Run) -> Run:
        def rows(c: ScoreColumn) -> ScoreColumn:
            return replace(c, values=c.values[order], outcomes=c.outcomes[order])

        return replace(
            run,
            scenario_ids=tuple(run.scenario_ids[i] for i in order),
            families=tuple(run.families[i] for i in order),
            columns={k: rows(replace(c, worst=None)) for k, c in run.columns.items()},
        )

    p = policy()
    assert compare_pairs([pair(a, b)], p, seed=9) == compare_pairs(
        [pair(shuffled(a), shuffled(b))], p, seed=9
    )


def test_overall_counts_a_failure_as_zero_even_for_deviation() -> None:
    worst = 75.0  # of the range 0-25
    failed = [Outcome.FAILED]
    a = make_run([column(IN_RANGE, [1.0]), column(DEVIATION, [0.0], worst=worst)], label="v1")
    b = make_run(
        [column(IN_RANGE, [0.0], failed), column(DEVIATION, [worst], failed, worst=worst)],
        label="v2",
    )
    found = line(compare_pairs([pair(a, b)], policy((IN_RANGE, DEVIATION)), seed=1), "overall")
    assert found.baseline == 1.0
    assert found.candidate == 0.0


def test_latency_is_compared_as_a_ratio() -> None:
    rng = np.random.default_rng(1)
    base = rng.lognormal(0, 0.3, 120)
    a, b = both(list(base), list(base * 1.5), LATENCY)
    found = line(compare_pairs([pair(a, b)], policy((LATENCY,), prove=[]), seed=1), "latency")
    assert found.ratio is not None
    assert found.ratio[0] == pytest.approx(1.5, rel=1e-6)
    assert found.verdict is Verdict.REGRESSED


def test_limits_are_met_missed_or_not_shown() -> None:
    a, b = both([1] * 400, [1] * 300 + [0] * 100)
    p = policy(limits={"in_range": {"at_least": 0.80}, "answered": {"at_least": 0.98}})
    states = {limit.metric: limit.status for limit in check_limits([pair(a, b)], p)}
    assert states == {"in_range": "not_met", "answered": "met"}
    small = both([1] * 20, [1] * 16 + [0] * 4)
    assert check_limits([pair(*small)], p)[0].status == "not_shown"
    differences = compare_pairs([pair(a, b)], p, seed=1)
    gate = decide_gate(differences, check_limits([pair(a, b)], p), p, synthetic=False)
    assert any("limit" in r for r in gate.reasons)


def test_worst_scenarios_come_first() -> None:
    a, b = both([1, 1, 0, 1], [1, 0, 1, 1])
    changes = rank_changes([pair(a, b)], policy())
    assert changes[0].scenario_id == "s0001"
    assert changes[-1].scenario_id == "s0002"


def test_a_scenario_is_as_much_worse_as_is_sure_whatever_a_gap_held() -> None:
    gap, scored = Outcome.GAP, Outcome.SCORED
    a = make_run([column(IN_RANGE, [1, 1, 0], [gap, scored, scored])])
    b = make_run([column(IN_RANGE, [1, 0, 1], [gap, scored, gap])], label="v2")
    changes = {c.scenario_id: c.change for c in rank_changes([pair(a, b)], policy())}
    assert changes == {"s0000": 0.0, "s0001": -1.0, "s0002": 0.0}


def test_what_the_policy_slices_by_is_told_first_of_a_scenario() -> None:
    attributes = {"camera": ["a", "b"], "kind": ["threat", "normal"], "tier": ["x", "y"]}
    a, b = (make_run([column(IN_RANGE, [1, 0])], attributes=attributes) for _ in "ab")
    rule = policy(attributes=attributes, slices=["kind"])
    assert list(rank_changes([pair(a, b)], rule)[0].attributes) == ["kind", "camera", "tier"]
    guard = {"metric": "in_range", "where": {"tier": "x"}, "margin": 0.1}
    rule = policy(attributes=attributes, guard=[guard])
    assert list(rank_changes([pair(a, b)], rule)[0].attributes) == ["tier", "camera", "kind"]


def test_different_fingerprints_are_not_comparable_and_name_the_field() -> None:
    a, _ = both([1], [1])
    b = make_run([column(IN_RANGE, [1])], fingerprints={"scenarios": "a", "model": "other"})
    with pytest.raises(NotComparableError, match="model differs") as caught:
        check_comparable(a, b)
    assert caught.value.exit_code is ExitCode.NOT_COMPARABLE
    assert check_comparable(a, b, allow=["model"])[0].startswith("allowed by")


def test_too_many_gaps_are_not_comparable() -> None:
    gaps = [Outcome.GAP] * 30 + [Outcome.SCORED] * 70
    a = make_run([column(IN_RANGE, [1] * 100)], label="v1")
    b = make_run(
        [column(IN_RANGE, [1] * 100, gaps), column(ANSWERED, [1] * 100, gaps)],
        label="v2",
        failures={"connect": 30},
    )
    with pytest.raises(NotComparableError, match="connect 30"):
        check_comparable(a, b)


def test_unmatched_scenarios_are_refused_unless_allowed() -> None:
    a, b = both([1] * 10, [1] * 10)
    b = replace(b, absent=("s0003",))
    with pytest.raises(NotComparableError, match="s0003"):
        matched(a, b, allow_unmatched=False)
    kept, out = matched(a, b, allow_unmatched=True)
    assert out == ["s0003"]
    assert len(kept.scenario_ids) == 9


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"prove": ["in_rang"]}, "did you mean 'in_range'"),
        ({"margins": {"nothing": 1}}, "gate.margins"),
        ({"limits": {"nothing": {"at_least": 1}}}, "gate.limits"),
        ({"slices": ["nothing"]}, "gate.slices"),
        ({"guard": [{"metric": "in_range", "where": {"kind": "nope"}}]}, "gate.guard"),
        ({"overall": {"a": ["nothing"]}}, "gate.overall.a"),
        ({"weights": {"b": 1}}, "gate.weights"),
    ],
)
def test_a_policy_that_names_what_does_not_exist_is_refused(gate: Any, words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        policy(attributes={"kind": ["a"]}, **gate)
