"""Sessions of browsers: kept here, not in the cookie, which holds nothing but a random name."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Session", "Sessions"]

_IDLE_S = 8 * 3600.0
_LONGEST_S = 24 * 3600.0
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

    They live as long as the process: after a restart people log in again. The token is asked
    about anew at each request, so revoking it ends its sessions.
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


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
