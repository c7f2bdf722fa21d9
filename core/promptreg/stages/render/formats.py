"""The `format` engine: Python's `str.format` with plain names and nothing else.

`"{d.__init__.__globals__}".format(d=...)` shows what the full language may do with data, so
attributes, indexes, conversions, format specs and positions are refused when the template is
read.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from promptreg.errors import TemplateError
from promptreg.records import Template
from promptreg.stages.render.problems import (
    Problem,
    RenderError,
    missing,
    smuggling,
    too_long,
)
from promptreg.stages.render.tokens import count_tokens, first_token, inside_token, may_join
from promptreg.stages.render.values import MAX_PROMPT, TooLongError, text_of

__all__ = ["FormatRenderer", "split_fields"]

_ALLOWED = "allowed: {name} for a variable, {{ and }} for braces"


def split_fields(text: str, where: str) -> tuple[list[str], list[str]]:
    """Return (literals, names): literal, name, literal, name, ..., literal.

    Raises:
        TemplateError: with line and column, at anything but a plain name or a doubled brace.
    """
    literals: list[str] = []
    names: list[str] = []
    piece: list[str] = []
    i = 0
    while True:
        opening, closing = text.find("{", i), text.find("}", i)
        if opening < 0 and closing < 0:
            piece.append(text[i:])
            literals.append("".join(piece))
            return literals, names
        at = opening if closing < 0 or 0 <= opening < closing else closing
        piece.append(text[i:at])
        if text.startswith(text[at] * 2, at):
            piece.append(text[at])
            i = at + 2
            continue
        if text[at] == "}":
            raise _wrong(text, at, where, "a single '}'")
        end = text.find("}", at)
        name = text[at + 1 : end] if end >= 0 else ""
        if end < 0 or "{" in name or "\n" in name:
            raise _wrong(text, at, where, "a single '{'")
        if not name.isidentifier():
            raise _wrong(text, at, where, _complaint(name))
        literals.append("".join(piece))
        names.append(name)
        piece = []
        i = end + 1


def _complaint(name: str) -> str:
    shown = "{" + (name if len(name) <= 60 else name[:57] + "...") + "}"
    if not name:
        return "the position '{}'"
    if name.isdecimal():
        return f"the position {shown!r}"
    if name.strip().isidentifier():
        return f"blanks in {shown!r}"
    if name[0] in "\"'":
        return f"{shown!r}, which looks like JSON: its braces must be doubled"
    for sign, what in ((".", "an attribute"), ("[", "an index"), ("!", "a conversion")):
        if sign in name.split(":", 1)[0]:
            return f"{what} in {shown!r}"
    return f"a format spec in {shown!r}" if ":" in name else f"{shown!r}, which is no name"


def _wrong(text: str, at: int, where: str, what: str) -> TemplateError:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return TemplateError(f"{where}: line {line}, column {column}: found {what}; {_ALLOWED}")


class FormatRenderer:
    """A compiled `format` or `raw` template.

    Args:
        template: the version.
        where: names it in messages.
        clock: what `now` says; None: only a column of that name does.
    """

    def __init__(self, template: Template, where: str, clock: str | None) -> None:
        if template.engine == "raw":
            literals, names = [template.text], list[str]()
        else:
            literals, names = _with_clock(*split_fields(template.text, where), clock)
        self.variables = frozenset(names)
        self.where = where
        self._first = literals[0]
        self._rest = list(zip(names, literals[1:], strict=True))
        # A value may complete a token that the template's own text begins, ends or goes on with.
        edges = itertools.pairwise(literals)
        self._fragile = any(inside_token(t) for t in literals[1:-1]) or any(
            may_join(a, b) for a, b in edges
        )
        self._own_tokens = sum(count_tokens(t) for t in literals)

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the prompt's text.

        Raises:
            RenderError: a variable is missing, null, or can be no text.
        """
        parts = [self._first]
        add = parts.append
        try:
            for name, literal in self._rest:
                value = variables[name]
                add(value if type(value) is str else text_of(value))
                add(literal)
        except (KeyError, TypeError, TooLongError):
            raise RenderError(self._complaints(variables), self.where) from None
        text = "".join(parts)
        if len(text) > MAX_PROMPT:
            raise RenderError((too_long(len(text)),), self.where)
        return text

    def _complaints(self, variables: Mapping[str, Any]) -> tuple[Problem, ...]:
        problems = []
        for name in sorted(self.variables):
            problem = missing(name, variables)
            if problem is None:
                try:
                    text_of(variables[name])
                except (TypeError, TooLongError) as e:
                    problem = Problem("value", "", name, f"variable {name!r} {e}")
            if problem is not None:
                problems.append(problem)
        return tuple(problems)

    def smuggled(self, variables: Mapping[str, Any], text: str) -> Problem | None:
        """Return the role token that a value brought into the prompt, if one did."""
        for name in self.variables:
            value = variables[name]
            plain = value if type(value) is str else text_of(value)
            token = first_token(plain)
            if token is not None:
                return smuggling(name, token)
        if self._fragile and count_tokens(text) != self._own_tokens:
            detail = "values and the text around them make up a role token; values may hold none"
            return Problem("role_token", "", "", detail)
        return None


def _with_clock(
    literals: list[str], names: list[str], clock: str | None
) -> tuple[list[str], list[str]]:
    """Put the clock's text where the template says `now`."""
    if clock is None:
        return literals, names
    texts, kept = [literals[0]], list[str]()
    for name, literal in zip(names, literals[1:], strict=True):
        if name == "now":
            texts[-1] += clock + literal
        else:
            kept.append(name)
            texts.append(literal)
    return texts, kept
