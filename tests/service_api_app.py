"""The application on the fake service, and clients to ask it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import httpx
from fastapi import APIRouter, FastAPI

from promptreg_plugins.web.api import create_app
from service_fake import RUN, FakeService

__all__ = ["BASE", "FakeSettings", "application", "client"]

BASE = "http://127.0.0.1:8321"


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


def application(service: FakeService | None = None, **settings: Any) -> FastAPI:
    """Return the application without pages."""
    service = service or FakeService()
    app = create_app(service, FakeSettings(**settings), service, pages=False)
    if "insecure_cookies" not in settings:
        app.router = _routes()
    return app


@cache
def _routes() -> APIRouter:
    """Return routes that are compiled: that costs more than a test, so all tests share them."""
    service = FakeService()
    return create_app(service, FakeSettings(), service, pages=False).router


def client(app: FastAPI, token: str | None = RUN, **keys: Any) -> httpx.AsyncClient:
    """Return a client with a token; exceptions of the application are told as a server would."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 4711))
    return httpx.AsyncClient(
        transport=transport, base_url=BASE, headers={**headers, **keys.pop("headers", {})}, **keys
    )
