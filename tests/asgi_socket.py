"""A WebSocket client for an ASGI application, without a server or a thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp

__all__ = ["AsgiSocket", "RefusedSocketError"]


class RefusedSocketError(Exception):
    """The handshake was answered with a refusal."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class AsgiSocket:
    """An open WebSocket; leaving the block is as closing the browser."""

    def __init__(self, app: ASGIApp, path: str, headers: Mapping[str, str]) -> None:
        path, _, query = path.partition("?")
        self._app = app
        self._scope: dict[str, Any] = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "ws",
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items() if v],
            "client": ("192.0.2.7", 4711),
            "server": ("127.0.0.1", 8321),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
        }
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> AsgiSocket:
        self._task = asyncio.create_task(self._run())
        await self._in.put({"type": "websocket.connect"})
        first = await self._next()
        if first["type"] == "websocket.http.response.start":
            body = b""
            while (await asyncio.wait({self._task}))[0] and not self._out.empty():
                body += (await self._out.get()).get("body", b"")
            raise RefusedSocketError(first["status"], body)
        assert first["type"] == "websocket.accept"
        return self

    async def _run(self) -> None:
        await self._app(self._scope, self._in.get, self._out.put)

    async def __aexit__(self, *_: object) -> None:
        await self._in.put({"type": "websocket.disconnect", "code": 1001})
        await self._task

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await asyncio.wait_for(self._out.get(), 30)
        return message

    async def say(self, text: str) -> None:
        """Send a text."""
        await self._in.put({"type": "websocket.receive", "text": text})

    async def hear(self) -> dict[str, Any] | int:
        """Return the next message, or the code with which the other side closes."""
        message = await self._next()
        if message["type"] == "websocket.close":
            return int(message["code"])
        heard: dict[str, Any] = json.loads(message["text"])
        return heard
