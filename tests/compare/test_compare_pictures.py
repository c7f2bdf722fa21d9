"""What is shown besides verdicts: failures by attributes, reliability, scorers' remarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from promptreg.policy import make_policy
from promptreg.records import Outcome, ScoreColumn
from promptreg.stages.compare import RunPair, breakdowns, compare_pairs, curves, with_remarks
from promptreg.suite import GateEntry
from promptreg.verdicts import BreakdownRow
from run_factory import ANSWERED, IN_RANGE, column, make_run

KINDS = {"kind": ("a", "a", "b", "b", "b", "c"), "tier": ("x", "x", "x", "y", "", "x")}


def pair(before: Sequence[float], after: Sequence[float], **given: Any) -> RunPair:
    runs = [
        make_run([column(IN_RANGE, side)], attributes=KINDS, **given) for side in (before, after)
    ]
    return RunPair("basic", *runs)


def test_failures_are_counted_by_both_attributes_and_rows_without_one_are_left_out() -> None:
    one = pair([1, 0, 0, 1, 0, 1], [0, 0, 1, 1, 0, 1])
    (found,) = breakdowns([one], ["in_range"], ["kind", "tier"])
    assert found.by == ("kind", "tier")
    assert found.rows == (BreakdownRow(("a", "x"), 2, 1, 2), BreakdownRow(("b", "x"), 1, 1, 0))
    assert breakdowns([one], ["in_range"], ["nothing"]) == ()
    assert breakdowns([pair([1] * 6, [1] * 6)], ["in_range"], ["kind"]) == ()


def test_what_is_not_known_is_no_failure_and_no_success() -> None:
    one = pair([0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1])
    gaps = one.candidate.columns["in_range"]
    outcomes = gaps.outcomes.copy()
    outcomes[0] = Outcome.GAP
    columns = {**one.candidate.columns, "in_range": replace(gaps, outcomes=outcomes)}
    lost = replace(one, candidate=replace(one.candidate, columns=columns))
    (found,) = breakdowns([lost], ["in_range"], ["kind"])
    assert found.rows == (BreakdownRow(("a",), 1, 1, 1),)


def test_a_picture_or_remark_that_raises_costs_no_verdict() -> None:
    one = pair([1, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1])

    def broken(*_: Any) -> Any:
        raise RuntimeError("no")

    def odd(values: Any) -> Any:
        return [(float("nan"), 0.5, 3)]

    assert curves([one], {"in_range": broken}) == ()
    assert curves([one], {"in_range": odd}) == ()
    (curve,) = curves([one], {"in_range": lambda values: [(0.5, float(values.mean()), 6)]})
    assert curve.candidate == ((0.5, 1.0, 6),)

    policy = make_policy(
        GateEntry(),
        [IN_RANGE, ANSWERED],
        {"q": ["in_range"]},
        {},
        where="s",
        shown_only={"answered"},
    )
    made = compare_pairs([one], policy, seed=1)
    gating = {d.metric: d.gating for d in made}
    assert gating == {"overall": True, "in_range": True, "answered": False}

    def remark(before: ScoreColumn, after: ScoreColumn, families: Sequence[str]) -> list[str]:
        return [f"{np.nansum(before.values):g} then {np.nansum(after.values):g}, {len(families)}"]

    told = {d.metric: d.notes for d in with_remarks(made, [one], {"in_range": remark})}
    assert "5 then 6, 6" in told["in_range"]
    failed = {d.metric: d.notes for d in with_remarks(made, [one], {"in_range": broken})}
    assert "its scorer's remark failed: RuntimeError: no" in failed["in_range"]
