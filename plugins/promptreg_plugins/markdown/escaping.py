"""Untrusted text as text: nothing in it can become a tag, link, mention, command or table cell."""

from __future__ import annotations

import re

from promptreg.stages.report.text import clean, one_line

__all__ = ["escape", "fenced"]

_ACTIVE = re.compile(r"[\\`*\[\]<>#|~&$]|(?<!\w)_|_(?!\w)|^/")
_LINKS = re.compile(
    r"(?<=[A-Za-z0-9])(?=://)|(?<=[Ww]{3})(?=\.)|(?<=@)|(?<=:)(?=[A-Za-z0-9_+-]+:)"
    r"|(?<=#)(?=\w)|(?<=[!%^])(?=\w)|(?<=\b[Gg][Hh])(?=-\d)"
)
"""Where addresses, mentions, shortcodes and references (`#1`, `!1`, `GH-1`) are recognised."""
_GAP = "\u200b"


def escape(text: str, limit: int = 200) -> str:
    """Return untrusted text on one line, so that Markdown, GitHub and GitLab see nothing but text.

    Signs with a meaning become entities; a zero-width space keeps mentions, references, addresses
    and shortcodes from being recognised; a slash at the start is no command.
    """
    spaced = _LINKS.sub(_GAP, one_line(text, limit))
    return _ACTIVE.sub(lambda m: f"&#{ord(m.group())};", spaced)


def fenced(text: str, language: str = "", limit: int = 20_000) -> str:
    """Return text as a block of code that nothing in it can end.

    A line that starts like a GitLab quick action (`/merge`) gets a zero-width space before it.
    """
    body = re.sub(r"(?m)^([ \t+-]*)(?=/)", rf"\1{_GAP}", clean(text, limit))
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{body}\n{fence}"
