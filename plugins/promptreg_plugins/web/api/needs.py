"""What HTTP needs to be told, and of whom it asks whether a token is good."""

from __future__ import annotations

from typing import Literal, Protocol

from promptreg_plugins.web.model import Who

__all__ = ["HttpSettings", "KeptSessions", "Tokens"]


class HttpSettings(Protocol):
    """The part of the service's settings that HTTP reads; `web.settings.Settings` has it.

    Attributes:
        host, port: where it listens.
        allowed_hosts: names that a request's Host may say besides the loopback's and `host`.
        insecure_cookies: whether cookies are sent without TLS.
        max_body: bytes of a request's body that are read.
        requests_per_minute: of one token or address; 0: no limit.
        log_format, log_level: how and from which level on the log is written.
        otel: whether traces are made.
    """

    @property
    def host(self) -> str: ...  # noqa: D102 - described by the class, as are those below
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def insecure_cookies(self) -> bool: ...  # noqa: D102
    @property
    def max_body(self) -> int: ...  # noqa: D102
    @property
    def requests_per_minute(self) -> int: ...  # noqa: D102
    @property
    def log_format(self) -> Literal["json", "text"]: ...  # noqa: D102
    @property
    def log_level(self) -> str: ...  # noqa: D102
    @property
    def otel(self) -> bool: ...  # noqa: D102


class Tokens(Protocol):
    """Who is behind a token; the service itself knows.

    Asked at every request, so that a revoked token is refused at once.
    """

    async def authenticate(self, token: str) -> Who:
        """Return the token's name and role.

        Raises:
            UnauthorizedError: there is no such token, or it was revoked.
            UnavailableError: the database does not answer.
        """
        ...


class KeptSessions(Protocol):
    """Sessions that outlive the process. Each method may raise UnavailableError."""

    async def begin_session(self, token: str) -> str | None:
        """Return the name of a new session of a good token; None: this one's are not kept.

        Raises:
            UnauthorizedError: there is no such token, or it was revoked.
        """
        ...

    async def session(self, name: str) -> Who | None:
        """Return whose session it is; None: it has ended, its token was revoked, or never was."""
        ...

    async def end_session(self, name: str) -> None:
        """Forget a session."""
        ...
