"""Whether context is mentioned: known values, and what is no item."""

from __future__ import annotations

from typing import Any

import pytest

from promptreg import Answer, Completion, Prompt, Scenario, Score, Trial, Unscored
from promptreg.errors import SuiteError
from scoring_makers import TEMPLATE, make

COLUMNS: dict[str, Any] = {
    "seen": "- person at the gate with a parcel",
    "zone": "Side gate, entry zone",
    "habit": "Deliveries are usual here between ten and noon",
    "known": None,
}


def asked(reasoning: str, truth: Any = None, **columns: Any) -> Trial:
    scenario = Scenario("s1", {**COLUMNS, **columns}, truth or {})
    answer = Answer({"reasoning": reasoning, "summary": "x"})
    return Trial(TEMPLATE, scenario, 0, Prompt("ask"), Completion("{}"), answer=answer)


def values(of: Trial, **given: Any) -> list[float]:
    found = make("mentions_context", **given).score(of)
    assert isinstance(found, tuple)
    assert all(isinstance(s, Score) for s in found), found
    return [s.value for s in found if isinstance(s, Score)]


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ("A delivery at its time, in the ENTRY zone", [1.0, 0.0]),
        ("Nobody is at the entry", [0.5, 0.0]),
        ("A person at the gate with a parcel", [0.0, 1.0]),  # words of the detections
        ("This is usual", [0.0, 1.0]),  # a word that says nothing
        ("", [0.0, 1.0]),
    ],
)
def test_a_word_of_its_own_mentions_a_column(reasoning: str, expected: list[float]) -> None:
    habit = "Delivery time is ten to noon"
    given = {"columns": ["zone", "habit", "known"]}
    assert values(asked(reasoning, habit=habit), **given) == expected


def test_phrases_mention_a_column_in_other_words() -> None:
    given = {"columns": {"zone": "entry|entrance", "habit": "usual time|as always", "known": "x"}}
    assert values(asked("at the  Entrance, as always"), **given) == [1.0, 0.0]
    assert values(asked("at the entrance"), **given) == [0.5, 0.0]
    found = make("mentions_context", **given).score(asked("at the entrance"))
    assert isinstance(found, tuple)
    assert isinstance(found[0], Score)
    assert found[0].note == "not mentioned: habit"


def test_without_an_item_it_does_not_apply() -> None:
    scorer = make("mentions_context", columns=["zone"], nothing=["Nothing related."], name="In")
    gap = scorer.scales[1]
    assert gap.name == "in.context_gap"
    for zone in (None, " ", "nothing  related.", True, "the gate", float("nan"), "12:30"):
        assert not scorer.applies(asked("x", zone=zone).scenario, gap), zone
    assert scorer.applies(asked("x").scenario, gap)
    assert [scorer.worst(asked("x").scenario, s) for s in scorer.scales] == [0.0, 1.0]


def test_items_that_the_ground_truth_lists() -> None:
    given = {"columns": {"zones": "zone", "weather": "rain"}, "truth": "expected_enrichment_models"}
    listed = {"expected_enrichment_models": ("zones", "pet")}
    assert values(asked("in its zone", listed), **given) == [1.0, 0.0]
    scorer = make("mentions_context", **given)
    assert not scorer.applies(asked("x", {}).scenario, scorer.scales[0])
    odd = asked("x", {"expected_enrichment_models": "zones"})
    found = scorer.score(odd)
    assert isinstance(found, tuple)
    assert isinstance(found[0], Unscored)
    assert "allowed: a list of texts" in found[0].reason
    assert scorer.worst(odd.scenario, scorer.scales[0]) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"columns": []}, "allowed: names of columns"),
        ({"columns": {"zone": " | "}}, "allowed: names of columns"),
        ({"columns": ["zone"], "truth": "t"}, "columns.zone has no phrases"),
        ({"columns": ["zone"], "field": []}, "field is empty"),
    ],
)
def test_settings_that_make_no_sense(given: Any, said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        make("mentions_context", **given)
