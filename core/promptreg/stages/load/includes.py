"""`{% include "FILE" %}`: the file is put in where it is named, while a template is loaded.

So a version is one whole text: its hash, its diff, its hunks and what the registry keeps all hold
what is included, and rendering opens no file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from promptreg.errors import TemplateError

__all__ = ["with_includes"]

_MOST = 200
"""Files put into one template; a bomb of files that include each other twice ends here."""
_TAG = re.compile(r"\{#|\{%[-+]?\s*(raw|include)\b")
_ENDRAW = re.compile(r"\{%[-+]?\s*endraw\b")
_INCLUDE = re.compile(
    r"\{%([-+]?)\s*include\s+(?:'([^'\n]{1,500})'|\"([^\"\n]{1,500})\")\s*([-+]?)%\}"
)


def with_includes(
    text: str, folder: str, read: Callable[[str], str | None], where: str
) -> tuple[str, tuple[str, ...]]:
    """Return a text with all it includes, and the names under which files were looked for.

    As in Jinja, names are those of files below one folder, in included files too, and the last
    newline of an included file is dropped. A file that is not there is looked for beside the suite.

    Args:
        text: of a `jinja` template.
        folder: of the template's file.
        read: returns the text of a file; None where there is none.
        where: begins every message.

    Raises:
        TemplateError: a file is missing, includes itself, or is named by anything but a text.
    """
    looked: dict[str, None] = {}
    found = 0

    def whole(text: str, where: str, within: tuple[str, ...]) -> str:
        return "".join(pieces(text, where, within))

    def pieces(text: str, where: str, within: tuple[str, ...]) -> Iterator[str]:
        done = 0
        for start, end in _tags(text):
            match = _INCLUDE.fullmatch(text, start, end)
            line = f"{where}: line {text.count(chr(10), 0, start) + 1}"
            if match is None:
                raise TemplateError(
                    f"{line}: include takes the name of one file in quotes and nothing else, so "
                    "that the text is known before anything is asked"
                )
            left, single, double, right = match.groups()
            yield text[done:start] + ("{#- #}" if left == "-" else "")
            yield included(single or double, line, within)
            yield "{# -#}" if right == "-" else ""
            done = end
        yield text[done:]

    def included(name: str, line: str, within: tuple[str, ...]) -> str:
        nonlocal found
        if name in within:
            raise TemplateError(f"{line}: {' includes '.join((*within, name))}: that has no end")
        found += 1
        if found > _MOST:
            raise TemplateError(f"{line}: more than {_MOST} files are included")
        places = list(dict.fromkeys((posixpath.normpath(posixpath.join(folder, name)), name)))
        for place in places:
            looked[place] = None
            if (text := read(place)) is not None:
                return whole(text.removesuffix("\n"), f"{line}: {name}", (*within, name))
        raise TemplateError(f"{line}: no file {name!r} to include; looked for {', '.join(places)}")

    return whole(text, where, ()), tuple(looked)


def _tags(text: str) -> Iterator[tuple[int, int]]:
    """Yield where tags begin and end that include something: not in comments, nor in raw text."""
    at = 0
    while (tag := _TAG.search(text, at)) is not None:
        if tag[0] == "{#":
            end = text.find("#}", tag.end())
        elif tag[1] == "raw":
            closing = _ENDRAW.search(text, tag.end())
            end = -1 if closing is None else closing.start()
        else:
            end = text.find("%}", tag.end())
            if end >= 0:
                yield tag.start(), end + 2
        if end < 0:  # never closed: the engine says so
            return
        at = end + 2
