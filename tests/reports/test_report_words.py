"""Numbers and verdicts in words: the line every report prints."""

from __future__ import annotations

import dataclasses
import math

import pytest

from comparison_factory import METRICS, difference, make_comparison
from promptreg import numbers
from promptreg.stages.report import digest
from promptreg.stages.report.lines import line_of, oriented
from promptreg.verdicts import Difference, GateVerdict, Limit, Slice, Verdict

ROWS = {row[0]: row for row in METRICS}


@pytest.mark.parametrize(
    ("value", "share", "text"),
    [
        (-0.07, True, "-7.0pp"),
        (0.0, True, "0.0pp"),
        (-0.0001, True, "0.0pp"),
        (-0.011, False, "-0.011"),
        (-0.0001, False, "0.000"),
        (2.5, False, "+2.50"),
        (-1234.0, False, "-1,234"),
        (math.nan, False, "-"),
        (None, True, "-"),
    ],
)
def test_change(value: float | None, share: bool, text: str) -> None:
    assert numbers.change(value, share=share) == text


def test_both_ends_of_an_interval_have_the_same_places() -> None:
    assert numbers.interval(-0.105, 1.2) == "[-0.10, +1.20]"
    assert numbers.interval(-0.1164, 0.02, share=True) == "[-11.6, +2.0]"
    assert numbers.interval(None, 1.0) == "-"
    assert numbers.interval(-math.inf, 1.0) == "-"


def test_margin() -> None:
    assert numbers.margin(0.05, share=True) == "±5pp"
    assert numbers.margin(0.0286) == "±0.029"
    assert numbers.margin(3.0, "points") == "±3 points"
    assert numbers.margin(1234.0) == "±1,234"


def test_what_one_trial_scored() -> None:
    found = [numbers.score(v) for v in (1.0, -0.0, 25.0, 0.5, 1234.0, None, math.nan)]
    assert found == ["1", "0", "25", "0.500", "1,234", "-", "-"]


def test_line_of_a_share() -> None:
    line = line_of(difference("basic", ROWS["in_range"]))
    assert (line.baseline, line.candidate, line.change) == ("88.0%", "81.0%", "-7.0pp")
    assert (line.interval, line.margin, line.seen) == ("[-11.5, -2.5]", "±5pp", "±6.4pp")
    assert line.verdict == "REGRESSED"
    assert line.extras == ("p .003, adj .021", "19 broke, 5 fixed")


def test_what_broke_turns_with_the_direction() -> None:
    assert "5 broke, 19 fixed" in line_of(difference("basic", ROWS["false_alarm"])).extras


def test_line_of_a_ratio_speaks_in_ratios() -> None:
    line = line_of(difference("basic", ROWS["latency"]))
    assert (line.change, line.interval, line.margin) == ("×1.03", "[×0.98, ×1.08]", "×1.10")
    assert line.seen == "×1.07"
    assert (line.title, line.unit) == ("latency, s", "s")
    assert line_of(difference("basic", ROWS["tokens"])).title == "tokens"


def test_suspect_and_scenarios_needed_are_said() -> None:
    d = dataclasses.replace(difference("basic", ROWS["key_points"]), suspect=True)
    line = line_of(d)
    assert line.verdict == "inconclusive (suspect)"
    assert "~130 more scenarios" in line.extras
    assert any(extra.startswith("p .210") for extra in line.extras)


def test_what_is_not_known_is_a_dash() -> None:
    d = dataclasses.replace(
        difference("basic", ROWS["overall"]), difference=None, interval=None, baseline=None,
        candidate=math.nan, margin=None, detectable_difference=None,
    )  # fmt: skip
    line = line_of(d)
    shown = {line.baseline, line.candidate, line.change, line.interval, line.margin, line.seen}
    assert shown == {"-"}


def test_orientation() -> None:
    assert oriented(difference("basic", ROWS["deviation"])) == pytest.approx(-1.1)
    assert oriented(difference("basic", ROWS["overall"])) == pytest.approx(-0.011)


def test_headline_and_facts() -> None:
    comparison = make_comparison()
    assert digest.headline(comparison).startswith("FAIL — in_range regressed; in_range (")
    assert digest.facts(comparison) == (
        "2 templates of 200 scenarios (40 families), 3 repeats each, "
        "13 failed outputs counted as worst, 1 gap bounded from both sides, 2 HTTP errors"
    )
    assert digest.facts(make_comparison(templates=("basic",))).startswith("200 scenarios (40 fam")


@pytest.mark.parametrize("verdict", list(GateVerdict))
def test_the_sentence_says_what_is_known(verdict: GateVerdict) -> None:
    made = make_comparison(verdict=verdict)
    rows = tuple(d for d in made.differences if d.slice is None or d.gating)
    said = digest.sentence(dataclasses.replace(made, differences=rows))
    expected = {
        GateVerdict.FAIL: (
            "Do not merge: v2 is worse than v1 on in_range (basic, enriched), and misses its "
            "limit on answered (basic)."
        ),
        GateVerdict.PASS: (
            "Can be merged: v2 is shown to be no worse than v1 by more than the margin."
        ),
        GateVerdict.INCONCLUSIVE: (
            "Not decided: the data do not tell whether v2 is worse than v1."
        ),
    }
    assert said == expected[verdict]


def test_a_pass_names_the_slice_that_lost() -> None:
    """The average improved, and vandalism is no longer seen: nobody may merge that unread."""
    whole = difference("basic", ROWS["overall"], verdict=Verdict.NO_WORSE)
    bill, lost = (
        difference(
            "basic",
            ROWS[n],
            where=Slice("kind", "vandalism"),
            shift=-0.5,
            verdict=Verdict.REGRESSED,
        )
        for n in ("latency", "overall")
    )
    passed = dataclasses.replace(
        make_comparison(verdict=GateVerdict.PASS), differences=(whole, bill, lost)
    )
    assert digest.headline(passed).endswith("BUT worse where kind=vandalism (overall)")
    assert digest.sentence(passed) == (
        "Passes, but look before you go on: v2 is shown to be no worse than v1 by more than the "
        "margin on the whole, and is worse where kind=vandalism (overall)."
    )
    assert "{metric: overall, where: {kind: vandalism}}" in digest.how_to_guard(passed)
    small = dataclasses.replace(lost, verdict=Verdict.INCONCLUSIVE, insufficient=True)
    assert "kind=vandalism (overall 0." in digest.too_small(
        dataclasses.replace(passed, differences=(whole, small))
    )


def test_slices_that_hurt_come_worst_first_and_improved_ones_do_not() -> None:
    def sliced(value: str, shift: float, verdict: Verdict, suspect: bool = False) -> object:
        d = difference(
            "basic", ROWS["overall"], where=Slice("a", value), shift=shift, verdict=verdict
        )
        return dataclasses.replace(d, suspect=suspect)

    rows = (
        sliced("fine", 0.3, Verdict.IMPROVED),
        sliced("small", -0.01, Verdict.INCONCLUSIVE),
        sliced("large", -0.2, Verdict.INCONCLUSIVE),
        sliced("suspect", -0.02, Verdict.INCONCLUSIVE, suspect=True),
        sliced("accused", -0.05, Verdict.REGRESSED),
        sliced("accused more", -0.09, Verdict.REGRESSED),
    )
    comparison = dataclasses.replace(make_comparison(), differences=rows)  # type: ignore[arg-type]
    found, more = digest.hurting_slices(comparison, 3)
    values = [d.slice.value for d in found if d.slice]
    assert values == ["accused more", "accused", "suspect"]
    assert more == 1


def test_a_guard_is_no_slice() -> None:
    comparison = make_comparison(templates=("basic",))
    assert [d.metric for d in digest.guards(comparison)] == ["in_range"]
    assert all(not d.gating for d in digest.hurting_slices(comparison, 99)[0])


def test_limits_speak_the_unit_of_their_metric() -> None:
    comparison = make_comparison(templates=("basic",))
    points = Limit("basic", "deviation", None, "at_most", 5.0, 5.3, None, "not_shown", 200)
    comparison = dataclasses.replace(comparison, limits=(*comparison.limits, points))
    said = [f"{what}: {status}" for _, what, status in digest.limits(comparison)]
    assert said == [
        "in_range at least 80.0%: not shown (81.0%, interval [75.0%, 86.0%], 200 scenarios)",
        "answered at least 98.0%: NOT MET (96.0%, interval [93.0%, 97.0%], 200 scenarios)",
        "deviation at most 5.00: not shown (5.30, 200 scenarios)",
    ]


def test_how_each_cause_counts() -> None:
    rows = {row.cause: row for row in digest.causes(make_comparison())}
    assert rows["timeout"].treatment == "worst"
    assert rows["network"].treatment == "bounded"
    assert rows["http_status"].treatment == "by status"
    assert (rows["unparseable"].baseline, rows["unparseable"].candidate) == (1, 5)


def test_a_slice_is_too_small_only_where_nothing_of_it_gets_a_verdict() -> None:
    def part(metric: str, value: str, n: int, *, small: bool) -> Difference:
        d = difference("basic", ROWS["in_range"], where=Slice("kind", value), gating=False)
        return dataclasses.replace(d, metric=metric, n_scenarios=n, insufficient=small)

    rows = (
        part("in_range", "night", 28, small=False),
        part("recall", "night", 4, small=True),
        part("false_alarm", "night", 0, small=True),  # applies to nothing there
        part("in_range", "fog", 3, small=True),
        part("recall", "fog", 0, small=True),
    )
    found = dataclasses.replace(make_comparison(), differences=rows)
    assert digest.too_small(found) == (
        "too small for a verdict: kind=fog (in_range 88.0% to 81.0%, n 3), recall (kind=night)"
    )
    # A price that a longer prompt raises everywhere is not what a slice lost; of so few families
    # its ratio is not known.
    bill = dataclasses.replace(
        part("latency", "fog", 3, small=True), baseline=3.0, candidate=9.0, difference=-99.0
    )
    priced = dataclasses.replace(
        found, differences=(*rows, bill, difference("basic", ROWS["latency"]))
    )
    assert digest.too_small(priced) == digest.too_small(found)


def test_a_figure_that_is_better_below_says_so() -> None:
    assert line_of(difference("basic", ROWS["deviation"])).hint == "points, lower is better"
    assert line_of(difference("basic", ROWS["false_alarm"])).hint == "lower is better"
    assert line_of(difference("basic", ROWS["in_range"])).hint == ""
    assert line_of(difference("basic", ROWS["latency"])).hint == "s"  # a ratio says it by itself


def test_what_could_not_vary_could_have_been_seen_in_any_size() -> None:
    stuck = dataclasses.replace(difference("basic", ROWS["in_range"]), detectable_difference=0.0)
    assert line_of(stuck).seen == "any"


def test_differences_without_failed_trials_are_in_the_units_of_the_table() -> None:
    c = dataclasses.replace(make_comparison(), complete_case={"in_range": -0.031, "deviation": 2.0})
    assert digest.without_failed(c) == [("deviation", "+2.00 points"), ("in_range", "-3.1pp")]
    counts = dataclasses.replace(c.counts, failed={"baseline": {}, "candidate": {}})
    assert digest.without_failed(dataclasses.replace(c, counts=counts)) == []


def test_nobody_called_is_no_unknown_cost() -> None:
    c = make_comparison()
    counts = dataclasses.replace(c.counts, called=0, prompt_tokens=0, completion_tokens=0)
    words = digest.spent(dataclasses.replace(c, counts=counts, cost=None))
    assert "not known" not in words
    assert "not counted" not in words


def test_prices_come_after_answers_among_the_reasons() -> None:
    c = make_comparison(templates=("basic",))
    accused = [
        dataclasses.replace(difference("basic", ROWS[name]), verdict=Verdict.REGRESSED, gating=True)
        for name in ("latency", "in_range")
    ]
    why = digest.because(dataclasses.replace(c, differences=tuple(accused), limits=()))
    assert [line.split(" ")[0] for line in why[:2]] == ["in_range", "latency"]
    assert " s" in why[1]
