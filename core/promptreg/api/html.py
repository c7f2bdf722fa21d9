"""Small pieces of HTML for notebooks: everything escaped, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from markupsafe import Markup, escape

__all__ = ["block", "lines", "table"]

# No colour of its own but for verdicts, whose middle tones stand out on white and on black alike.
_STYLE = Markup(
    "<style>.promptreg{font-size:13px;line-height:1.45}"
    # More exact than the rules that notebooks have for tables, which align to the right.
    ".promptreg table{border-collapse:collapse;margin:6px 0}"
    ".promptreg.promptreg.promptreg th,.promptreg.promptreg.promptreg td{"
    "padding:3px 12px 3px 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid rgba(128,128,128,.35);"
    "background:transparent;color:inherit}"
    ".promptreg.promptreg.promptreg .num{text-align:right;font-variant-numeric:tabular-nums;"
    "white-space:nowrap}"
    ".promptreg .quiet{opacity:.75}"
    ".promptreg .bad{color:#d9483b;font-weight:600}.promptreg .good{color:#23935a;font-weight:600}"
    ".promptreg .unsure{color:#b97a10;font-weight:600}.promptreg .fine{color:#4a86c5}</style>"
)
Cell = str | Markup


def block(*parts: str) -> str:
    """Return one block with its style; parts that are no `Markup` are escaped."""
    body = Markup("").join(parts)
    return str(Markup('<div class="promptreg">{}{}</div>').format(_STYLE, body))


def lines(texts: Sequence[str], class_: str = "quiet") -> Markup:
    """Return a paragraph per text."""
    return Markup("").join(Markup('<p class="{}">{}</p>').format(class_, t) for t in texts)


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    right: Collection[int] = (),
    caption: str = "",
) -> Markup:
    """Return a table; columns in `right` hold numbers."""

    def cells(tag: str, row: Sequence[Cell]) -> Markup:
        return Markup("").join(
            Markup("<{0}{1}>{2}</{0}>").format(
                tag, Markup(' class="num"') if i in right else "", escape(cell)
            )
            for i, cell in enumerate(row)
        )

    title = Markup("<caption>{}</caption>").format(caption) if caption else ""
    body = Markup("").join(Markup("<tr>{}</tr>").format(cells("td", row)) for row in rows)
    return Markup("<table>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(
        title, cells("th", heads), body
    )
