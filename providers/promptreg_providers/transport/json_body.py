"""JSON out of a body that nobody vouches for, and into one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from promptreg.errors import CallError
from promptreg.records import Cause
from promptreg_providers.transport.base import Reply
from promptreg_providers.transport.status import quote

__all__ = [
    "count_of",
    "decode",
    "encode",
    "mend_surrogates",
    "model_name",
    "read_object",
    "text_of",
]

encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""Return compact ASCII JSON; raises ValueError for NaN and infinity."""


def decode(reply: Reply, redact: Callable[[str], str]) -> str:
    """Return the text of a successful response that claims to be JSON.

    Raises:
        CallError: `protocol`, for another content type or invalid UTF-8.
    """
    kind = reply.headers.get("Content-Type", "")
    if kind and "json" not in kind.lower():
        # Redacted before it is cut: nobody knows half a key for one.
        start = quote(redact(reply.body[:2_000].decode("utf-8", "replace")), 60)
        raise CallError(
            Cause.PROTOCOL,
            f"the body is of type {quote(redact(kind), 60)!r}, application/json is expected; "
            f"it begins with {start!r}",
        )
    try:
        return reply.body.decode("utf-8")
    except UnicodeDecodeError as e:
        raise CallError(Cause.PROTOCOL, f"the body is not valid UTF-8 (byte {e.start:,})") from e


def read_object(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`.

    Raises:
        CallError: `protocol`, when it is not JSON, too deep, holds NaN or is no object.
    """
    try:
        data = _DECODER.decode(text)
    except RecursionError:
        raise CallError(Cause.PROTOCOL, "the JSON of the body is nested too deeply") from None
    except ValueError as e:
        said = e.msg if isinstance(e, json.JSONDecodeError) else str(e)
        raise CallError(Cause.PROTOCOL, f"the body is not JSON: {quote(said, 80)}") from e
    if not isinstance(data, dict):
        raise CallError(
            Cause.PROTOCOL, f"the body is a JSON {type(data).__name__}, an object is expected"
        )
    return data


def count_of(value: Any) -> int | None:
    """Return a count, or None for anything that is none."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
        return value
    return None


def text_of(value: Any) -> str:
    """Return a short name such as a model's, or an empty string for anything else."""
    return quote(value) if isinstance(value, str) else ""


def model_name(value: Any) -> str:
    """Return a model's name; of a path only the file name, which is the same on every machine."""
    name = text_of(value)
    if name.endswith(".gguf") or name.startswith("/"):
        name = name.replace("\\", "/").rsplit("/", 1)[-1]
    return name


def mend_surrogates(text: str) -> tuple[str, int]:
    """Return the text with lone surrogates replaced by U+FFFD, and how many there were.

    JSON may spell half a surrogate pair; no UTF-8 file, store or report can hold one.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        mended = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
        return mended, sum(1 for c in text if "\ud800" <= c <= "\udfff")
    return text, 0


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
