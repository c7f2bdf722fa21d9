"""Filters, limits and routing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from promptreg.errors import DataError
from promptreg.records import ScenarioSet
from promptreg.stages.load import load_scenarios, matches, narrow


def load(folder: Path, *, turned: bool = False) -> ScenarioSet:
    rows = [
        {"id": f"s{i}", "kind": ["threat", "normal"][i % 2], "zone": ["a", "b", "c"][i % 3],
         "night": i % 4 == 0}
        for i in range(40)
    ]  # fmt: skip
    path = folder / f"s{turned}.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in (reversed(rows) if turned else rows)))
    return load_scenarios(path)


def test_filters_are_and_across_names_and_or_inside(tmp_path: Path) -> None:
    whole = load(tmp_path)
    got = narrow(whole, filters={"kind": ["threat"], "zone": ["a", "b"]}, limit=None, seed=0)
    expected = [s for s in whole.scenarios if int(s.id[1:]) % 2 == 0 and int(s.id[1:]) % 3 < 2]
    assert list(got.scenarios) == expected
    assert got.total == 40
    assert got.partial
    assert got.selection == "kind=threat; zone=a,b"
    assert got.sha256 != whole.sha256
    assert len(narrow(whole, filters={"id": ["s3"]}).scenarios) == 1
    assert len(narrow(whole, filters={"night": ["true"]}).scenarios) == 10


def test_nothing_asked_changes_nothing(tmp_path: Path) -> None:
    whole = load(tmp_path)
    assert narrow(whole) is whole
    assert narrow(whole, limit=40) is whole


def test_a_limit_is_a_sample_that_row_order_does_not_change(tmp_path: Path) -> None:
    whole, turned = load(tmp_path), load(tmp_path, turned=True)
    some = narrow(whole, limit=7, seed=1)
    assert len(some.scenarios) == 7
    assert {s.id for s in some.scenarios} == {
        s.id for s in narrow(turned, limit=7, seed=1).scenarios
    }
    assert some.sha256 == narrow(turned, limit=7, seed=1).sha256
    assert {s.id for s in some.scenarios} != {
        s.id for s in narrow(whole, limit=7, seed=2).scenarios
    }
    more = {s.id for s in narrow(whole, limit=9, seed=1).scenarios}
    assert {s.id for s in some.scenarios} < more
    assert "7 of 40 at random (seed 1)" in some.selection
    order = [whole.scenarios.index(s) for s in some.scenarios]
    assert order == sorted(order)


def test_a_limit_samples_what_a_template_serves(tmp_path: Path) -> None:
    whole = load(tmp_path)
    some = narrow(whole, limit=5, served=[{"night": True}, {"id": "s1"}])
    assert len(some.scenarios) == 5
    assert all(s.attributes["night"] == "true" or s.id == "s1" for s in some.scenarios)
    assert "5 of 11 at random" in some.selection
    assert narrow(whole, limit=11, served=[{"night": True}, {"id": "s1"}]) is whole
    assert narrow(whole, served=[{"night": True}]) is whole
    # Where nothing is served there is nothing better to take: whoever asks is told elsewhere.
    assert len(narrow(whole, limit=3, served=[{"kind": "nowhere"}]).scenarios) == 3


@pytest.mark.parametrize(
    ("filters", "limit", "message"),
    [
        ({"knid": ["threat"]}, None, r"no attribute is called 'knid' \(did you mean 'kind'\?\)"),
        ({"kind": ["treat"]}, None, r"no scenario has kind=treat \(did you mean 'threat'\?\)"),
        ({"kind": ["threat"], "id": ["s1"]}, None, "no scenario passes the filter"),
        ({}, 0, "the limit is 0; allowed: 1 or more"),
    ],
)
def test_slips_are_said(
    tmp_path: Path, filters: dict[str, list[str]], limit: int | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        narrow(load(tmp_path), filters=filters, limit=limit)


def test_routing_compares_words(tmp_path: Path) -> None:
    first, second = load(tmp_path).scenarios[:2]
    assert matches(first, {"night": True, "kind": "threat"})
    assert matches(first, {"night": "true", "kind": ("normal", "threat")})
    assert not matches(second, {"night": True})
    assert not matches(first, {"gone": "x"})
