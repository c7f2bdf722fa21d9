"""The pages in a real browser: quiet, alone, readable on phone and paper, usable by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import page_checks
from comparison_factory import hostile_comparison, make_comparison
from page_checks import BROWSER, clipped, faint, faults, opened, unreached
from promptreg.stages.report.chart import Dot, Plot, chart_page
from promptreg_plugins.reporters.html.page import page

pytest.importorskip("playwright.sync_api", reason="no playwright: tests/requirements-heavy.txt")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]


def trend() -> str:
    dots = tuple(
        Dot(
            f"2026-10-{i + 1:02d}T08:00:00+00:00",
            "v1" if i < 4 else "v2",
            "aaaa1111" if i < 4 else "bbbb2222",
            0.6 + i / 50,
            0.5,
            0.8,
            alarm=i == 6,
            note="DRIFT -0.2 against 2 earlier, p <.0005" if i == 6 else "",
            p_value=None if i in (0, 4) else 0.0002 if i == 6 else 0.4,
        )
        for i in range(9)
    )
    return chart_page([Plot("basic: in_range", "share", dots, "", "higher_is_better", 0.005)])


PAGES: dict[str, Callable[[], str]] = {
    "report": lambda: page(make_comparison()),
    "single": lambda: page(replace(make_comparison(templates=("basic",)), changes_total=15)),
    "hostile": lambda: page(hostile_comparison()),
    "trend": trend,
}


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with page_checks.browser() as found:
        yield found


@pytest.fixture(scope="module", params=list(PAGES))
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    path.write_text(PAGES[request.param](), "utf-8")
    return path


def test_nothing_is_loaded_refused_or_said(running: Any, place: Path) -> None:
    with opened(running, place) as seen:
        seen.page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        seen.page.wait_for_load_state("networkidle")
        assert seen.asked == [f"file://{place}"]
        assert seen.said == []
        if place.stem != "trend":
            assert seen.page.locator("html.script").count() == 1


@pytest.mark.parametrize("width", [360, 700, 1400])
def test_nothing_reaches_beyond_the_window(running: Any, place: Path, width: int) -> None:
    with opened(running, place, width=width) as seen:
        assert clipped(seen.page) == []
        seen.page.evaluate(
            """() => {
              document.querySelectorAll('.toggle').forEach((b, i) => { if (i < 12) b.click(); });
              document.querySelectorAll('main details').forEach((d) => { d.open = true; });
            }"""
        )
        assert clipped(seen.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(running: Any, place: Path, scheme: str) -> None:
    with opened(running, place, scheme=scheme) as seen:
        seen.page.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
        )
        assert faint(seen.page) == []


def test_the_page_can_be_heard_and_jumped_through(running: Any, place: Path) -> None:
    with opened(running, place) as seen:
        assert faults(seen.page) == []


def test_everything_is_reached_by_keyboard(running: Any, place: Path) -> None:
    with opened(running, place) as seen:
        assert unreached(seen.page) == []


def test_the_skip_link_comes_first_and_leads_to_the_numbers(running: Any, place: Path) -> None:
    if place.stem == "trend":
        pytest.skip("it has nothing to skip")
    with opened(running, place) as seen:
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.className") == "skip"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "content"


def test_paper_holds_what_matters_and_cuts_nothing_off(
    running: Any, place: Path, tmp_path: Path
) -> None:
    with opened(running, place, width=703, scheme="dark", media="print") as seen:  # A4, 12 mm
        assert clipped(seen.page) == []
        assert faint(seen.page) == []
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert not seen.page.locator("nav, form, .no-paper").locator("visible=true").count()
        if place.stem in ("report", "single"):
            assert seen.page.locator(".card").first.is_visible()
            assert seen.page.locator(".diff").first.is_visible()
        seen.page.pdf(path=tmp_path / "r.pdf", format="A4")
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")


def test_filter_sort_and_open(running: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text(page(make_comparison()), "utf-8")
    with opened(running, path) as seen:
        window = seen.page
        rows = window.locator("#scenarios tbody:visible")
        assert rows.count() == 30
        window.check("#f-failed")
        assert rows.count() == 6
        assert window.inner_text("#f-count") == "6 of 30 shown"
        window.uncheck("#f-failed")
        window.check("#f-worse")
        assert rows.count() == 26
        window.uncheck("#f-worse")
        window.fill("#f-text", "RACCOON")
        assert rows.count() == 6
        window.fill("#f-text", "")
        window.select_option("#f-template", "1")
        assert rows.count() == 15
        window.select_option("#f-template", "")
        change = window.locator("th[data-sort=change] button")
        change.click()
        change.click()
        assert window.locator("th[data-sort=change]").get_attribute("aria-sort") == "descending"
        assert rows.first.get_attribute("data-id") == "threat-basic-014"
        toggle = window.locator(".toggle").first
        toggle.focus()
        window.keyboard.press("Enter")
        assert toggle.get_attribute("aria-expanded") == "true"
        assert rows.first.locator(".sides").is_visible()
        assert seen.said == []
