"""What every page of ours must be in a real browser: quiet, alone, readable, reachable by keyboard.

`opened` gives pages; the functions after it return what is wrong, in words, and nothing if all is
well.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = [
    "BROWSER",
    "Seen",
    "browser",
    "clipped",
    "faint",
    "faults",
    "opened",
    "unreached",
]

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
"""The system's own: none is downloaded."""
_SCRIPT = Path(__file__).with_name("page_checks.js").read_text("utf-8")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


class Seen:
    """A page with what its console said and what it asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))


@contextmanager
def browser() -> Iterator[Any]:
    """Run a headless browser; `playwright` has to be installed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        yield running
        running.close()


@contextmanager
def opened(
    running: Any, place: Path | str, *, width: int = 1280, scheme: str = "light", media: str = ""
) -> Iterator[Seen]:
    """Open a file or address in a window of this width, in light or dark."""
    context = running.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    seen = Seen(context.new_page())
    if media:
        seen.page.emulate_media(media=media)
    seen.page.goto(f"file://{place}" if isinstance(place, Path) else place)
    yield seen
    context.close()


def clipped(page: Any) -> list[str]:
    """Return elements that reach beyond the window, and the window's scroll bar, if any."""
    return _check(page, "clipped")


def faint(page: Any, least: float = 4.5) -> list[str]:
    """Return texts whose contrast with what is behind them is below WCAG's AA.

    A text in a picture is held against the box drawn before it if that lies under it.
    """
    return _check(page, "faint", least)


def faults(page: Any) -> list[str]:
    """Return what stands in the way of who reads by ear or jumps between parts."""
    return _check(page, "faults")


def unreached(page: Any) -> list[str]:
    """Press Tab through the page; return what can be used by mouse and was not reached."""
    wanted = int(_check(page, "start")[0])
    reached, unseen = set(), []
    for _ in range(wanted + 2):
        page.keyboard.press("Tab")
        place, ring = _check(page, "focused")
        reached.add(int(place))
        if int(place) >= 0 and ring == "none":
            unseen.append(f"nothing shows that {place} has the focus")
    missing = _check(page, "missing", sorted(reached))
    return [*unseen, *missing][:10]


def _check(page: Any, name: str, value: object = None) -> list[str]:
    """Return what a function of page_checks.js says."""
    found: list[str] = page.evaluate(
        f"(value) => {{ {_SCRIPT}; return checks.{name}(value); }}", value
    )
    return found
