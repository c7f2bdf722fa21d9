"""Text that breaks what is careless with text from outside."""

from __future__ import annotations

__all__ = ["FORMULA", "HOSTILE_TEXT", "SCRIPT"]

SCRIPT = "<script>alert('promptreg')</script>"
"""Must never stand in an HTML report as it is."""
FORMULA = '=HYPERLINK("http://127.0.0.1/beacon","click")'
"""Must never be the start of a cell."""
HOSTILE_TEXT = (
    f"{FORMULA} {SCRIPT} </textarea>]]>--> \x1b[2J\x1b]0;title\x07 \x00 \ud800 \u202e "
    "![beacon](http://127.0.0.1/beacon.png) @everyone #1 | `a` {{ 7*7 }} ${7*7} %s {0}\r\n\u2028"
)
