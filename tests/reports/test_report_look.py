"""Fragments of pages from what the JSON report holds, and the words of the decision."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from comparison_factory import HOSTILE, METRICS, difference, hostile_comparison, make_comparison
from promptreg.stages.report import comparison_json, digest, dump_json
from promptreg.stages.report.from_json import change_from, difference_from
from promptreg.stages.report.plots.changes import histogram_of_changes
from promptreg.stages.report.plots.levels import bars_of_levels
from promptreg.verdicts import GateVerdict, Limit, Slice, Verdict
from promptreg_plugins import look
from promptreg_plugins.reporters.html.page import page
from promptreg_plugins.reporters.html.table import filters_of, table_rows

ROWS = {row[0]: row for row in METRICS}
LABELS = ("v1", "v2")


def bare(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def test_what_json_says_of_metrics_makes_the_same_table() -> None:
    comparison = make_comparison(templates=("basic",))
    read = json.loads(dump_json(comparison))["comparisons"]
    there = {(d.metric, d.slice, d.gating): d for d in comparison.differences}
    for entry in read:
        d = difference_from(entry)
        origin = there[d.metric, d.slice, d.gating]
        assert look.metric_table([entry], LABELS, caption="x") == look.metric_table(
            [origin], LABELS, caption="x"
        )
        assert dataclasses.replace(d, must_prove=origin.must_prove) == origin


def test_what_json_says_of_a_scenario_makes_a_card() -> None:
    comparison = make_comparison(templates=("basic",))
    entry = comparison_json(comparison)["worst_scenarios"][3]
    card = look.scenario_card(entry, LABELS)
    assert change_from(entry).scenario_id in card
    assert bare(card).startswith(f"{entry['scenario_id']} {entry['change']:+.3f}")
    assert entry["baseline"]["answer"]["reasoning"].split(".")[0] in card
    assert "<summary>prompt</summary>" not in card  # the JSON report holds none
    with_prompt = {**entry, "baseline": {**entry["baseline"], "prompt": "Say <b>it</b>."}}
    assert "Say &lt;b&gt;it&lt;/b&gt;." in look.scenario_card(with_prompt, LABELS)


def test_hostile_entries_stay_text_in_every_fragment() -> None:
    comparison = hostile_comparison()
    values = comparison_json(comparison)
    made = [
        look.metric_table(values["comparisons"][:3], (HOSTILE, HOSTILE), caption=HOSTILE),
        look.template_diff(HOSTILE, HOSTILE[::-1], (HOSTILE, HOSTILE), caption=HOSTILE),
        look.scenario_card(values["worst_scenarios"][0], (HOSTILE, HOSTILE), template=True),
        look.answers(values["worst_scenarios"][0], (HOSTILE, HOSTILE)),
        look.badge(HOSTILE),
    ]
    for markup in made:
        assert not re.search(r"<(script|img|iframe|style)", markup)
        assert not re.search(r"<[^>]*\son\w+=", markup)


@pytest.mark.parametrize(
    ("verdict", "tone"), [("pass", "good"), ("fail", "bad"), ("inconclusive", "unsure")]
)
def test_a_badge_has_a_word_and_a_tone(verdict: str, tone: str) -> None:
    assert look.badge(verdict) == f'<span class="badge {tone}">{verdict.upper()}</span>'


def test_a_failed_side_says_what_it_counts_as_and_no_score() -> None:
    changes = make_comparison(templates=("basic",)).changes
    card = bare(look.scenario_card(changes[0], LABELS))
    assert "Failed: timeout: no answer within 120 s (counted as the worst value)" in card
    assert "unscored" not in card


def test_scores_that_differ_stand_out() -> None:
    change = make_comparison(templates=("basic",)).changes[4]
    same = dataclasses.replace(change, candidate=change.baseline)
    other = {**change.baseline.scores, "overall": 0.001}
    worse = dataclasses.replace(same, candidate=dataclasses.replace(change.baseline, scores=other))
    assert 'class="differs"' not in look.scenario_card(same, LABELS)
    assert look.scenario_card(worse, LABELS).count('class="differs"') == 2


def test_long_texts_are_there_on_demand() -> None:
    change = make_comparison(templates=("basic",)).changes[4]
    long = dataclasses.replace(change.baseline, answer={"reasoning": "word " * 400})
    card = look.scenario_card(dataclasses.replace(change, baseline=long), LABELS)
    assert "<summary>all 2,000 characters</summary>" in card


def test_texts_are_kept_within_a_budget_and_the_page_says_so() -> None:
    comparison = make_comparison(templates=("basic",))
    big = dataclasses.replace(comparison.changes[4].baseline, answer={"reasoning": "word " * 2_000})
    changes = tuple(
        dataclasses.replace(comparison.changes[4], scenario_id=f"s{i}", baseline=big, candidate=big)
        for i in range(500)
    )
    rows, whole = table_rows(changes, LABELS, filters_of(changes))
    assert len(rows) == 500
    assert 100 < whole < 400
    assert len(rows[0].scenario.sides[0].texts[0][1]) > 3_000
    assert len(rows[-1].scenario.sides[0].texts[0][1]) < 400
    text = page(dataclasses.replace(comparison, changes=changes, changes_total=1_600))
    assert f"Texts of the first {whole} are cut at 3,000 characters" in text
    assert "The worst 500 of 1600 scenarios" in text
    assert len(text) < 6_000_000


def test_why_it_fails_is_said_with_numbers() -> None:
    comparison = make_comparison(templates=("basic",))
    said = digest.because(comparison)
    assert said[0].startswith("in_range went from 88.0% to 81.")
    assert "19 broke, 5 fixed" in said[0]
    assert any(
        line.startswith("answered at least 98.0% is asked, 96.0% was measured; v1 has 99.5%")
        for line in said
    )


def test_a_template_without_a_baseline_is_named() -> None:
    made = make_comparison(templates=("basic",))
    limit = Limit("fresh", "in_range", None, "at_least", 0.8, 0.3, (0.2, 0.4), "not_met", 40)
    gate = dataclasses.replace(
        made.gate, reasons=(*made.gate.reasons, "fresh is new: only absolute limits apply")
    )
    comparison = dataclasses.replace(made, limits=(*made.limits, limit), gate=gate)
    said = digest.because(comparison)
    assert "fresh: in_range at least 80.0% is asked, 30.0% was measured" in said
    assert said[-1] == "fresh is new: only absolute limits apply"
    assert "in_range (fresh)" in digest.sentence(comparison)
    assert any("in_range at least 80.0%" in what for _, what, _ in digest.limits(comparison))


def test_providers_are_not_merged() -> None:
    compared = dataclasses.replace(make_comparison(), subject="providers: local and cloud")
    assert digest.sentence(compared).startswith("Do not switch: v2 is worse than v1 on in_range")


@pytest.mark.parametrize("verdict", [GateVerdict.PASS, GateVerdict.INCONCLUSIVE])
def test_other_verdicts_give_the_gates_own_reasons(verdict: GateVerdict) -> None:
    made = make_comparison(verdict=verdict)
    gate = dataclasses.replace(made.gate, reasons=tuple(f"reason {i}" for i in range(12)))
    said = digest.because(dataclasses.replace(made, gate=gate))
    assert said == [*(f"reason {i}" for i in range(8)), "and 4 more"]


def test_what_moved_is_sorted_by_what_became_of_it() -> None:
    comparison = make_comparison(templates=("basic",))
    found = digest.shifts(comparison)
    assert {d.metric for d in found.worse} == {"in_range"}
    assert [d.metric for d in found.better] == ["false_alarm"]
    assert {d.metric for d in found.price} == {"latency", "tokens"}
    assert {d.metric for d in found.undecided} == {"key_points", "answered"}
    gating = sum(d.gating and d.ratio is None for d in comparison.differences)
    every = (found.worse, found.better, found.held, found.undecided)
    assert sum(map(len, every)) == gating


def test_slices_that_gain_mirror_those_that_lose() -> None:
    rows = tuple(
        difference("basic", ROWS["overall"], where=Slice("a", value), shift=shift, verdict=verdict)
        for value, shift, verdict in (
            ("best", 0.4, Verdict.IMPROVED),
            ("good", 0.2, Verdict.IMPROVED),
            ("perhaps", 0.3, Verdict.INCONCLUSIVE),
            ("little", 0.02, Verdict.INCONCLUSIVE),
            ("bad", -0.4, Verdict.REGRESSED),
        )
    )
    comparison = dataclasses.replace(make_comparison(), differences=rows)
    found, more = digest.gaining_slices(comparison, 2)
    assert [d.slice.value for d in found if d.slice] == ["best", "good"]
    assert more == 1


def test_levels_are_shares_of_all_scenarios_and_failures_have_their_part() -> None:
    changes = make_comparison(templates=("basic",)).changes
    picture = bars_of_levels(changes, LABELS, "k")
    said = re.search(r"<desc[^>]*>(.*?)</desc>", picture)
    assert said
    counts = [int(n) for n in re.findall(r" (\d+)[,.]", said[1])]
    assert sum(counts) == 2 * len(changes)
    assert "no level 3." in said[1]
    nothing = [
        dataclasses.replace(c, baseline=changes[0].candidate, candidate=changes[0].candidate)
        for c in changes
    ]
    assert bars_of_levels(nothing, LABELS, "k") == ""


def test_the_histogram_holds_every_scenario_where_all_are_known() -> None:
    changes = make_comparison(templates=("basic",)).changes[:3]
    picture = histogram_of_changes(changes, 5, "k", every=(-0.5, -0.1, 0.0, 0.2, 0.3))
    assert "2 worse" in picture
    assert "2 better" in picture
    assert "Of the 5 scenarios shown" in picture


def test_the_levels_of_some_scenarios_alone_are_not_drawn() -> None:
    some = make_comparison(templates=("basic",))
    every = dataclasses.replace(some, changes_total=len(some.changes))
    assert "Risk levels answered" in page(every)
    assert "Risk levels answered" not in page(some)
    assert "The worst 15 of 200 scenarios alone." in page(some)
