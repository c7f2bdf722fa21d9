"""Who may use the service: tokens, and sessions of browsers that were logged in with one."""

from __future__ import annotations

import asyncio
import hmac

from promptreg_plugins.web.model import Role, TokenInfo, Who
from promptreg_plugins.web.settings import Settings
from promptreg_plugins.web.store.database import Database
from promptreg_plugins.web.store.sessions import StoredSessions
from promptreg_plugins.web.store.tokens import Tokens

__all__ = ["People"]


class People:
    """The part of a `Service` that knows people.

    Args:
        settings: of the service; they may be replaced later, once its own token is made.
        database: where tokens and sessions are.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._tokens = Tokens(database)
        self._sessions = StoredSessions(database)

    def _local(self, token: str) -> bool:
        """Whether it is the token that is valid until the service ends."""
        local = self.settings.local_admin
        sent = token.encode("utf-8", "replace")
        return bool(local) and hmac.compare_digest(sent, local.encode())

    async def authenticate(self, token: str) -> Who:
        """Return whose token it is."""
        if self._local(token):
            return Who("local", Role.ADMIN)
        return await asyncio.to_thread(self._tokens.who, token)

    async def tokens(self) -> list[TokenInfo]:
        """Return all tokens, the newest first."""
        return await asyncio.to_thread(self._tokens.all)

    async def create_token(self, name: str, role: Role) -> tuple[TokenInfo, str]:
        """Make a token; the second part is what its owner sends, and is kept nowhere."""
        return await asyncio.to_thread(self._tokens.create, name, role)

    async def revoke_token(self, token_id: str) -> TokenInfo:
        """Make a token invalid, by its id or name, for good."""
        return await asyncio.to_thread(self._tokens.revoke, token_id)

    async def begin_session(self, token: str) -> str | None:
        """Begin a session that outlives the process; None for the token that does not.

        Raises:
            UnauthorizedError: the token is unknown or revoked.
        """
        if self._local(token):
            return None
        await self.authenticate(token)
        return await asyncio.to_thread(self._sessions.begin, self._tokens.id_of(token))

    async def session(self, name: str) -> Who | None:
        """Return whose session it is; None: it has ended, or never was."""
        return await asyncio.to_thread(self._sessions.find, name)

    async def end_session(self, name: str) -> None:
        """Forget a session."""
        await asyncio.to_thread(self._sessions.end, name)
