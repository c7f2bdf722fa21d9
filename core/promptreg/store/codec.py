"""Completions and failures as rows of the call store, each under a checksum."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from promptreg.errors import StoreError
from promptreg.records import Completion, Failure

__all__ = [
    "COLUMNS",
    "Row",
    "body_checksum",
    "pack",
    "pack_body",
    "pack_failure",
    "text_of",
    "unpack",
]

Row: TypeAlias = tuple[Any, ...]

_READ = json.JSONDecoder().raw_decode

COLUMNS = (
    "key, text, finish, model, prompt_tokens, completion_tokens, latency_s, cost, attempts, "
    "extra, scores, checksum"
)
"""The columns `pack` fills and `unpack` reads, in this order."""


def pack(key: str, completion: Completion) -> Row:
    """Return the row of a completion.

    A number that is NaN is stored as unknown, which is what it says.

    Raises:
        StoreError: a field is not of its declared type, or its extra values are no JSON.
    """
    try:
        row = (
            key,
            _stored(completion.text)[0],
            _stored(completion.finish)[0],
            _stored(completion.model)[0],
            _whole("prompt_tokens", completion.prompt_tokens),
            _whole("completion_tokens", completion.completion_tokens),
            _real("latency_s", completion.latency_s),
            _real("cost", completion.cost),
            _whole("attempts", completion.attempts) or 0,
            _json(completion.extra),
            _json(completion.scores),
            0,
        )
        return (*row[:-1], _checksum(row))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StoreError(f"completion {key[:12]!r} cannot be stored: {error}") from error


def unpack(row: Row) -> Completion:
    """Return the completion of a row, without its raw body, marked as cached.

    Raises:
        StoreError: the row is not what was written.
    """
    key, text, finish, model, prompted, completed, latency, cost, attempts, extra, scores, _ = row
    if _checksum(row) != row[11]:
        raise StoreError(
            f"the stored completion {key} fails its checksum: the file was changed or is "
            "damaged. `promptreg doctor --salvage` keeps every readable row"
        )
    return Completion(
        text_of(text),
        text_of(finish),
        text_of(model),
        prompted,
        completed,
        latency,
        cost,
        attempts,
        "",
        _READ(extra)[0] if extra else {},
        _READ(scores)[0] if scores else {},
        True,
    )


def pack_body(key: str, request: str, raw: str) -> Row:
    """Return request, raw body and checksum as stored.

    Raises:
        StoreError: one of them is no text.
    """
    try:
        stored_request, request_data = _stored(request)
        stored_raw, raw_data = _stored(raw)
    except (TypeError, AttributeError) as error:
        raise StoreError(f"request or body of {key[:12]} cannot be stored: {error}") from error
    return stored_request, stored_raw, _body_checksum(key, request_data, raw_data)


def body_checksum(key: str, request: str | bytes, raw: str | bytes) -> int:
    """Return the checksum that belongs to a stored request and body."""
    return _body_checksum(
        key,
        request if isinstance(request, bytes) else request.encode(),
        raw if isinstance(raw, bytes) else raw.encode(),
    )


def pack_failure(key: str, failure: Failure) -> Row:
    """Return the row of a failure: key, cause, detail, status, attempts, duration.

    Raises:
        StoreError: a field is not of its declared type.
    """
    try:
        return (
            key,
            str(failure.cause),
            _stored(failure.detail)[0],
            _whole("status", failure.status),
            _whole("attempts", failure.attempts) or 0,
            _real("duration_s", failure.duration_s),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"failure of {key[:12]} cannot be stored: {error}") from error


def text_of(stored: str | bytes) -> str:
    """Return stored text as it was given."""
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


def _stored(text: str) -> tuple[str | bytes, bytes]:
    """Return what SQLite can hold of a text, and its bytes."""
    try:
        return text, text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
        return data, data


def _whole(name: str, value: int | None) -> int | None:
    if value is None or (type(value) is int and -(2**63) <= value < 2**63):
        return value
    raise ValueError(f"{name} is {value!r:.40}; allowed: a whole number of 64 bits, or none")


def _real(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if type(value) not in (float, int):
        raise ValueError(f"{name} is {value!r:.40}; allowed: a number, or none")
    number = float(value) + 0.0  # SQLite keeps no sign of a zero, and the checksum would miss it
    return None if math.isnan(number) else number


def _json(value: Mapping[str, Any]) -> str | None:
    return json.dumps(dict(value)) if value else None


def _checksum(row: Row) -> int:
    key, text, finish, model, prompted, completed, latency, cost, attempts, extra, scores, _ = row
    # Bytes stand for text with lone surrogates; their repr is as good as any form of them.
    content = (
        f"{key}\n{finish!r}\n{model!r}\n{prompted}\n{completed}\n{latency}\n{cost}\n{attempts}\n"
        f"{extra}\n{scores}\n{text if type(text) is str else repr(text)}"
    )
    return zlib.crc32(content.encode())


def _body_checksum(key: str, request: bytes, raw: bytes) -> int:
    sizes = f"{key}\n{len(request)}\n{len(raw)}\n".encode()
    return zlib.crc32(raw, zlib.crc32(request, zlib.crc32(sizes)))
