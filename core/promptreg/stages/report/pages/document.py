"""A whole page around its parts: its policy lets our own style and script in, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

from promptreg.stages.report.plots import alone

__all__ = ["document", "style"]


@cache
def style() -> str:
    """Return the style sheet of all pages: colours, drawings, type, tables, paper."""
    sheet = files("promptreg.stages.report.pages").joinpath("base.css").read_text("utf-8")
    return alone.style() + sheet


def document(title: str, body: Markup, *, style: str, script: str = "") -> str:
    """Return a page that loads nothing from anywhere.

    Args:
        title: its name, escaped here.
        body: what stands in it; `Markup`, so that somebody has thought about escaping.
        style: its style sheet, ours.
        script: its script, ours; none where empty.
    """
    allowed = f"default-src 'none'; style-src '{_hash(style)}'"
    allowed += f"; script-src '{_hash(script)}'" if script else ""
    allowed += "; base-uri 'none'; form-action 'none'"
    end = f"<script>{script}</script>\n" if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{escape(body)}\n{end}</body>\n</html>\n"
    )


def _hash(text: str) -> str:
    """Return what a content security policy calls the text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
