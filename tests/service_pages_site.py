"""The pages alone, over the service in memory; who asks is set by the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from promptreg_plugins.web.model import Role, Who
from promptreg_plugins.web.pages import pages
from service_fake import FakeService

__all__ = ["Asker", "Found", "Site", "read", "site_of"]


class Asker:
    """Sets who asks, as the application's own layer does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.who: Who | None = Who("anna", Role.RUN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"who": self.who, "csrf": "a-word-of-the-session"}
        await self.app(scope, receive, send)


@dataclass
class Site:
    """The pages, with what is behind them."""

    service: FakeService
    asker: Asker
    client: httpx.AsyncClient

    async def get(self, address: str, status: int = 200) -> str:
        response = await self.client.get(address)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        return response.text


def site_of(service: FakeService) -> Site:
    app = FastAPI()
    app.include_router(pages(service))
    asker = Asker(app)
    transport = httpx.ASGITransport(app=asker)
    return Site(service, asker, httpx.AsyncClient(transport=transport, base_url="http://test"))


@dataclass
class Found(HTMLParser):
    """What a document holds: tags with attributes, ids, visible text."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def read(document: str) -> Found:
    found = Found()
    found.feed(document)
    return found
