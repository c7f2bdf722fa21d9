"""The comparison's page: its table can be narrowed, and says what the report says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptreg.stages.report.as_json import comparison_json
from promptreg_plugins.web.document import comparison_of
from promptreg_plugins.web.pages.comparison import Wanted, view_of
from service_fake import FINISHED
from service_fake_data import recorded_artifacts
from service_pages_site import Site, read


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read_back: dict[str, Any] = json.loads(recorded_artifacts()["report.json"])
    return read_back


def test_a_report_read_back_writes_the_same_report(document: dict[str, Any]) -> None:
    again = comparison_json(comparison_of(document))
    assert again.pop("calibration") == document["calibration"]
    assert again == {k: v for k, v in document.items() if k != "calibration"}


def test_older_reports_lack_what_was_added_since(document: dict[str, Any]) -> None:
    added = ("breakdowns", "curves", "criteria", "stopping", "calibration", "preset", "warnings")
    old = {k: v for k, v in document.items() if k not in added}
    assert view_of(old, Wanted()).verdict == "fail"


@pytest.mark.parametrize("broken", [{}, {"comparisons": []}, {"comparisons": [{}]}])
def test_what_is_no_report_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        view_of(broken, Wanted())


def _count(document: dict[str, Any], **wanted: Any) -> int:
    return view_of(document, Wanted(**wanted)).total


def test_the_table_is_narrowed(document: dict[str, Any]) -> None:
    rows = document["comparisons"]
    plain = [r for r in rows if r["slice"] is None or r["gating"]]
    assert _count(document) == len(plain)
    assert _count(document, gating=True) == sum(r["gating"] for r in plain)
    assert _count(document, metric="in_range") == 2  # all scenarios, and the guard
    assert _count(document, slice="*") == sum(r["slice"] is not None for r in rows)
    by_type = [r for r in rows if r["slice"] and r["slice"]["attribute"] == "scenario_type"]
    assert _count(document, slice="scenario_type") == len(by_type)
    threat = [r for r in by_type if r["slice"]["value"] == "threat"]
    assert _count(document, slice="scenario_type=threat") == len(threat)
    assert _count(document, verdict="regressed") == 1
    assert _count(document, verdict="regressed", slice="*") == sum(
        r["slice"] is not None and r["verdict"] == "regressed" for r in rows
    )
    assert _count(document, metric="none of that name") == 0


def test_slices_that_became_worse_are_drawn_and_small_ones_are_not(
    document: dict[str, Any],
) -> None:
    drawn = dict(view_of(document, Wanted()).forests)
    assert "Change of every metric" in drawn
    worse = {
        r["metric"]
        for r in document["comparisons"]
        if r["slice"] and r["verdict"] == "regressed" and not r["gating"]
    }
    assert {f"{metric} by slice" for metric in worse} == set(drawn) - {"Change of every metric"}
    assert not any("insufficient" in plot for plot in drawn.values())
    asked = view_of(document, Wanted(metric="tokens")).forests
    assert asked[1][0] == "tokens by slice"


async def test_the_page_filters_without_a_script(site: Site) -> None:
    one = await site.get(f"/jobs/{FINISHED}?verdict=regressed&gating=yes")
    assert "1 line." in " ".join(read(one).text.split())
    assert "REGRESSED" in one
    assert '<option value="regressed" selected>' in one
    none = await site.get(f"/jobs/{FINISHED}?metric=zzz")
    assert "No metric is like that." in none


async def test_the_page_says_how_to_do_it_again(site: Site) -> None:
    text = read(await site.get(f"/jobs/{FINISHED}")).text
    assert "promptreg compare v1 v2 -c promptreg.yaml --template basic" in " ".join(text.split())
    assert "NOT MET" in text
    assert "misses its limit on in_range" in text
