"""The service as somebody uses it: a real browser, a real `promptreg serve`, real completions."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fake_model import ModelServer, running
from service_process import Service
from suite_factory import write_suite

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "home_security"
IN_FLIGHT = 4
"""Calls that `suite_factory` makes at once: what is stopped meanwhile is asked again."""
PICTURES = os.environ.get("PROMPTREG_TEST_PICTURES", "")
"""A folder that gets screenshots, for somebody to look at."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.heavy,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The home-security example, with its recorded completions."""
    folder = tmp_path_factory.mktemp("served") / "home_security"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".promptreg", "generated"))
    with Service(folder) as served:
        yield served


@dataclass
class Tab:
    """A page, and everything that should not have happened on it."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a path of the service."""
        self.page.goto(self.url + path)
        return self.page

    def log_in(self, token: str) -> None:
        """Log in from the page that asks for it."""
        self.page.get_by_label("Token").fill(token)
        with self.page.expect_navigation():  # or what is opened next overtakes it
            self.page.get_by_role("main").get_by_role("button", name="Log in").click()

    def heard(self, message: ConsoleMessage) -> None:
        """Keep what the console complains about."""
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def asked(self, request: Request) -> None:
        """Keep addresses that are not the service's."""
        if not request.url.startswith((self.url, "data:")):
            self.wrong.append(request.url)

    def picture(self, name: str) -> None:
        """Keep a picture where somebody asked for it."""
        if PICTURES:
            self.page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


@contextmanager
def tab(browser: Browser, served: Service, **context: Any) -> Iterator[Tab]:
    """Open a logged-in tab; whatever a console, a policy or a foreign address says is kept."""
    opened = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    opened.set_default_timeout(120_000)
    page = opened.new_page()
    found = Tab(page, served.url)
    page.on("console", found.heard)
    page.on("pageerror", lambda error: found.wrong.append(str(error)))
    page.on("request", found.asked)
    try:
        found.open("/login")
        found.log_in(served.token)
        yield found
    finally:
        opened.close()


def ask(page: Page, baseline: str, candidate: str, template: str = "basic") -> None:
    """Fill in the form and start."""
    form = page.locator("form.ask")
    form.get_by_label("Template").select_option(template)
    form.get_by_label("Baseline").fill(baseline)
    form.get_by_label("Candidate").fill(candidate)
    form.get_by_role("button", name="Start").click()


def test_a_comparison_from_asking_to_a_single_trial(browser: Browser, service: Service) -> None:
    with tab(browser, service) as found:
        page = found.open("/suites/home_security")
        ask(page, "v1", "v2")
        page.get_by_role("heading", name="Do not merge").wait_for()  # it loads itself when ended
        found.picture("job-light")
        assert page.locator(".metrics tbody tr:not(.extras)").count() > 10

        filters = page.locator("#table-filters")
        filters.get_by_label("Verdict").select_option("regressed")
        page.locator("#metrics [role=status]", has_text="1 line.").wait_for()
        assert page.locator("#metrics").get_by_text("REGRESSED").count() == 1
        assert "verdict=regressed" in page.url  # what is shown can be sent to somebody
        filters.get_by_label("Verdict").select_option("")
        filters.get_by_label("Where").select_option("scenario_type")
        page.locator("#metrics", has_text="edge_case").first.wait_for()

        page.get_by_role("link", name="Open the trial").first.click()
        page.get_by_role("heading", name="basic@v1").wait_for()
        page.get_by_role("heading", name="basic@v2").wait_for()
        found.picture("trial-light")
        page.get_by_text("Prompt, exactly as sent").first.click()
        assert "<|im_start|>" in page.locator(".side details[open] .pre").first.inner_text()
        heading = page.get_by_role("heading", level=1).inner_text()
        page.get_by_role("link", name="Next").click()
        assert page.get_by_role("heading", level=1).inner_text() != heading

        page.go_back()
        page.go_back()
        page.get_by_role("link", name="report.html", exact=True).click()
        page.get_by_text("Do not merge").first.wait_for()
        assert found.wrong == []


def test_scenarios_are_found_while_typing(browser: Browser, service: Service) -> None:
    with tab(browser, service) as found:
        page = found.open("/suites/home_security/scenarios")
        assert page.locator("#list tbody tr").count() == 50
        page.get_by_label("Text").press_sequentially("dog")
        page.locator("#list mark").first.wait_for()
        few = page.locator("#list tbody tr").count()
        assert 0 < few < 50
        assert page.get_by_label("Text").input_value() == "dog"
        page.locator('select[name="a.label"]').select_option("benign")
        page.wait_for_url(re.compile("a.label=benign"))
        page.locator("#list tbody a").first.click()
        page.get_by_role("heading", name="Ground truth").wait_for()
        assert found.wrong == []


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("light", {"color_scheme": "light"}),
        ("dark", {"color_scheme": "dark"}),
        ("phone", {"viewport": {"width": 390, "height": 844}}),
    ],
)
def test_every_page_fits_and_breaks_no_policy(
    browser: Browser, service: Service, name: str, context: dict[str, Any]
) -> None:
    with tab(browser, service, **context) as found:
        page = found.open("/suites/home_security")
        ask(page, "v1", "v2")
        page.get_by_role("heading", name="Do not merge").wait_for()
        job = page.url.removeprefix(service.url)
        trial = page.get_by_role("link", name="Open the trial").first.get_attribute("href")
        run = page.get_by_role("link", name=re.compile("^basic-v2-")).first.get_attribute("href")
        for title, path in {
            "dashboard": "/", "suite": "/suites/home_security", "job": job, "trial": trial,
            "run": run, "runs": "/runs", "jobs": "/jobs", "plugins": "/plugins",
            "scenarios": "/suites/home_security/scenarios?q=dog",
            "template": "/suites/home_security/templates/basic",
        }.items():  # fmt: skip
            found.open(str(path))
            found.picture(f"{title}-{name}")
            widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert widths[0] <= widths[1], title
        assert found.wrong == []
        found.open("/suites/home_security/nothing")
        page.get_by_role("heading", name="Not found").wait_for()
        found.picture(f"missing-{name}")


def test_the_keyboard_reaches_the_content(browser: Browser, service: Service) -> None:
    with tab(browser, service) as found:
        page = found.open("/suites/home_security")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('main').contains(document.activeElement)")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_without_a_script_everything_is_there(browser: Browser, service: Service) -> None:
    with tab(browser, service, java_script_enabled=False) as found:
        page = found.open("/suites/home_security")
        ask(page, "v1", "v2")
        page.get_by_role("heading", name="Do not merge").wait_for()
        page.get_by_label("Verdict").select_option("regressed")
        page.get_by_role("button", name="Filter").click()
        page.locator("#metrics [role=status]", has_text="1 line.").wait_for()


def test_wrong_tokens_and_ended_sessions(browser: Browser, service: Service) -> None:
    with tab(browser, service) as found:
        page = found.open("/jobs")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(service.url + "/login")
        found.open("/jobs")
        assert page.url.endswith("/login?next=/jobs")
        found.log_in("prt_0123456789ab_wrong")
        page.get_by_role("alert").wait_for()
        found.picture("login-light")
        found.log_in(service.token)
        page.wait_for_url(service.url + "/jobs")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Service, ModelServer]]:
    """A suite whose model takes its time."""
    with running(ModelServer(delay_s=1.0)) as model:
        folder = write_suite(tmp_path / "slow", model.url, n=40)
        with Service(folder) as served:
            yield served, model


def test_a_job_is_watched_cancelled_and_resumed(
    browser: Browser, slow: tuple[Service, ModelServer]
) -> None:
    served, model = slow
    with tab(browser, served) as found:
        page = found.open("/suites/faults")
        ask(page, "v1", "v2")
        page.locator("[data-show=planned]", has_text="80").wait_for()
        page.locator("[data-show=done]").filter(has_text=re.compile("^[1-9]")).wait_for()
        page.locator("[data-show=left]").filter(has_text=re.compile("s$")).wait_for()
        found.picture("live-light")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Resume").wait_for()
        found.picture("cancelled-light")
        model.delay_s = 0.0
        page.get_by_role("button", name="Resume").click()
        page.locator("#metrics").wait_for()
        assert page.get_by_text("started 2 times").count() == 1
        assert len(model.repeated) <= IN_FLIGHT
        assert found.wrong == []


def test_a_restart_in_the_middle_of_a_job_is_survived_by_the_page(
    browser: Browser, slow: tuple[Service, ModelServer]
) -> None:
    served, model = slow
    with tab(browser, served) as found:
        page = found.open("/suites/faults")
        ask(page, "v1", "v2")
        page.locator("[data-show=done]").filter(has_text=re.compile("^[1-9]")).wait_for()
        served.end()
        page.get_by_text("The connection is lost; trying again.").wait_for()
        found.picture("lost-light")
        served.start()
        model.delay_s = 0.0
        # Sessions outlive the process: the page goes on by itself.
        page.locator("#metrics").wait_for()
        assert len(model.repeated) <= IN_FLIGHT
