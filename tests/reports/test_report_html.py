"""The HTML report: self-contained, safe, and with the numbers of the JSON report."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from comparison_factory import HOSTILE, LONG, hostile_comparison, make_comparison
from promptreg.stages.report import comparison_json, digest
from promptreg.verdicts import Comparison, GateVerdict
from promptreg_plugins.reporters.html import HtmlReporter
from promptreg_plugins.reporters.html.page import page
from promptreg_plugins.reporters.html.table import MAX_ROWS

VOID = {"meta", "input", "col", "br", "link", "img"}
LOADS = {"src", "href", "action", "formaction", "srcset", "poster", "background", "data", "style"}


class Page(HTMLParser):
    """Collects elements, the text of scripts and styles, and the rows of the metric tables."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.rows: list[dict[str, str]] = []
        self.text: list[str] = []
        self._key = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag in self.raw:
            self.raw[tag].append("")
        if tag == "tr":
            self.rows.append({})
        self._key = attributes.get("data-key", self._key if tag in ("data", "span") else "")
        if tag == "data" and self._key:
            self.rows[-1][self._key] = attributes["value"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]][-1] += data
        else:
            self.text.append(data)


@pytest.fixture(scope="module", params=["plain", "hostile"])
def made(request: pytest.FixtureRequest) -> tuple[Comparison, str]:
    comparison = hostile_comparison() if request.param == "hostile" else make_comparison()
    return comparison, page(comparison)


def test_every_element_is_closed(made: tuple[Comparison, str]) -> None:
    assert Page(made[1]).open == []


def test_nothing_runs_or_loads_but_our_own(made: tuple[Comparison, str]) -> None:
    parsed = Page(made[1])
    tags = [tag for tag, _ in parsed.elements]
    assert tags.count("script") == 1
    assert tags.count("style") == 1
    assert not {"img", "iframe", "link", "object", "embed", "base", "audio", "video"} & set(tags)
    places = {attributes.get("id") for _, attributes in parsed.elements}
    for tag, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        if tag == "a":  # to a place on the page, and nowhere else
            assert attributes["href"].removeprefix("#") in places
            attributes = {k: v for k, v in attributes.items() if k != "href"}
        assert not LOADS & set(attributes), (tag, attributes)
    assert not re.search(r"url\(|@import|expression\(", parsed.raw["style"][0])
    assert not re.search(
        r"fetch\(|XMLHttp|innerHTML|document\.write|eval\(|import\(", parsed.raw["script"][0]
    )


def test_the_policy_allows_exactly_our_script_and_style(made: tuple[Comparison, str]) -> None:
    parsed = Page(made[1])
    policy = next(
        a["content"] for t, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    for kind in ("script", "style"):
        digest_ = hashlib.sha256(parsed.raw[kind][0].encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest_).decode()}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_hostile_text_is_shown_as_text() -> None:
    text = page(hostile_comparison())
    shown = "".join(Page(text).text)
    assert "<script>alert(1)</script>" in shown
    assert "{{ 7*7 }}" in shown
    assert text.count("<script") == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    text.encode("utf-8")
    assert HOSTILE not in shown


def test_numbers_are_those_of_the_json(made: tuple[Comparison, str]) -> None:
    comparison, text = made
    keys = ("baseline", "candidate", "difference", "margin", "detectable_difference")
    shown = [row for row in Page(text).rows if "difference" in row]
    entries = {
        (e["template"], e["metric"], str(e["slice"]), e["gating"]): e
        for e in comparison_json(comparison)["comparisons"]
    }
    in_json = {tuple(repr(e[k]) for k in keys) for e in entries.values()}
    in_html = {tuple(row.get(k, "None") for k in keys) for row in shown}
    assert in_html == in_json
    whole = [d for rows in digest.whole_suite(comparison).values() for d in rows]
    assert [row["difference"] for row in shown[: len(whole) // 2]] == [
        repr(d.difference) for d in whole[: len(whole) // 2]
    ]


@pytest.mark.parametrize("verdict", list(GateVerdict))
def test_the_verdict_stands_at_the_top_in_words(verdict: GateVerdict) -> None:
    comparison = make_comparison(verdict=verdict)
    text = page(comparison)
    heading = re.search(r"<h1>(.*?)</h1>", text, re.S)
    assert heading
    assert verdict.upper() in heading[1]
    assert digest.sentence(comparison) in heading[1]
    assert text.index("<h1>") < text.index("<table")


def test_pictures_have_a_title_and_a_description() -> None:
    text = page(make_comparison())
    pictures = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(pictures) == 2 + 1 + 1 + 2 + 4 + 1
    for picture in pictures:
        assert 'role="img"' in picture
        assert re.search(r"<title id=.+?>.+?</title><desc id=.+?>.+?</desc>", picture, re.S)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_synthetic_and_warnings_are_said_before_the_numbers() -> None:
    text = page(dataclasses.replace(make_comparison(), synthetic=True))
    for words in ("scripted provider", "the baseline is 23 days old"):
        assert text.index(words) < text.index("<table")


def test_many_scenarios_are_capped_and_it_says_so() -> None:
    comparison = make_comparison()
    many = tuple(
        dataclasses.replace(comparison.changes[i % 30], scenario_id=f"s{i}") for i in range(1_300)
    )
    text = page(dataclasses.replace(comparison, changes=many, changes_total=5_000))
    assert text.count(" data-id=") == MAX_ROWS
    assert "The worst 1000 of 5000 scenarios" in text
    assert len(text) < 6_000_000


def test_floods_do_not_make_the_page_large() -> None:
    comparison = make_comparison()
    flood = dataclasses.replace(
        comparison.changes[5].candidate, prompt=LONG, text=LONG, thinking=LONG, answer={"a": LONG}
    )
    changes = tuple(
        dataclasses.replace(comparison.changes[5], baseline=flood, candidate=flood)
        for _ in range(1_000)
    )
    text = page(dataclasses.replace(comparison, changes=changes))
    assert len(text) < 8_000_000
    assert "(cut: 3,000 of 200,000 characters)" in text


def test_filters_know_every_value_once() -> None:
    text = page(make_comparison())
    groups = re.findall(r'<optgroup label="(\w+)">', text)
    assert groups == ["enrichment_level", "scenario_type", "story"]
    values = re.findall(r'<option value="(\d+)">(\w+)</option>', text)
    threat = next(number for number, name in values if name == "threat")
    row = re.search(r'data-id="threat-basic-002"[^>]*data-slices="([\d ]+)"', text)
    assert row
    assert threat in row[1].split()


def test_identical_templates_are_said_to_be() -> None:
    comparison = dataclasses.replace(make_comparison(), template_diffs={"basic": ("a", "a")})
    assert "The texts are identical." in page(comparison)


def test_reporter_writes_the_page(tmp_path: Path) -> None:
    comparison: Any = make_comparison()
    HtmlReporter().write(comparison, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text("utf-8") == page(comparison)
    assert page(comparison) == page(comparison)


def test_a_reliability_plot_counts_the_trials_of_both_sides() -> None:
    made = make_comparison()
    same = page(dataclasses.replace(made, curves=made.curves[:1]))
    assert "Larger marks hold more of the 50 trials." in same
    fewer = dataclasses.replace(made.curves[0], baseline=((0.1, 0.0, 20),))
    unequal = page(dataclasses.replace(made, curves=(fewer,)))
    assert "Larger marks hold more of the 20 and 50 trials." in unequal
