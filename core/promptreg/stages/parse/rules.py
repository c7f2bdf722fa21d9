"""What a field of an answer must be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["DEFAULT_RULES", "FieldRuleLike", "Rule", "compile_rule", "shown"]

_SHOWN = 60
_WORDS = {
    "integer": "an integer",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "any": "any value",
}


class FieldRuleLike(Protocol):
    """The shape of `promptreg.suite.FieldRule`, which loads too much to be imported here."""

    @property
    def type(self) -> str: ...  # noqa: D102 - described where it is defined
    @property
    def minimum(self) -> float | None: ...  # noqa: D102
    @property
    def maximum(self) -> float | None: ...  # noqa: D102
    @property
    def enum(self) -> tuple[Any, ...] | None: ...  # noqa: D102
    @property
    def max_length(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Rule:
    """A field's rule, ready to be applied.

    Attributes:
        name: the field.
        accepts: whether a value keeps the rule.
        allowed: what is allowed, in words.
    """

    name: str
    accepts: Callable[[Any], bool]
    allowed: str

    def complaint(self, value: Any) -> str:
        """Return what is wrong with a value that breaks the rule."""
        return f"{self.name} is {shown(value)}; allowed: {self.allowed}"


def shown(value: Any) -> str:
    """Return a value as JSON, shortened and escaped, fit for a message."""
    text = value if isinstance(value, str) else None
    if text is not None and len(text) > _SHOWN:
        value = text[:_SHOWN]
    written = json.dumps(value, default=repr)
    return written if len(written) <= _SHOWN else written[:_SHOWN] + "..."


def _integer(value: Any) -> bool:
    """Accept integers, also written `85.0`; a boolean is none."""
    return type(value) is int or (type(value) is float and value.is_integer())


def _number(value: Any) -> bool:
    return type(value) is int or type(value) is float


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "integer": _integer,
    "number": _number,
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, Sequence) and not isinstance(v, str),
    "object": lambda v: isinstance(v, Mapping),
    "any": lambda v: True,
}


def compile_rule(name: str, rule: FieldRuleLike) -> Rule:
    """Return the rule of field `name`, ready to be applied.

    Bounds apply to numbers (for type `any`, to values that are numbers), `max_length` to texts
    (characters) and lists (items). `enum` compares type and value: 1 is not true.
    """
    low, high, longest = rule.minimum, rule.maximum, rule.max_length
    right_type = _TYPES[rule.type]
    choices = None if rule.enum is None else {(type(c), c) for c in rule.enum}

    if low is None and high is None and longest is None and choices is None:
        return Rule(name, right_type, _words(rule))

    def accepts(value: Any) -> bool:
        if not right_type(value):
            return False
        if choices is not None and not _among(value, choices):
            return False
        if (low is not None or high is not None) and _number(value):
            if not ((low is None or value >= low) and (high is None or value <= high)):
                return False
        elif longest is not None and hasattr(value, "__len__") and len(value) > longest:
            return False
        return True

    return Rule(name, accepts, _words(rule))


def _among(value: Any, choices: set[tuple[type, Any]]) -> bool:
    if isinstance(value, float) and value.is_integer() and (int, int(value)) in choices:
        return True
    return isinstance(value, (str, int, float)) and (type(value), value) in choices


def _words(rule: FieldRuleLike) -> str:
    if rule.enum is not None:
        return ", ".join(str(c) for c in rule.enum)
    words = _WORDS[rule.type]
    if rule.minimum is not None and rule.maximum is not None:
        words += f" from {rule.minimum:g} to {rule.maximum:g}"
    elif rule.minimum is not None:
        words += f" of at least {rule.minimum:g}"
    elif rule.maximum is not None:
        words += f" of at most {rule.maximum:g}"
    if rule.max_length is not None:
        things = "items" if rule.type == "array" else "characters"
        words += f" of at most {rule.max_length:,} {things}"
    return words


@dataclass(frozen=True, slots=True)
class _Plain:
    type: str = "any"
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[Any, ...] | None = None
    max_length: int | None = None


DEFAULT_RULES: Mapping[str, FieldRuleLike] = {
    "risk_score": _Plain("integer", 0, 100),
    "risk_level": _Plain("string", enum=("low", "medium", "high", "critical")),
    "summary": _Plain("string"),
    "reasoning": _Plain("string"),
}
"""Rules of the fields that risk answers have, unless a suite says otherwise."""
