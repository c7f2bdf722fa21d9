"""One recorded completion, checked: nothing is guessed, nothing silently replaced."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptreg import Cause
from promptreg.errors import DataError
from promptreg_providers.transport.json_body import mend_surrogates

__all__ = ["Key", "Row", "read_row"]

Key = tuple[str | None, str, str, int]
"""Template (None where the file does not say), version, scenario id, repeat."""
_CAUSES = frozenset(Cause)
_FINISH = frozenset({"stop", "length", "content_filter", "refusal", "unknown"})
_SCORE = "score."


@dataclass(frozen=True, slots=True)
class Row:
    """A recorded completion or failure.

    Attributes:
        text: the raw completion.
        mended: halves of surrogate pairs in it that were replaced by U+FFFD.
        error: what went wrong; empty for a completion.
        model, finish: as recorded; `finish` is `stop` where the file does not say.
        latency_s, prompt_tokens, completion_tokens: as recorded; None where it does not say.
        scores: measured elsewhere, by name; None is unscored.
    """

    text: str
    mended: int
    error: str
    model: str
    finish: str
    latency_s: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    scores: Mapping[str, float | None]

    def failure(self) -> tuple[Cause, str, int | None]:
        """Return cause, detail and HTTP status of a recorded error.

        An error that begins with the name of a cause, such as `timeout` or `http_status: 503`,
        is of that cause; any other is of the cause `recorded`.
        """
        word, _, rest = self.error.replace(":", " ", 1).partition(" ")
        rest = rest.strip()
        if word not in _CAUSES:
            return Cause.RECORDED, self.error, None
        digits = rest[:3]
        status = int(digits) if len(digits) == 3 and digits.isdecimal() else None
        cause = Cause(word)
        return cause, rest or "as recorded", status if cause is Cause.HTTP_STATUS else None


def read_row(row: Mapping[str, Any], where: str) -> tuple[Key, Row]:
    """Return the key and the content of one row.

    Args:
        row: column to value; a value is missing when absent, null, NaN or an empty text.
        where: file and line, for messages.

    Raises:
        DataError: a value is missing or is not what its column holds.
    """
    repeat = _whole(row, "repeat", where)
    template = _name(row, "template", where)
    key = (
        template or None,
        _needed(row, "version", where),
        _needed(row, "scenario_id", where),
        0 if repeat is None else repeat,
    )
    error = " ".join(_text(row, "error", where)[:400].split())
    if "text" not in row and not error:
        # An empty text is an empty answer; a column of another name is none, for either version.
        raise DataError(f"{where}: has no column 'text' and no 'error'; it has: {_columns(row)}")
    finish = _text(row, "finish", where) or "stop"
    if finish not in _FINISH:
        raise DataError(
            f"{where}: finish: found {finish[:40]!r}; allowed: {', '.join(sorted(_FINISH))}"
        )
    text, mended = mend_surrogates(_text(row, "text", where))
    return key, Row(
        text=text,
        mended=mended,
        error=error,
        model=_text(row, "model", where),
        finish=finish,
        latency_s=_measure(row, "latency_s", where),
        prompt_tokens=_whole(row, "prompt_tokens", where),
        completion_tokens=_whole(row, "completion_tokens", where),
        scores={
            name[len(_SCORE) :]: _number(row, name, where) for name in row if name[:6] == _SCORE
        },
    )


def _columns(row: Mapping[str, Any]) -> str:
    names = [str(name)[:40] for name in row]
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def _needed(row: Mapping[str, Any], name: str, where: str) -> str:
    text = _name(row, name, where)
    if not text:
        problem = "is empty" if name in row else "is missing"
        raise DataError(f"{where}: the column {name!r} {problem}")
    return text


def _name(row: Mapping[str, Any], name: str, where: str) -> str:
    """Return a name; whole numbers are spelled out, since data files turn `7` into 7."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(row, name, where)


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if isinstance(value, str):
        return value
    if value is None or value != value:  # only NaN differs from itself
        return ""
    raise DataError(f"{where}: {name}: found {type(value).__name__}; allowed: text")


def _number(row: Mapping[str, Any], name: str, where: str) -> float | None:
    """Return a finite number, or None where there is none; true and false count as 1 and 0."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "false"):
            return 1.0 if word == "true" else 0.0
        try:
            value = float(word)
        except ValueError:
            raise _bad(value, name, where, "a number") from None
    if not isinstance(value, (int, float)):
        raise _bad(value, name, where, "a number")
    try:
        number = float(value)
    except OverflowError:
        raise _bad(value, name, where, "a number") from None
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise _bad(value, name, where, "a finite number")
    return number


def _measure(row: Mapping[str, Any], name: str, where: str) -> float | None:
    if isinstance(row.get(name), bool):
        raise _bad(row[name], name, where, "a number of 0 or more")
    number = _number(row, name, where)
    if number is not None and number < 0:
        raise _bad(row[name], name, where, "a number of 0 or more")
    return number


def _whole(row: Mapping[str, Any], name: str, where: str) -> int | None:
    number = _measure(row, name, where)
    if number is None:
        return None
    if not number.is_integer() or number > 2**53:
        raise _bad(row[name], name, where, "a whole number of 0 or more")
    return int(number)


def _bad(value: object, name: str, where: str, allowed: str) -> DataError:
    return DataError(f"{where}: {name}: found {str(value)[:40]!r}; allowed: {allowed}")
