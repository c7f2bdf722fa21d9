"""Sessions of browsers: kept by the service, not in the cookie, which holds but a random name."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from promptreg_plugins.web.api.needs import KeptSessions, Tokens
from promptreg_plugins.web.model import SESSION_IDLE, SESSION_LONGEST, Who
from promptreg_plugins.web.problems import UnauthorizedError

__all__ = ["LogIns", "Session", "Sessions"]

_IDLE_S, _LONGEST_S = SESSION_IDLE.total_seconds(), SESSION_LONGEST.total_seconds()
_MOST = 2_000


@dataclass(slots=True)
class Session:
    """Somebody's browser: the token it logged in with, and what its forms must say."""

    token: str = field(repr=False)
    csrf: str = field(repr=False)
    began: float
    used: float


class Sessions:
    """At most `most` sessions; they end when idle for 8 hours, after a day, or by logging out.

    They live as long as the process. The token is asked about anew at each request, so revoking it
    ends its sessions.
    """

    def __init__(self, *, most: int = _MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.clock = clock
        self._kept: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, token: str) -> tuple[str, Session]:
        """Return a new session and its name, which only the browser will know."""
        name = secrets.token_urlsafe(32)
        now = self.clock()
        session = Session(token, secrets.token_urlsafe(32), now, now)
        self._kept[_digest(name)] = session
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)
        return name, session

    def find(self, name: str) -> Session | None:
        """Return a session that has not ended."""
        key = _digest(name)
        session = self._kept.get(key)
        if session is None:
            return None
        now = self.clock()
        if now - session.used > _IDLE_S or now - session.began > _LONGEST_S:
            del self._kept[key]
            return None
        session.used = now
        self._kept.move_to_end(key)
        return session

    def end(self, name: str) -> None:
        """Forget a session."""
        self._kept.pop(_digest(name), None)

    def __len__(self) -> int:
        return len(self._kept)


class LogIns:
    """Who is logged in: sessions that outlive the process where they can be kept, else its own.

    Args:
        tokens: who is behind a token.
        own: sessions of this process.
        kept: those that outlive it; None: there are none.
    """

    def __init__(self, tokens: Tokens, own: Sessions, kept: KeptSessions | None) -> None:
        self._tokens, self._own, self._kept = tokens, own, kept

    async def begin(self, token: str) -> str:
        """Begin a session of a token that was checked; return the name for the cookie."""
        name = await self._kept.begin_session(token) if self._kept is not None else None
        return name or self._own.begin(token)[0]

    async def find(self, name: str) -> tuple[Who, str] | None:
        """Return whose session it is and what its forms must say; None: there is no such session.

        Raises:
            UnavailableError: the database does not answer.
        """
        session = self._own.find(name)
        if session is not None:
            try:
                return await self._tokens.authenticate(session.token), session.csrf
            except UnauthorizedError:  # revoked since: so is the session
                self._own.end(name)
                return None
        who = await self._kept.session(name) if self._kept is not None else None
        return None if who is None else (who, _csrf(name))

    async def end(self, name: str) -> None:
        """Forget a session.

        Raises:
            UnavailableError: the database does not answer.
        """
        self._own.end(name)
        if self._kept is not None:
            await self._kept.end_session(name)


def _csrf(name: str) -> str:
    """Return what forms of a kept session say: only who knows its name can make it."""
    made = hmac.digest(name.encode("utf-8", "surrogateescape"), b"promptreg forms", "sha256")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
