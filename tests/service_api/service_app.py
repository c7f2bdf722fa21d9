"""The application on the fake service, with three tokens, and clients to ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import httpx
from fastapi import FastAPI

from promptreg_plugins.web.api import create_app
from promptreg_plugins.web.model import Role, Who
from promptreg_plugins.web.problems import UnauthorizedError, UnavailableError
from service_fake import FakeService

__all__ = ["ADMIN", "BASE", "READ", "RUN", "FakeSettings", "FakeTokens", "application", "client"]

BASE = "http://127.0.0.1:8321"
READ, RUN, ADMIN = "prt_read_token", "prt_run_token", "prt_admin_token"


@dataclass(frozen=True, slots=True)
class FakeSettings:
    """What HTTP reads of the settings."""

    host: str = "127.0.0.1"
    port: int = 8321
    allowed_hosts: tuple[str, ...] = ("promptreg.example",)
    insecure_cookies: bool = True
    max_body: int = 20_000
    requests_per_minute: int = 0
    log_format: Literal["json", "text"] = "json"
    log_level: str = "INFO"
    otel: bool = False


class FakeTokens:
    """Tokens in memory."""

    def __init__(self) -> None:
        self.known = {READ: Role.READ, RUN: Role.RUN, ADMIN: Role.ADMIN}
        self.asked = 0
        self.down = False

    async def authenticate(self, token: str) -> Who:
        self.asked += 1
        if self.down:
            raise UnavailableError("the database does not answer: connection refused")
        if token not in self.known:
            raise UnauthorizedError("this token is not known")
        return Who(f"{self.known[token]}er", self.known[token])


def application(
    service: FakeService | None = None, tokens: FakeTokens | None = None, **settings: Any
) -> FastAPI:
    """Return the application without pages."""
    return create_app(
        service or FakeService(), FakeSettings(**settings), tokens or FakeTokens(), pages=False
    )


def client(app: FastAPI, token: str | None = RUN, **keys: Any) -> httpx.AsyncClient:
    """Return a client with a token; exceptions of the application are told as a server would."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 4711))
    return httpx.AsyncClient(
        transport=transport, base_url=BASE, headers={**headers, **keys.pop("headers", {})}, **keys
    )
