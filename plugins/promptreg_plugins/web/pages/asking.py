"""What an address or a form says, read with care: a wrong value is refused, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request

from promptreg_plugins.web.model import Role, Who
from promptreg_plugins.web.pages.rendering import who_asks
from promptreg_plugins.web.problems import (
    ForbiddenError,
    InvalidError,
    TooLargeError,
    UnauthorizedError,
)

__all__ = ["Paging", "form_of", "number_of", "paging_of", "runner_of", "where_of"]

_LONGEST = 64 * 1024
_MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Paging:
    """A part of a list: `limit` items from `offset` on."""

    offset: int
    limit: int


def number_of(values: Mapping[str, str], name: str, default: int, most: int = _MOST) -> int:
    """Return a whole number from 0 to `most`.

    Raises:
        InvalidError: it is none.
    """
    text = values.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > most:
        raise InvalidError(f"{name} is {text[:40]!r}; allowed is 0 to {most:,}", field=name)
    return int(text)


def paging_of(request: Request, limit: int) -> Paging:
    """Return which part of a list an address asks for."""
    return Paging(number_of(request.query_params, "offset", 0), limit)


def where_of(request: Request, attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the attribute values asked for, as `a.NAME=VALUE`; empty ones mean all.

    Raises:
        InvalidError: there is no such attribute.
    """
    found = {}
    for key, value in request.query_params.items():
        if key.startswith("a.") and value:
            name = key[2:]
            if name not in attributes:
                known = ", ".join(sorted(attributes)[:20]) or "none"
                raise InvalidError(f"no attribute is called {name[:60]!r}; there are: {known}")
            found[name] = value
    return found


async def form_of(request: Request) -> dict[str, list[str]]:
    """Return a form's fields; fields left empty are left out.

    Raises:
        InvalidError: it is no form; TooLargeError: it is larger than 64 KiB.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidError(f"a form is sent as application/x-www-form-urlencoded, found {kind!r}")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST:
            raise TooLargeError(f"a form may have {_LONGEST:,} bytes")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=200, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidError("the form cannot be read") from error
    stripped = {k: [v.strip() for v in values if v.strip()] for k, values in fields.items()}
    return {k: values for k, values in stripped.items() if values}


def runner_of(request: Request) -> Who:
    """Return who asks, if they may start and stop jobs.

    Raises:
        UnauthorizedError: nobody is logged in; ForbiddenError: the role does not allow it.
    """
    who = who_asks(request)
    if who is None:
        raise UnauthorizedError("nobody is logged in")
    if not who.role.allows(Role.RUN):
        raise ForbiddenError(f"role {who.role} may read; to start or stop jobs takes role run")
    return who
