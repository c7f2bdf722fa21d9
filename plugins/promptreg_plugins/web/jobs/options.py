"""What a request may say to the command line, and nothing else: names, types, bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from promptreg.errors import did_you_mean
from promptreg_plugins.web.model import JobKind
from promptreg_plugins.web.problems import InvalidError

__all__ = ["OPTIONS", "Option", "arguments", "check_options"]

_ALL = frozenset(JobKind)
_DECIDING = frozenset({JobKind.COMPARE, JobKind.GATE})
_WORD = re.compile(r"[^\s\x00-\x1f\x7f-\x9f-][^\x00-\x1f\x7f-\x9f]{0,199}\Z")
_BUDGET = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?(calls|tokens|usd)?\Z")
_MANY = 50


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a request.

    Attributes:
        kinds: the jobs that take it.
        allowed: what it may be, for people.
        accepts: whether a value may be passed on.
        arguments: the command line's words for a value.
        schema: what it may be, as JSON Schema.
    """

    kinds: frozenset[JobKind]
    allowed: str
    accepts: Callable[[Any], bool]
    arguments: Callable[[Any], list[str]]
    schema: Mapping[str, Any]


def check_options(kind: JobKind, options: Mapping[str, Any]) -> None:
    """Refuse options that the job does not take.

    Raises:
        InvalidError: names the option, its value and what is allowed.
    """
    known = sorted(name for name, option in OPTIONS.items() if kind in option.kinds)
    for name, value in options.items():
        if name not in known:
            raise InvalidError(
                f"{kind} takes no option {name!r:.80}{did_you_mean(name, known)}; "
                f"allowed: {', '.join(known)}",
                field=f"options.{name:.80}",
            )
        option = OPTIONS[name]
        if not option.accepts(value):
            raise InvalidError(
                f"options.{name}: found {value!r:.120}; allowed: {option.allowed}",
                field=f"options.{name}",
            )
    for name in ("looks", "anytime", "strict"):
        if options.get("sequential") is False and options.get(name):
            raise InvalidError(
                f"options.{name}: contradicts options.sequential, which is false",
                field=f"options.{name}",
            )


def arguments(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the command line's words for options that were checked."""
    for name in sorted(options):
        yield from OPTIONS[name].arguments(options[name])


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.match(value) is not None


def _filters(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) <= _MANY
        and all(_word(k) and "=" not in k and _words(v) for k, v in value.items())
    )


def _words(value: Any) -> bool:
    """Return whether a value is text, or a list of it; what follows `=` may begin with a dash."""
    found = value if isinstance(value, (list, tuple)) else [value]
    return 0 < len(found) <= _MANY and all(
        isinstance(v, str) and len(v) <= 200 and v.isprintable() for v in found
    )


def _names(value: Any) -> bool:
    found = value if isinstance(value, (list, tuple)) else [value]
    return 0 < len(found) <= _MANY and all(map(_word, found))


def _listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _margins(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and 0 < len(value) <= _MANY
        and all(_word(k) and _number(v, 0.0, 1e12) for k, v in value.items())
    )


def _number(value: Any, low: float, high: float) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and low < value < high


def _flag(*words: str) -> Callable[[Any], list[str]]:
    return lambda value: list(words) if value else []


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(low: int, high: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high}


_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": _MANY}]}
_BOOL = {"type": "boolean"}

OPTIONS: dict[str, Option] = {
    "template": Option(
        _ALL,
        "a template's name, or a list of them",
        _names,
        lambda v: [f"--template={name}" for name in _listed(v)],
        _TEXTS,
    ),
    "where": Option(
        _ALL,
        "an object of attribute to value or list of values",
        _filters,
        lambda v: [f"--filter={k}={word}" for k, words in v.items() for word in _listed(words)],
        {"type": "object", "additionalProperties": _TEXTS, "maxProperties": _MANY},
    ),
    "limit": Option(
        _ALL,
        "a whole number from 1 to 10,000,000",
        _integer(1, 10_000_000),
        lambda v: [f"--limit={v}"],
        _whole(1, 10_000_000),
    ),
    "repeats": Option(
        _ALL,
        "a whole number from 1 to 1,000",
        _integer(1, 1_000),
        lambda v: [f"--repeats={v}"],
        _whole(1, 1_000),
    ),
    "seed": Option(
        _ALL,
        "a whole number from 0 to 2^31-1",
        _integer(0, 2**31 - 1),
        lambda v: [f"--seed={v}"],
        _whole(0, 2**31 - 1),
    ),
    "budget": Option(
        _ALL,
        "an amount: 500 (calls), 200000tokens, 5usd",
        lambda v: isinstance(v, str) and _BUDGET.match(v) is not None,
        lambda v: [f"--budget={v}"],
        {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,6})?(calls|tokens|usd)?$"},
    ),
    "no_cache": Option(_ALL, "true or false", _is_bool, _flag("--no-cache"), _BOOL),
    "record": Option(
        _ALL,
        "true or false: whether the history gets it",
        _is_bool,
        lambda v: ["--record" if v else "--no-record"],
        _BOOL,
    ),
    "alpha": Option(
        _DECIDING,
        "a number from 0.001 to 0.499",
        lambda v: type(v) in (int, float) and 0.001 <= v <= 0.499,
        lambda v: [f"--alpha={v!r}"],
        {"type": "number", "minimum": 0.001, "maximum": 0.499},
    ),
    "margin": Option(
        _DECIDING,
        "a number above 0, or an object of metric to number",
        lambda v: _number(v, 0.0, 1e12) or _margins(v),
        lambda v: (
            [f"--margin={k}={x!r}" for k, x in v.items()]
            if isinstance(v, Mapping)
            else [f"--margin={v!r}"]
        ),
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e12},
                {
                    "type": "object",
                    "additionalProperties": {
                        "type": "number",
                        "exclusiveMinimum": 0,
                        "exclusiveMaximum": 1e12,
                    },
                    "minProperties": 1,
                    "maxProperties": _MANY,
                },
            ]
        },
    ),
    "sequential": Option(
        _DECIDING,
        "true or false",
        _is_bool,
        lambda v: ["--sequential" if v else "--no-sequential"],
        _BOOL,
    ),
    "looks": Option(
        _DECIDING,
        "a whole number from 1 to 100",
        _integer(1, 100),
        lambda v: [f"--looks={v}"],
        _whole(1, 100),
    ),
    "anytime": Option(
        _DECIDING,
        "true or false",
        _is_bool,
        lambda v: ["--anytime"] if v else [],
        _BOOL,
    ),
    "strict": Option(
        _DECIDING,
        "true or false",
        _is_bool,
        lambda v: ["--strict"] if v else [],
        _BOOL,
    ),
    "allow_mismatch": Option(
        _DECIDING,
        "a fingerprint's name, or a list of them",
        _names,
        lambda v: [f"--allow-mismatch={name}" for name in _listed(v)],
        _TEXTS,
    ),
}
