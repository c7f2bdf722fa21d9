"""Tokens: made of 256 random bits, shown once, kept as a salted hash.

A slow hash such as scrypt protects passwords that people think of and others can guess. Nobody
guesses 256 random bits, so a keyed SHA-256 is as safe, and costs microseconds instead of 50 ms of
CPU per request, which would let anybody with a wrong token keep the service busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from promptreg_plugins.web.model import Role, TokenInfo, Who
from promptreg_plugins.web.problems import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)
from promptreg_plugins.web.store.database import Database, as_dict, now_text, parsed_time
from promptreg_plugins.web.store.tables import tokens

__all__ = ["Tokens", "new_secret"]

_TOKEN = re.compile(r"prt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}\Z")
_USED = timedelta(minutes=1)


def new_secret() -> tuple[str, str]:
    """Return a new token's id and the token."""
    token_id = secrets.token_hex(6)
    return token_id, f"prt_{token_id}_{secrets.token_urlsafe(32)}"


class Tokens:
    """The tokens of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, role: Role) -> tuple[TokenInfo, str]:
        """Make a token; the second part is shown once and kept nowhere.

        Raises:
            InvalidError: the name may not be one.
            ConflictError: a valid token is called so.
        """
        if not _NAME.match(name):
            raise InvalidError(
                f"{name!r:.120} is no name for a token; allowed: 1-100 letters, digits and "
                "._@+-, a letter or digit first",
                field="name",
            )
        token_id, token = new_secret()
        salt = secrets.token_hex(16)
        row: dict[str, Any] = {
            "id": token_id,
            "name": name,
            "role": str(role),
            "salt": salt,
            "hash": _hash(token, salt),
            "created_at": now_text(),
        }
        try:
            with self._database.write() as c:
                c.execute(tokens.insert().values(**row))
        except sa.exc.IntegrityError as e:
            raise ConflictError(
                f"a token is called {name!r} already; revoke it first, or choose another name",
                field="name",
            ) from e
        return _info({**row, "last_used_at": None, "revoked_at": None}), token

    def all(self) -> list[TokenInfo]:
        """Return all tokens, the newest first."""
        query = sa.select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id)
        with self._database.read() as c:
            return [
                _info({str(k): v for k, v in row.items()}) for row in c.execute(query).mappings()
            ]

    def any(self) -> bool:
        """Return whether there is a valid token."""
        with self._database.read() as c:
            query = sa.select(tokens.c.id).where(tokens.c.revoked_at.is_(None)).limit(1)
            return c.scalar(query) is not None

    def revoke(self, name: str) -> TokenInfo:
        """Make a token invalid for good.

        Args:
            name: its id or its name.

        Raises:
            NotFoundError: there is no such valid token.
        """
        with self._database.write() as c:
            query = sa.select(tokens).where(
                tokens.c.revoked_at.is_(None), (tokens.c.id == name) | (tokens.c.name == name)
            )
            row = as_dict(c.execute(query).mappings().first())
            if row is None:
                raise NotFoundError(f"no valid token is called {name!r:.120}")
            at = now_text()
            c.execute(tokens.update().where(tokens.c.id == row["id"]).values(revoked_at=at))
        return _info({**row, "revoked_at": at})

    def who(self, token: str) -> Who:
        """Return whose token it is.

        Raises:
            UnauthorizedError: it is unknown, malformed or revoked.
        """
        match = _TOKEN.match(token)
        row: Mapping[str, Any] | None = None
        if match is not None:
            with self._database.read() as c:
                query = sa.select(tokens).where(tokens.c.id == match[1])
                row = as_dict(c.execute(query).mappings().first())
        salt, kept = (row["salt"], row["hash"]) if row else ("0" * 32, "0" * 64)
        fits = hmac.compare_digest(_hash(token, salt), kept)
        if row is None or not fits or row["revoked_at"] is not None:
            raise UnauthorizedError("the token is unknown or revoked")
        self._used(row)
        return Who(row["name"], Role(row["role"]))

    @staticmethod
    def id_of(token: str) -> str:
        """Return a token's id, which is no secret; empty where it is no token."""
        match = _TOKEN.match(token)
        return match[1] if match else ""

    def _used(self, row: Mapping[str, Any]) -> None:
        """Note the use, at most once a minute: a write per request would cost too much."""
        last = parsed_time(row["last_used_at"])
        if last is not None and datetime.now(UTC) - last < _USED:
            return
        try:
            with self._database.write() as c:
                c.execute(
                    tokens.update().where(tokens.c.id == row["id"]).values(last_used_at=now_text())
                )
        except UnavailableError:  # whether somebody may read does not hang on this
            return


def _hash(token: str, salt: str) -> str:
    # Whatever was sent: a token of strange characters is wrong, not an error.
    text = token.encode("utf-8", "surrogatepass")[:1000]
    return hmac.new(salt.encode(), text, hashlib.sha256).hexdigest()


def _info(row: Mapping[str, Any]) -> TokenInfo:
    created = parsed_time(row["created_at"])
    assert created is not None  # noqa: S101 - the column is never null
    return TokenInfo(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=created,
        last_used_at=parsed_time(row["last_used_at"]),
        revoked_at=parsed_time(row["revoked_at"]),
    )
