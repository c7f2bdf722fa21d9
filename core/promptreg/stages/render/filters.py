"""The filters and tests a Jinja template may use: those that make text, each with a price."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from promptreg.stages.render.guard import BudgetExceededError, current, size_of
from promptreg.stages.render.values import MAX_PROMPT, text_of

__all__ = ["allowed_filters", "allowed_tests", "safe_range"]

_KEPT_FILTERS = (
    "abs", "capitalize", "count", "dictsort", "first", "float", "int", "items", "last", "length",
    "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select",
    "selectattr", "sort", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
_KEPT_TESTS = (
    "boolean", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan", "gt",
    "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number",
    "odd", "sequence", "string", "true", "upper", "==", "!=", "<", "<=", ">", ">=",
)  # fmt: skip
_LAZY = frozenset({"map", "reject", "rejectattr", "select", "selectattr", "unique", "reverse"})
MAX_RANGE = 10_000


def allowed_filters(known: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the filters, out of Jinja's own and the guarded ones here."""
    kept = {name: _priced(known[name], lazy=name in _LAZY) for name in _KEPT_FILTERS}
    own = {
        "default": _default,
        "d": _default,
        "indent": _indent,
        "join": _join,
        "replace": _replace,
        "string": text_of,
        "tojson": _tojson,
    }
    return kept | {name: _priced(f) for name, f in own.items()}


def allowed_tests(known: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the tests; a null counts as not defined, as it does everywhere in promptreg."""
    from jinja2 import Undefined

    def defined(value: Any) -> bool:
        return value is not None and not isinstance(value, Undefined)

    kept = {name: known[name] for name in _KEPT_TESTS}
    return {**kept, "defined": defined, "undefined": lambda value: not defined(value)}


def _priced(function: Any, *, lazy: bool = False) -> Callable[..., Any]:
    """Charge a filter for what goes in, and look at the size of what comes out."""
    from jinja2.utils import _PassArg

    passed = _PassArg.from_obj(function)

    def priced(*args: Any, **kwargs: Any) -> Any:
        given = args[1:] if passed is not None else args
        budget = current()
        budget.charge(sum(map(size_of, given)) + sum(map(size_of, kwargs.values())))
        made = function(*args, **kwargs)
        if lazy:  # items are made, and charged, when somebody asks for them
            return budget.loop(made, 1)
        size_of(made)
        return made

    if passed is not None:
        priced.jinja_pass_arg = passed  # type: ignore[attr-defined]  # Jinja's mark on functions
    return priced


def _default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002, RUF100 - Jinja's signature
    from jinja2 import Undefined

    if value is None or isinstance(value, Undefined) or (boolean and not value):
        return fallback
    return value


def _join(values: Any, separator: str = "") -> str:
    parts: list[str] = []
    length = 0
    for value in values:
        part = text_of(value)
        length += len(part) + len(separator)
        if length > MAX_PROMPT or len(parts) > MAX_RANGE * 10:
            raise BudgetExceededError(f"makes a text of more than {MAX_PROMPT:,} characters")
        parts.append(part)
    return separator.join(parts)


def _replace(text: Any, old: str, new: str) -> str:
    whole = text_of(text)
    if not old:
        raise ValueError("replace: the text to look for is empty")
    if len(whole) + whole.count(old) * len(new) > MAX_PROMPT:
        raise BudgetExceededError(f"makes a text of more than {MAX_PROMPT:,} characters")
    return whole.replace(old, new)


def _indent(text: Any, width: Any = 4, first: bool = False) -> str:  # noqa: FBT001, FBT002, RUF100 - Jinja's signature
    text = text_of(text)
    lines = text.split("\n")
    if not isinstance(width, int) or not 0 <= width <= 80:
        raise ValueError("indent: the width must be 0 to 80")
    if len(text) + width * len(lines) > MAX_PROMPT:
        raise BudgetExceededError(f"makes a text of more than {MAX_PROMPT:,} characters")
    pad = " " * width
    head = pad if first else ""
    return head + "\n".join([lines[0], *[pad + line if line else line for line in lines[1:]]])


def _tojson(value: Any) -> str:
    """Return compact JSON of anything, texts in quotes."""
    if value is None:
        return "null"
    wrapped = text_of([value])
    return wrapped[1:-1]


def safe_range(*args: int) -> list[int]:
    """Return a range as a list, of bounded length."""
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        raise BudgetExceededError(f"asks for a range of more than {MAX_RANGE:,} numbers")
    return list(itertools.islice(numbers, MAX_RANGE))
