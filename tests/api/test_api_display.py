"""What a notebook shows: compact, escaped, and made inside a running event loop, too."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from comparison_factory import make_comparison
from promptreg.api import ComparisonResult, OpenSuite
from promptreg.errors import SuiteError
from promptreg.pipeline.event_loop import run_loop

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


class Tags(HTMLParser):
    """Collects elements and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_comparison_shows_verdict_metrics_and_slices(compared: ComparisonResult) -> None:
    page = Tags(compared._repr_html_())
    words = " ".join(page.texts)
    assert "FAIL" in words
    assert "-26.5pp" in words
    assert "in_range (scenario_type=edge_case)" in words
    assert page.tags.count("table") == 2
    assert repr(compared).startswith("<FAIL — risk_level regressed")


def test_colours_are_not_those_of_a_white_page(compared: ComparisonResult) -> None:
    style = re.findall(r"<style>(.*?)</style>", compared._repr_html_(), re.S)
    assert len(style) == 1
    assert all(".promptreg" in rule.split("{")[0] for rule in style[0].split("}") if rule)
    assert not re.search(r"color:\s*(#000|#fff|black|white)\b", style[0])


def test_what_models_and_files_say_is_escaped(suite: OpenSuite) -> None:
    hostile = replace(make_comparison(), suite=HOSTILE, warnings=(HOSTILE,))
    hostile = replace(hostile, baseline=replace(hostile.baseline, label=HOSTILE))
    result = ComparisonResult(hostile, suite.project)
    for text in (result._repr_html_(), result.worst(50)._repr_html_()):
        page = Tags(text)
        assert "script" not in page.tags
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_runs_and_worst_scenarios_show_themselves(
    suite: OpenSuite, compared: ComparisonResult
) -> None:
    results = suite.run("v2", template="basic")
    words = " ".join(Tags(results._repr_html_()).texts)
    assert "unparseable 2" in words
    assert "47.7%" in words
    assert "all answered" not in words
    words = " ".join(Tags(compared.worst(2)._repr_html_()).texts)
    assert "person_on_ground-1" in words
    assert "risk_score 85" in words
    assert "became worse" in repr(compared.worst(2))


async def test_it_works_where_an_event_loop_runs(suite: OpenSuite) -> None:
    assert asyncio.get_running_loop().is_running()
    again = suite.compare("v1", "v2", template="basic", where={"scenario_type": "threat"})
    assert again.differences["n_scenarios"].max() == 30
    assert suite.plan("v1", "v2", template="basic").plan.trials == 264


async def test_an_error_there_is_the_same_error() -> None:
    async def wrong() -> None:
        raise SuiteError("no")

    with pytest.raises(SuiteError, match="no"):
        run_loop(wrong())


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def heeding_interruptions() -> Iterator[None]:
    """A shell's background jobs ignore Ctrl-C; here one has to arrive."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding_interruptions")
def test_an_interruption_ends_the_work_before_it_is_raised(
    loop: asyncio.AbstractEventLoop,
) -> None:
    ended: list[str] = []

    async def endless() -> None:
        clock = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        asyncio.get_running_loop().call_soon(clock.start)  # not before it sleeps
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cleanly")

    async def cell() -> None:
        run_loop(endless())

    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(cell())
    assert ended == ["cleanly"]


def test_a_generated_set_is_a_result(suite: OpenSuite, tmp_path: Path) -> None:
    import promptreg

    path = tmp_path / "promptreg.yaml"
    path.write_text(
        "suite: small\nscenarios: fixtures/scenarios.parquet\n"
        "templates: {t: {versions: {v1: t.txt}}}\nprovider: {use: scripted}\n"
        "generate: {use: grid, recipe: plain, size: 20,"
        " attributes: {colour: [red, green], size: [1, 2, 3]}}\n",
        "utf-8",
    )
    (tmp_path / "t.txt").write_text("{colour}", "utf-8")
    made = promptreg.open_suite(path).generate()
    assert len(made.scenarios) == 20
    assert list(made.combinations["share"]) == [1.0, 1.0]
    assert set(made.slices["attribute"]) == {"", "colour", "size"}
    assert list(made.near_duplicates().columns) == ["scenario", "is like", "share"]
    assert "20 generated scenarios" in " ".join(Tags(made._repr_html_()).texts)
    for wrong, said in ((lambda: made.map, "no map"), (lambda: made.near_duplicates("x"), "words")):
        with pytest.raises(promptreg.PromptregError, match=said):
            wrong()
    with pytest.raises(promptreg.PromptregError, match="without an embedder"):
        made.near_duplicates("embedding")
