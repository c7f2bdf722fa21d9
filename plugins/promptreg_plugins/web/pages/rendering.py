"""Templates to pages: escaping always on, a name that does not exist is an error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from promptreg import numbers
from promptreg.stages.report.text import clean, one_line
from promptreg_plugins.look import badge, environment
from promptreg_plugins.web.model import Role, Who
from promptreg_plugins.web.pages import wording
from promptreg_plugins.web.pages.assets import address_of

__all__ = ["address", "render", "who_asks"]

_TEMPLATES = Path(__file__).parent / "templates"


def address(path: str, /, *parts: str, **query: object) -> str:
    """Return an address within the service: `{}` in `path` stands for each of `parts`.

    A query value that is None or empty is left out; a list gives the key several times.
    """
    shown = path.format(*(quote(part, safe="", errors="replace") for part in parts))
    pairs = [
        (key.rstrip("_"), str(one))
        for key, value in query.items()
        for one in (value if isinstance(value, (list, tuple)) else [value])
        if one is not None and one != ""
    ]
    return f"{shown}?{urlencode(pairs, errors='replace')}" if pairs else shown


def who_asks(request: Request) -> Who | None:
    """Return who is logged in, or None."""
    who = getattr(request.state, "who", None)
    return who if isinstance(who, Who) else None


async def render(
    request: Request, template: str, /, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Return the page; made in a thread, since large tables take their time."""
    known = {**_common(request), **values}
    text = await asyncio.to_thread(_environment().get_template(template).render, known)
    # What a page shows is somebody's business alone, and changes with every job.
    content = text.encode("utf-8", "replace")  # files may hold lone surrogates
    return HTMLResponse(content, status, headers={"Cache-Control": "no-store"})


def _common(request: Request) -> Mapping[str, Any]:
    who = who_asks(request)
    return {
        "who": who,
        "may_run": who is not None and who.role.allows(Role.RUN),
        "csrf": str(getattr(request.state, "csrf", "")),
        "here": request.url.path,
    }


@cache
def _environment() -> Environment:
    made = environment(_TEMPLATES)
    made.globals.update(
        address=address,
        static=address_of,
        number=numbers.number,
        score=numbers.score,
        amount=numbers.amount,
        between=numbers.between,
        margin=numbers.margin,
        count=numbers.count,
        duration=numbers.duration,
        badge=badge,
        moment=wording.moment,
        stamp=wording.stamp,
        job_title=wording.job_title,
        decision_words=wording.decision_words,
        option_words=wording.option_words,
        short_path=wording.short_path,
        state_tone=wording.state_tone,
    )
    made.filters.update(words=one_line, text=clean)
    return made
