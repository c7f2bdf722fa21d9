"""Sessions of browsers that outlive the process: hashes of their names, and whose token began them.

Neither the token nor the session's name is kept: whoever reads the database can be nobody by it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from promptreg_plugins.web.model import SESSION_IDLE, SESSION_LONGEST, Role, Who
from promptreg_plugins.web.problems import UnavailableError
from promptreg_plugins.web.store.database import Database, parsed_time
from promptreg_plugins.web.store.tables import sessions, tokens

__all__ = ["StoredSessions"]

_MOST = 200
"""Sessions of one token; the one used least recently gives way."""
_USED, _SLACK = timedelta(minutes=1), timedelta(minutes=5)


class StoredSessions:
    """The sessions of a database.

    Every method raises UnavailableError if the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, token_id: str) -> str:
        """Begin a session of a token that was checked; return its name, which is kept nowhere."""
        name, now = secrets.token_urlsafe(32), datetime.now(UTC)
        with self._database.write() as c:
            c.execute(
                sessions.delete().where(
                    (sessions.c.began_at < _text(now - SESSION_LONGEST))
                    | (sessions.c.used_at < _text(now - SESSION_IDLE))
                )
            )
            mine = sessions.c.token_id == token_id
            oldest = (
                sa.select(sessions.c.hash)
                .where(mine)
                .order_by(sessions.c.used_at.desc())
                .offset(_MOST - 1)
            )
            if old := c.scalars(oldest).all():
                c.execute(sessions.delete().where(sessions.c.hash.in_(old)))
            row = {"hash": _hash(name), "token_id": token_id}
            c.execute(sessions.insert().values(**row, began_at=_text(now), used_at=_text(now)))
        return name

    def find(self, name: str) -> Who | None:
        """Return whose session it is; None: it has ended, its token was revoked, or none was."""
        now = datetime.now(UTC)
        query = (
            sa.select(tokens.c.name, tokens.c.role, sessions.c.began_at, sessions.c.used_at)
            .join(tokens, tokens.c.id == sessions.c.token_id)
            .where(sessions.c.hash == _hash(name), tokens.c.revoked_at.is_(None))
        )
        with self._database.read() as c:
            row = c.execute(query).first()
        if row is None:
            return None
        began, used = parsed_time(row.began_at), parsed_time(row.used_at)
        assert began is not None  # noqa: S101 - columns that are never null
        assert used is not None  # noqa: S101
        # A clock that was set back must not make sessions last.
        if not (
            -_SLACK <= now - began <= SESSION_LONGEST and -_SLACK <= now - used <= SESSION_IDLE
        ):
            return None
        if now - used >= _USED:
            self._note(name, now)
        return Who(row.name, Role(row.role))

    def _note(self, name: str, now: datetime) -> None:
        """Note the use, at most once a minute: a write per request would cost too much."""
        try:
            with self._database.write() as c:
                row = sessions.update().where(sessions.c.hash == _hash(name))
                c.execute(row.values(used_at=_text(now)))
        except UnavailableError:  # whether somebody may read does not hang on this
            return

    def end(self, name: str) -> None:
        """Forget a session."""
        with self._database.write() as c:
            c.execute(sessions.delete().where(sessions.c.hash == _hash(name)))


def _hash(name: str) -> str:
    """Return what is kept of a name; it is 256 random bits, so no salt is needed."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
