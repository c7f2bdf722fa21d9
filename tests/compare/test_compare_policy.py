"""What a policy asks besides metrics on all scenarios: slices, limits, criteria, what is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from promptreg.errors import ExitCode, NotComparableError, SuiteError
from promptreg.policy import Policy, make_policy
from promptreg.records import Outcome, Run, Scale
from promptreg.stages.compare import (
    RunPair,
    check_baseline,
    check_comparable,
    check_criteria,
    check_limits,
    compare_pairs,
    unequal_losses,
    unjudged,
)
from promptreg.stages.gate import decide_gate
from promptreg.suite import GateEntry
from promptreg.verdicts import Difference, Gate, GateVerdict, Verdict
from run_factory import ANSWERED, DEVIATION, IN_RANGE, LATENCY, column, make_run

USAGE = Scale("context_usage", "ordinal", low=1.0, high=4.0, margin=0.25)
IOU = Scale("iou", "bounded", margin=0.05)
KINDS = ["normal", "suspicious", "threat", "edge_case"]
PRESET = "home_security_criteria"


def policy(
    scales: Sequence[Scale] = (IN_RANGE,),
    attributes: Mapping[str, Sequence[str]] | None = None,
    **gate: Any,
) -> Policy:
    mean = [s.name for s in scales if s.statistic == "mean"]
    entry = GateEntry.model_validate(({"margins": {"overall": 0.1}} if mean else {}) | gate)
    return make_policy(
        entry, [*scales, ANSWERED], {"quality": mean}, attributes or {}, where="suite.yaml"
    )


def both(
    left: Sequence[float], right: Sequence[float], scale: Scale = IN_RANGE, **kwargs: Any
) -> RunPair:
    base = make_run([column(scale, left)], label="v1", **kwargs)
    return RunPair("basic", base, make_run([column(scale, right)], label="v2", **kwargs))


def decided(pair: RunPair, p: Policy, **kwargs: Any) -> Gate:
    differences = compare_pairs([pair], p, seed=1)
    return decide_gate(
        differences,
        check_limits([pair], p),
        p,
        synthetic=False,
        criteria=check_criteria([pair.candidate], p),
        **kwargs,
    )


def guards(pair: RunPair, p: Policy) -> list[Difference]:
    return [d for d in compare_pairs([pair], p, seed=1) if d.gating and d.slice]


def test_a_guard_with_too_few_families_is_insufficient_and_never_a_pass() -> None:
    kinds = ["threat"] * 5 + ["normal"] * 295
    pair = both([1.0, 0.0] * 150, [1.0, 0.0] * 150, attributes={"kind": kinds})
    asked = {"metric": "in_range", "where": {"kind": "threat"}}
    p = policy(attributes={"kind": ["threat", "normal"]}, guard=[asked])
    (guard,) = guards(pair, p)
    assert (guard.verdict, guard.insufficient) == (Verdict.INCONCLUSIVE, True)
    assert (guard.n_clusters, guard.min_clusters) == (5, 6)
    gate = decided(pair, p)
    assert gate.exit_code is ExitCode.INCONCLUSIVE
    assert gate.reasons == ("in_range (kind=threat) is guarded and has too few families (5 of 6)",)
    allowed = policy(attributes={"kind": ["threat", "normal"]}, guard=[asked], insufficient="allow")
    assert decided(pair, allowed).exit_code is ExitCode.OK


def test_families_count_not_scenarios() -> None:
    kinds = ["threat"] * 20 + ["normal"] * 280
    families = [f"f{min(i // 5, 3)}" for i in range(20)] + [f"n{i}" for i in range(280)]
    pair = both([1.0] * 300, [1.0] * 300, attributes={"kind": kinds}, families=families)
    where = {"metric": "in_range", "where": {"kind": "threat"}}
    p = policy(attributes={"kind": ["threat", "normal"]}, guard=[where])
    (guard,) = guards(pair, p)
    assert (guard.n_scenarios, guard.n_clusters, guard.insufficient) == (20, 4, True)


def test_harm_that_is_shown_stays_shown_below_the_suites_own_size() -> None:
    kinds = ["threat"] * 20 + ["normal"] * 280
    right = [0.0] * 20 + [1.0] * 280
    pair = both([1.0] * 300, right, attributes={"kind": kinds})
    where = {"metric": "in_range", "where": {"kind": "threat"}, "min_families": 30}
    p = policy(attributes={"kind": ["threat", "normal"]}, guard=[where], overall={})
    (guard,) = guards(pair, p)
    assert (guard.verdict, guard.insufficient) == (Verdict.REGRESSED, True)
    assert decided(pair, p).verdict is GateVerdict.FAIL


def test_a_guard_may_have_to_be_proven() -> None:
    kinds = ["threat"] * 12 + ["normal"] * 288
    pair = both([1.0] * 300, [1.0] * 300, attributes={"kind": kinds})
    where = {"metric": "in_range", "where": {"kind": "threat"}}
    attributes = {"kind": ["threat", "normal"]}
    assert decided(pair, policy(attributes=attributes, guard=[where])).exit_code is ExitCode.OK
    gate = decided(pair, policy(attributes=attributes, guard=[where | {"prove": True}]))
    assert gate.exit_code is ExitCode.INCONCLUSIVE
    assert "in_range (kind=threat) is not shown to be no worse" in gate.reasons[0]


def test_a_guard_on_nothing_that_was_compared_is_insufficient() -> None:
    pair = both([1.0] * 300, [1.0] * 300, attributes={"kind": ["normal"] * 300})
    where = {"metric": "in_range", "where": {"kind": "threat"}}
    p = policy(attributes={"kind": ["threat", "normal"]}, guard=[where])
    (guard,) = guards(pair, p)
    assert (guard.n_clusters, guard.insufficient) == (0, True)
    # With several templates as well: not even one has such a scenario.
    other = replace(pair, template="other")
    assert len([d for d in compare_pairs([pair, other], p, seed=1) if d.slice]) == 2
    mixed = both([1.0] * 300, [1.0] * 300, attributes={"kind": ["threat"] * 300})
    found = compare_pairs([replace(mixed, template="other"), pair], p, seed=1)
    assert [d.n_clusters for d in found if d.slice] == [300]


def test_gating_slices_are_a_guard_per_value_and_proven_metric() -> None:
    kinds = KINDS * 40
    left = [1.0] * 160
    right = [0.0 if kind == "edge_case" else 1.0 for kind in kinds]
    pair = both(left, right, attributes={"kind": kinds})
    p = policy(
        attributes={"kind": KINDS},
        slices=[{"by": "kind", "gate": True, "margins": {"overall": 0.2}, "min_families": 20}],
    )
    found = guards(pair, p)
    assert [(d.metric, d.slice.value if d.slice else "") for d in found] == [
        ("overall", kind) for kind in sorted(KINDS)
    ]
    assert {d.margin for d in found} == {0.2}
    verdicts = {d.slice.value: d.verdict for d in found if d.slice}
    assert verdicts.pop("edge_case") is Verdict.REGRESSED
    assert set(verdicts.values()) == {Verdict.EQUIVALENT}
    hints = [d for d in compare_pairs([pair], p, seed=1) if d.slice and not d.gating]
    assert {d.margin for d in hints if d.metric == "overall"} == {0.2}
    assert {d.margin for d in hints if d.metric == "in_range"} == {0.05}


def test_an_explicit_guard_stands_before_a_gating_slice() -> None:
    p = policy(
        attributes={"kind": ["a", "b"]},
        slices=[{"by": "kind", "gate": True}],
        guard=[{"metric": "overall", "where": {"kind": "a"}, "margin": 0.3}],
    )
    assert [(g.where["kind"], g.margin) for g in p.guards] == [("a", 0.3), ("b", 0.1)]


def test_hints_below_the_size_are_insufficient_and_accuse_nothing() -> None:
    kinds = ["a"] * 8 + ["b"] * 92
    pair = both([1.0] * 100, [0.0] * 8 + [1.0] * 92, attributes={"kind": kinds})
    for size, verdict in ((8, Verdict.REGRESSED), (9, Verdict.INCONCLUSIVE)):
        p = policy(attributes={"kind": ["a", "b"]}, slices=[{"by": "kind", "min_families": size}])
        (hint,) = [
            d
            for d in compare_pairs([pair], p, seed=1)
            if d.slice and d.slice.value == "a" and d.metric == "in_range"
        ]
        assert (hint.verdict, hint.insufficient) == (verdict, size == 9)


@pytest.mark.parametrize(("alpha", "families"), [(0.05, 6), (0.01, 8), (0.001, 11), (0.2, 4)])
def test_the_smallest_size_is_what_an_accusation_takes(alpha: float, families: int) -> None:
    guard = [{"metric": "in_range"}]
    assert policy(alpha=alpha, guard=guard).guards[0].min_families == families
    # As many families that all became worse are accused; one less is not, whatever happened.
    for n, verdict in ((families, Verdict.REGRESSED), (families - 1, Verdict.INCONCLUSIVE)):
        pair = both([1.0] * n, [0.0] * n)
        p = policy(alpha=alpha, overall={}, draws=99_999)
        (found,) = [d for d in compare_pairs([pair], p, seed=1) if d.metric == "in_range"]
        assert found.verdict is verdict
    with pytest.raises(SuiteError, match=f"allowed: {families} or more"):
        policy(alpha=alpha, min_families=families - 1)


def test_a_limit_on_a_slice_looks_at_the_slice() -> None:
    kinds = ["threat"] * 100 + ["normal"] * 100
    right = [1.0] * 60 + [0.0] * 40 + [1.0] * 100
    pair = both([1.0] * 200, right, attributes={"kind": kinds})
    p = policy(
        attributes={"kind": ["threat", "normal"]},
        limits=[
            {"metric": "in_range", "at_least": 0.7},
            {"metric": "in_range", "where": {"kind": "threat"}, "at_least": 0.8},
        ],
    )
    whole, threats = check_limits([pair], p)
    assert (whole.status, whole.value, whole.n_scenarios) == ("met", 0.8, 200)
    assert (threats.status, threats.value, threats.n_scenarios) == ("not_met", 0.6, 100)
    assert threats.interval == pytest.approx(proportion_confint(60, 100, method="wilson"))
    reasons = decided(pair, p).reasons
    assert "in_range (kind=threat) is shown to miss its limit (at least 0.8)" in reasons


def test_a_share_limit_counts_scenarios_within_the_bound() -> None:
    # 96 of 100 lie below 15; one lies on it, which is not below.
    values = [3.0] * 96 + [15.0] + [60.0] * 3
    pair = both(values, values, DEVIATION)

    def limit(**share: float) -> Any:
        p = policy((DEVIATION,), limits={"deviation": {"share": share}})
        (found,) = check_limits([pair], p)
        return found

    below = limit(below=15, at_least=0.9)
    assert below.value == pytest.approx(0.96)
    assert below.interval == pytest.approx(proportion_confint(96, 100, method="wilson"))
    assert below.status == "met"
    assert limit(below=15, at_least=0.99).status == "not_met"  # Wilson's upper end is .984
    assert limit(up_to=15, at_least=0.9).value == pytest.approx(0.97)
    assert limit(reaches=15, at_most=0.2).value == pytest.approx(0.04)
    assert limit(above=15, at_most=0.2).value == pytest.approx(0.03)
    assert limit(below=15, at_least=0.95).status == "not_shown"


def test_a_share_limit_takes_the_mean_over_repeats_and_failures_as_worst() -> None:
    values = np.array([[0.0, 28.0], [0.0, 32.0], [10.0, 10.0], [75.0, 0.0]])
    outcomes = np.zeros((4, 2), np.uint8)
    outcomes[3, 0] = Outcome.FAILED
    run = make_run([column(DEVIATION, values, outcomes)])
    p = policy((DEVIATION,), limits={"deviation": {"share": {"below": 15, "at_least": 0.5}}})
    (found,) = check_limits([RunPair("basic", run, run)], p)
    assert found.value == pytest.approx(0.5)  # means 14, 16, 10, 37.5


def test_families_widen_a_share_limit() -> None:
    values = ([3.0] * 9 + [60.0]) * 20
    spread = [f"f{i % 20}" for i in range(200)]
    clumped = sorted(values)
    p = policy((DEVIATION,), limits={"deviation": {"share": {"below": 15, "at_least": 0.8}}})
    independent, families = (
        check_limits([both(clumped, clumped, DEVIATION, families=f)], p)[0]
        for f in (None, [f"f{i // 10}" for i in range(200)])
    )
    assert (independent.status, families.status) == ("met", "not_shown")
    even = check_limits([both(values, values, DEVIATION, families=spread)], p)[0]
    assert even.n_scenarios == 200


@pytest.mark.parametrize("n_families", [12, 40])
def test_share_limits_err_as_often_as_they_say(n_families: int) -> None:
    """At the threshold itself each wrong claim, met or missed, is due in 2.5 % of cases."""
    rng = np.random.default_rng(11)
    size, rounds = 5, 600
    p = policy((DEVIATION,), limits={"deviation": {"share": {"below": 15, "at_least": 0.75}}})
    families = [f"f{i:02d}" for i in range(n_families) for _ in range(size)]
    said = {"met": 0, "not_met": 0, "not_shown": 0}
    for _ in range(rounds):
        share = rng.beta(4.5, 1.5, n_families)  # of a family; 0.75 on average
        within = rng.random(n_families * size) < np.repeat(share, size)
        values = np.where(within, 3.0, 40.0)
        run = make_run([column(DEVIATION, values)], families=families)
        said[check_limits([RunPair("basic", run, run)], p)[0].status] += 1
    room = 3 * np.sqrt(0.025 * 0.975 / rounds)
    assert said["met"] / rounds <= 0.025 + room
    assert said["not_met"] / rounds <= 0.025 + room


def test_limits_that_must_be_shown_keep_the_gate_from_passing() -> None:
    values = [1.0] * 240 + [0.0] * 60
    pair = both(values, values)
    limit = {"in_range": {"at_least": 0.8}}
    assert decided(pair, policy(limits=limit)).exit_code is ExitCode.OK
    gate = decided(pair, policy(limits=limit, limits_must="shown"))
    assert gate.exit_code is ExitCode.INCONCLUSIVE
    assert gate.reasons == ("in_range is not shown to meet its limit (at least 0.8)",)
    one = {"in_range": {"at_least": 0.8, "must": "not_missed"}}
    assert decided(pair, policy(limits=one, limits_must="shown")).exit_code is ExitCode.OK


def gaps(n: int, lost: int, scale: Scale = IN_RANGE) -> Any:
    outcomes = [Outcome.GAP] * lost + [Outcome.SCORED] * (n - lost)
    return column(scale, [1.0] * n, outcomes)


def test_gaps_decide_limits_only_if_they_decide_both_ways() -> None:
    base = make_run([column(IN_RANGE, [1.0] * 100)])
    cand = make_run([gaps(100, 15), gaps(100, 15, ANSWERED)], label="v2")
    p = policy(
        attributes={"kind": ["a"]},
        limits=[
            {"metric": "in_range", "at_least": 0.85},
            {"name": "low", "metric": "in_range", "at_least": 0.6},
            {"name": "all", "metric": "in_range", "share": {"reaches": 1, "at_least": 0.85}},
        ],
    )
    near, far, share = check_limits([RunPair("basic", base, cand)], p)
    assert (near.status, far.status, share.status) == ("not_shown", "met", "not_shown")
    assert near.interval is not None
    assert near.interval[1] == 1.0


def test_gaps_of_a_metric_without_bounds_leave_a_limit_open() -> None:
    outcomes = [Outcome.GAP] + [Outcome.SCORED] * 99
    run = make_run([column(LATENCY, [1.0] * 100, outcomes)])
    pair = RunPair("basic", run, run)
    p = policy(
        (LATENCY,),
        prove=[],
        limits=[
            {"metric": "latency", "at_most": 5},
            {"name": "quick", "metric": "latency", "share": {"below": 5, "at_least": 0.9}},
        ],
    )
    mean, share = check_limits([pair], p)
    assert (mean.status, mean.interval) == ("not_shown", None)
    assert "nothing bounds" in mean.notes[0]
    assert share.status == "met"  # 99 or 100 of 100: either will do


def test_gap_rate_is_a_fact_about_the_run() -> None:
    """Lost trials and unscored answers count; failed trials, known to be worst, do not."""
    answered = [Outcome.GAP] * 4 + [Outcome.FAILED] * 10 + [Outcome.SCORED] * 86
    judged = [Outcome.GAP] * 4 + [Outcome.FAILED] * 10 + [Outcome.GAP] * 6 + [Outcome.SCORED] * 80
    kinds = ["a"] * 20 + ["b"] * 80
    run = make_run(
        [column(IN_RANGE, [1.0] * 100, judged), column(ANSWERED, [1.0] * 100, answered)],
        attributes={"kind": kinds},
    )
    p = policy(
        attributes={"kind": ["a", "b"]},
        limits=[
            {"metric": "gap_rate", "at_most": 0.1},
            {"metric": "gap_rate.answered", "at_most": 0.03},
            {"metric": "gap_rate", "where": {"kind": "a"}, "at_most": 0.1},
            {"metric": "gap_rate.overall", "at_most": 0.1},
        ],
    )
    found = check_limits([RunPair("basic", run, run)], p)
    assert [x.value for x in found] == pytest.approx([0.10, 0.04, 0.50, 0.10])
    assert [x.status for x in found] == ["met", "not_met", "not_met", "met"]
    assert all(x.interval is None for x in found)


def test_too_many_gaps_are_no_regression_but_not_comparable() -> None:
    base = make_run([column(IN_RANGE, [1.0] * 300)])
    cand = make_run([gaps(300, 6), gaps(300, 6, ANSWERED)], label="v2")
    pair = RunPair("basic", base, cand)
    limit = {"gap_rate": {"at_most": 0.01}}
    for inconclusive in ("block", "allow"):
        gate = decided(pair, policy(limits=limit, inconclusive=inconclusive))
        assert (gate.verdict, gate.exit_code) == (
            GateVerdict.INCONCLUSIVE,
            ExitCode.NOT_COMPARABLE,
        )
        assert "gap_rate: 2.0% of trials are gaps (limit: at most 0.01)" in gate.reasons[0]
    worse = make_run(
        [column(IN_RANGE, [0.0] * 300, [2] * 6 + [0] * 294), gaps(300, 6, ANSWERED)], label="v2"
    )
    assert decided(RunPair("basic", base, worse), policy(limits=limit)).exit_code == 1


def test_gaps_decide_guards_and_hints_only_if_they_decide_both_ways() -> None:
    kinds = ["threat"] * 60 + ["normal"] * 240
    base = make_run([column(IN_RANGE, [1.0] * 300)], attributes={"kind": kinds})
    where = {"metric": "in_range", "where": {"kind": "threat"}, "margin": 0.2}
    p = policy(attributes={"kind": ["threat", "normal"]}, guard=[where], slices=["kind"])

    def threat(values: Sequence[float], lost: int) -> list[Difference]:
        outcomes = [Outcome.GAP] * lost + [Outcome.SCORED] * (300 - lost)
        run = make_run([column(IN_RANGE, values, outcomes)], label="v2", attributes={"kind": kinds})
        found = compare_pairs([RunPair("basic", base, run)], p, seed=1)
        return [
            d for d in found if d.slice and d.slice.value == "threat" and d.metric == "in_range"
        ]

    for d in threat([1.0] * 300, 20):  # a loss of a third, or none
        assert d.verdict is Verdict.INCONCLUSIVE
        assert any("depending on them" in note for note in d.notes)
    for d in threat([0.0] * 60 + [1.0] * 240, 5):  # a loss of all, or of nearly all
        assert d.verdict is Verdict.REGRESSED


def test_a_hint_is_not_accused_where_gaps_could_turn_it_round() -> None:
    """All of one side missing: the worst fill says all broke, the best one that all got better."""
    kinds = ["a"] * 40 + ["b"] * 60
    base = make_run([column(IN_RANGE, [0.0] * 20 + [1.0] * 80)], attributes={"kind": kinds})
    outcomes = [Outcome.GAP] * 40 + [Outcome.SCORED] * 60
    cand = make_run([column(IN_RANGE, [1.0] * 100, outcomes)], attributes={"kind": kinds})
    p = policy(attributes={"kind": ["a", "b"]}, slices=["kind"])
    hints = [
        d
        for d in compare_pairs([RunPair("basic", base, cand)], p, seed=1)
        if d.slice and d.slice.value == "a"
    ]
    assert hints
    assert {d.verdict for d in hints if d.metric == "in_range"} == {Verdict.INCONCLUSIVE}
    assert {d.p_value for d in hints if d.metric == "in_range"} == {1.0}


def test_unequal_failures_and_gaps_are_said() -> None:
    even = make_run([column(ANSWERED, [1.0] * 100)])
    failed = make_run([column(ANSWERED, [0.0] * 12 + [1.0] * 88, [1] * 12 + [0] * 88)])
    lost = make_run([gaps(100, 12, ANSWERED)])
    p = policy((IN_RANGE,))

    def said(a: Run, b: Run) -> list[str]:
        return list(unequal_losses([RunPair("basic", a, b)], p, seed=1))

    assert said(even, even) == []
    (text,) = said(even, failed)
    assert text.startswith(
        "0 of 100 trials of the baseline and 12 of 100 trials of the candidate failed (p <.001)"
    )
    assert "were lost to the infrastructure" in said(lost, even)[0]
    # The same scenarios on both sides are no difference, and three of a hundred are chance.
    assert said(failed, failed) == []
    few = make_run([column(ANSWERED, [0.0] * 3 + [1.0] * 97, [1] * 3 + [0] * 97)])
    assert said(even, few) == []
    # Twelve of one family are one observation.
    families = (*["one"] * 12, *(f"f{i}" for i in range(88)))
    assert said(replace(even, families=families), replace(failed, families=families)) == []


def test_what_was_hardly_judged_is_said() -> None:
    judged = make_run([column(IN_RANGE, [1.0] * 100)])
    half = make_run([column(IN_RANGE, [1.0] * 100, [2] * 21 + [0] * 79)])
    most = make_run([column(IN_RANGE, [1.0] * 100, [2] * 20 + [0] * 80)])
    apart = make_run([column(IN_RANGE, [1.0] * 100, [3] * 50 + [2] * 10 + [0] * 40)])
    p = policy((IN_RANGE, Scale("preferred", "bounded", margin=0.05)))

    def said(a: Run, b: Run) -> list[str]:
        return list(unjudged([RunPair("basic", a, b)], p))

    assert said(judged, most) == []
    assert said(judged, apart) == []  # ten of the fifty that the metric applies to
    (text,) = said(judged, half)
    assert text.startswith("in_range: 21 of 100 answers of the candidate could not be judged;")


def test_a_comparison_without_one_answer_says_so() -> None:
    none = make_run([column(ANSWERED, [0.0] * 9, [1] * 9)], failures={"empty": 9})
    one = make_run([column(ANSWERED, [1.0] + [0.0] * 8, [0] + [1] * 8)], failures={"empty": 8})

    def said(a: Run, b: Run) -> list[str]:
        return list(unjudged([RunPair("basic", a, b)], policy((ANSWERED,))))

    assert said(none, one) == []
    (text,) = said(none, none)
    assert text.startswith("not one answer of either side could be used (empty 18)")
    told, known = (
        compare_pairs([RunPair("basic", run, run)], policy((ANSWERED,)), seed=1)[0]
        for run in (none, one)
    )
    assert told.scenarios_needed is None
    assert known.scenarios_needed


def test_a_part_can_accuse_and_never_pass() -> None:
    same = both([1.0, 0.0] * 200, [1.0, 0.0] * 200)
    for inconclusive in ("block", "allow"):
        gate = decided(same, policy(inconclusive=inconclusive), partial=True)
        assert (gate.verdict, gate.exit_code) == (GateVerdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
        assert any("a part can accuse, and never pass" in r for r in gate.reasons)
    worse = both([1.0] * 100, [0.0] * 100)
    assert decided(worse, policy(), partial=True).exit_code is ExitCode.REGRESSION


@pytest.mark.parametrize("field", ["partial", "synthetic"])
def test_some_runs_can_never_become_a_gates_baseline(field: str) -> None:
    settings: dict[str, Any] = {field: True}
    run = make_run([column(IN_RANGE, [1.0])], **settings)
    with pytest.raises(NotComparableError, match=f"--allow-mismatch {field}") as caught:
        check_baseline(run, decides=False)
    assert caught.value.exit_code is ExitCode.NOT_COMPARABLE
    (warning,) = check_baseline(run, allow=[field], decides=False)
    assert "never passes" in warning
    with pytest.raises(NotComparableError, match="No gate takes it"):
        check_baseline(run, allow=[field], decides=True)
    assert check_baseline(make_run([column(IN_RANGE, [1.0])]), decides=True) == ()


@pytest.mark.parametrize(
    "field",
    ["scenarios", "scorers", "parser", "provider", "sampling", "model", "repeats", "seed"],
)
def test_each_fingerprint_alone_is_named(field: str) -> None:
    prints = dict.fromkeys(
        ("scenarios", "scorers", "parser", "provider", "sampling", "model", "repeats", "seed"), "a"
    )
    a = make_run([column(IN_RANGE, [1.0])], fingerprints=prints)
    b = make_run([column(IN_RANGE, [1.0])], fingerprints=prints | {field: "b"})
    with pytest.raises(NotComparableError, match=f"not comparable: {field} differs"):
        check_comparable(a, b)
    lacking = {k: v for k, v in prints.items() if k != field}
    c = make_run([column(IN_RANGE, [1.0])], fingerprints=lacking)
    with pytest.raises(NotComparableError, match=rf"{field} differs .*\(not recorded\)"):
        check_comparable(a, c)


# The preset.


def preset_pair(**kwargs: Any) -> RunPair:
    n = 200
    columns = [
        column(DEVIATION, [2.0] * 198 + [40.0] * 2),
        column(USAGE, [4.0, 3.0] * 100),
        column(IOU, [0.7, 0.9] * 100),
        column(ANSWERED, [1.0] * n),
    ]
    attributes = {"scenario_type": KINDS * 50, "enrichment_level": ["full", "none"] * 100}
    run = make_run(columns, attributes=attributes | kwargs)
    return RunPair("basic", run, run)


ATTRIBUTES = {"scenario_type": KINDS, "enrichment_level": ["full", "none"]}


def test_all_criteria_of_the_preset_measured_and_met_pass() -> None:
    p = policy((DEVIATION, USAGE, IOU), ATTRIBUTES, use=PRESET)
    pair = preset_pair()
    found = {x.name: x for x in check_limits([pair], p)}
    assert {k: x.status for k, x in found.items()} == dict.fromkeys(
        ("deviation", "context_usage", "iou"), "met"
    )
    assert found["context_usage"].n_scenarios == 100
    assert found["context_usage"].slice is not None
    assert [c.status for c in check_criteria([pair.candidate], p)] == ["present"]
    assert decided(pair, p).exit_code is ExitCode.OK
    assert p.preset == PRESET


def test_a_criterion_that_nothing_measures_keeps_the_gate_from_passing() -> None:
    pair = preset_pair()
    p = policy((DEVIATION,), ATTRIBUTES, use=PRESET)
    gate = decided(pair, p)
    assert gate.exit_code is ExitCode.INCONCLUSIVE
    assert gate.reasons == (
        "context_usage (enrichment_level=full) at least 3: not measured: "
        "no scorer gives context_usage",
        "iou at least 0.7: not measured: no scorer gives iou",
    )
    p = policy((DEVIATION,), ATTRIBUTES, use=PRESET, drop=["context_usage", "iou"])
    assert decided(pair, p).exit_code is ExitCode.OK
    told = [(c.name, c.status) for c in check_criteria([pair.candidate], p)]
    assert told == [
        ("scenario_type", "present"),
        ("context_usage", "dropped"),
        ("iou", "dropped"),
    ]


def test_a_criterion_on_a_slice_that_is_not_there_is_not_measured() -> None:
    p = policy((DEVIATION, USAGE, IOU), {"scenario_type": KINDS}, use=PRESET)
    (lacking,) = p.apart
    assert (lacking.name, lacking.status) == ("context_usage", "not_measured")
    assert lacking.note == "no scenario has enrichment_level=full"


def test_missing_scenario_types_keep_the_gate_from_passing() -> None:
    pair = preset_pair(scenario_type=["normal", "threat"] * 100)
    p = policy((DEVIATION, USAGE, IOU), ATTRIBUTES, use=PRESET)
    gate = decided(pair, p)
    assert gate.exit_code is ExitCode.INCONCLUSIVE
    assert gate.reasons[0].endswith(
        "no compared scenario has scenario_type=suspicious or edge_case"
    )
    for lacking in ("suspicious", "edge_case"):
        more = make_run([column(IN_RANGE, [1.0])], attributes={"scenario_type": [lacking]})
        assert len(check_criteria([pair.candidate, more], p)[0].note.split(" or ")) == 1


def test_a_suites_own_criterion_stands_in_and_is_told() -> None:
    own = {"context_usage": {"at_least": 2}}
    p = policy((DEVIATION, USAGE, IOU), ATTRIBUTES, use=PRESET, limits=own)
    assert {b.name: b.threshold for b in p.limits}["context_usage"] == 2
    assert [(c.name, c.note) for c in p.apart] == [
        ("context_usage", "the suite has its own instead")
    ]
    # Its own limit is held to what exists, as any other.
    with pytest.raises(SuiteError, match="unknown 'context_usage'"):
        policy((DEVIATION, IOU), ATTRIBUTES, use=PRESET, limits=own)


def test_what_a_suite_says_decides_the_policys_hash() -> None:
    hashes = {
        policy((DEVIATION,), ATTRIBUTES, **gate).sha256
        for gate in (
            {},
            {"use": PRESET},
            {"use": PRESET, "drop": ["iou"]},
            {"use": PRESET, "limits_must": "not_missed"},
            {"limits": {"deviation": {"at_most": 5}}},
            {"limits": {"deviation": {"share": {"below": 15, "at_least": 0.9}}}},
            {"min_families": 7},
            {"guard": [{"metric": "deviation"}]},
            {"guard": [{"metric": "deviation", "prove": True}]},
            {"insufficient": "allow"},
            {"require_values": {"scenario_type": ["threat"]}},
        )
    }
    assert len(hashes) == 10  # a size without slices or guards changes nothing


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"limits": {"deviation": {"at_most": 500}}}, "at_most 500 lies outside 0 to 100"),
        ({"limits": {"gap_rate": {"at_least": 0.1}}}, "takes 'at_most'"),
        ({"limits": {"gap_rate.nope": {"at_most": 0.1}}}, "unknown 'nope'"),
        (
            {"limits": {"x": {"metric": "deviation", "share": {"below": 150, "at_least": 0.5}}}},
            "150",
        ),
        ({"limits": {"deviation": {"at_most": 5, "where": {"kind": "a"}}}}, "unknown 'kind'"),
        ({"slices": ["scenario_type", {"by": "scenario_type"}]}, "listed twice"),
        ({"slices": [{"by": "scenario_type", "margins": {"nope": 1}}]}, "unknown 'nope'"),
        ({"guard": [{"metric": "deviation"}, {"metric": "deviation"}]}, "guarded on this slice"),
        ({"drop": ["iou"]}, "gate.use"),
        ({"use": "nope"}, "no preset is called 'nope'"),
        ({"use": PRESET, "drop": ["io"]}, "did you mean 'iou'"),
        ({"use": PRESET, "drop": ["iou"], "limits": {"iou": {"at_least": 0.5}}}, "given anew"),
        # Whatever the answers, a worsening as large as this cannot be: such a margin proves all.
        ({"margins": {"iou": 5}}, "gate.margins.iou is 5: the metric goes from 0 to 1"),
        ({"overall": {"a": []}}, "gate.overall.a names no metric"),
        ({"margins": {"overall": 1}}, "gate.margins.overall is 1.* below 1"),
        ({"margins": {"deviation": 100}}, "allowed: below 100"),
        ({"margins": {"answered": 5}}, "0.05 is five percentage points"),
        ({"guard": [{"metric": "iou", "margin": 1.5}]}, r"gate.guard\[0\].margin is 1.5"),
        ({"slices": [{"by": "scenario_type", "margins": {"iou": 2}}]}, "margins.iou is 2"),
        ({"alpha": 0.001, "draws": 999}, "gate.draws is 999; at alpha 0.001.* 9,999"),
    ],
)
def test_what_a_policy_cannot_mean_is_refused(gate: Any, words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        policy((DEVIATION, IOU), ATTRIBUTES, **gate)


def test_a_ratio_metrics_guard_needs_a_ratio() -> None:
    with pytest.raises(SuiteError, match="ratio above 1"):
        policy((LATENCY,), prove=[], guard=[{"metric": "latency", "margin": 0.1}])


def test_what_only_is_shown_cannot_be_proven_nor_guarded() -> None:
    shown = replace(IOU, name="effective.iou")
    for gate in (
        {"prove": ["overall", "effective.iou"]},
        {"guard": [{"metric": "effective.iou"}]},
        {"overall": {"boxes": ["iou", "effective.iou"]}},
    ):
        with pytest.raises(SuiteError, match="never gates; name 'iou'"):
            policy((IOU, shown), ATTRIBUTES, **gate)


def test_a_metric_to_be_proven_that_was_not_compared_is_no_pass() -> None:
    p = policy((IN_RANGE,))
    gate = decided(both([1] * 200, [1] * 200), replace(p, prove=(*p.prove, "elsewhere")))
    assert gate.verdict is GateVerdict.INCONCLUSIVE
    assert gate.reasons == ("elsewhere is to be proven and was not compared",)
