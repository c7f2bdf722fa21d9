"""A server that misbehaves as told, at the level of bytes and sockets.

    async with FaultServer(status(503), ok()) as server:   # first request 503, all later ones ok
        ...
    server.requests        # what was asked, in order

A fault is an async function of (request, connection); `FaultServer(only="marker")` plays its script
for requests whose body holds the marker, and answers all others well.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = [
    "ANSWER",
    "Connection",
    "Fault",
    "FaultServer",
    "Request",
    "black_hole",
    "chat",
    "close_quietly",
    "drip",
    "echo_secrets",
    "endless",
    "free_port",
    "gzip_bomb",
    "hang",
    "llama",
    "ok",
    "raw",
    "reset",
    "status",
    "truncated",
]

ANSWER = '{"risk_score": 12, "risk_level": "low", "summary": "s", "reasoning": "r"}'


@dataclass(slots=True)
class Request:
    """One HTTP request as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Connection:
    """The server's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sent: int = 0

    async def send(self, data: bytes) -> None:
        """Send bytes now."""
        self.writer.write(data)
        self.sent += len(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close so that the peer sees a reset, not an orderly end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Fault = Callable[[Request, Connection], Awaitable[None]]


def llama(text: str | None = ANSWER, **fields: Any) -> bytes:
    """Return the body of a `/completion` response."""
    data = {
        "content": text,
        "model": "fake.gguf",
        "tokens_predicted": 20,
        "tokens_evaluated": 100,
        "stop_type": "eos",
        "truncated": False,
    }
    return json.dumps(data | fields).encode()


def chat(text: str | None = ANSWER, finish: str = "stop", **fields: Any) -> bytes:
    """Return the body of a `/chat/completions` response; `message` adds fields to the message."""
    message = {"role": "assistant", "content": text} | fields.pop("message", {})
    data = {
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    return json.dumps(data | fields).encode()


def _head(code: int, length: int | None, headers: Mapping[str, str] | None = None) -> bytes:
    lines = {"Content-Type": "application/json"} | dict(headers or {})
    if length is not None and "Transfer-Encoding" not in lines:
        lines["Content-Length"] = str(length)
    rows = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {code} Whatever\r\n{rows}\r\n".encode()


def ok(body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer well, in the protocol that the path asks for unless a body is given."""
    return status(200, body, headers)


def status(code: int, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer with a status."""

    async def play(request: Request, connection: Connection) -> None:
        content = body
        if content is None:
            content = (chat() if "chat" in request.path else llama()) if code == 200 else b"{}"
        await connection.send(_head(code, len(content), headers) + content)

    return play


def raw(data: bytes) -> Fault:
    """Send exactly these bytes, then close."""

    async def play(request: Request, connection: Connection) -> None:
        await connection.send(data)
        connection.writer.close()

    return play


def hang() -> Fault:
    """Take the request and never answer."""

    async def play(request: Request, connection: Connection) -> None:
        await connection.reader.read()  # ends when the client gives up

    return play


def reset(when: str) -> Fault:
    """Reset the connection `before`, `in` or `after` the body."""

    async def play(request: Request, connection: Connection) -> None:
        body = llama()
        if when == "in":
            await connection.send(_head(200, len(body)) + body[: len(body) // 2])
            await asyncio.sleep(0.02)
        elif when == "after":
            await connection.send(_head(200, len(body)) + body)
            await asyncio.sleep(0.05)
        connection.reset()

    return play


def drip(part: str, every_s: float) -> Fault:
    """Send the `head` or the `body` one byte at a time."""

    async def play(request: Request, connection: Connection) -> None:
        body = llama()
        head = _head(200, len(body))
        fast, slow = (b"", head + body) if part == "head" else (head, body)
        await connection.send(fast)
        for i in range(len(slow)):
            await connection.send(slow[i : i + 1])
            await asyncio.sleep(every_s)

    return play


def truncated() -> Fault:
    """Promise more bytes than are sent, then end in good order."""

    async def play(request: Request, connection: Connection) -> None:
        body = llama()
        await connection.send(_head(200, len(body) + 500) + body)
        connection.writer.close()

    return play


def endless(total: int = 1_000_000_000, declared: bool = False) -> Fault:
    """Send a body of `total` bytes, in chunks unless its length is declared."""

    async def play(request: Request, connection: Connection) -> None:
        if declared:
            await connection.send(_head(200, total))
            piece = b" " * 65_536
        else:
            await connection.send(_head(200, None, {"Transfer-Encoding": "chunked"}))
            piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        while connection.sent < total:
            await connection.send(piece)

    return play


def gzip_bomb(megabytes: int) -> Fault:
    """Send a small body that unpacks to many megabytes of JSON blanks."""
    packed = gzip.compress(b" " * 1_000_000 * megabytes, 9)
    return ok(packed, {"Content-Encoding": "gzip"})


def close_quietly() -> Fault:
    """Answer well, promise to keep the connection, and close it once the next request comes."""

    async def play(request: Request, connection: Connection) -> None:
        await ok()(request, connection)
        await connection.reader.readuntil(b"\r\n\r\n")
        connection.writer.close()

    return play


def echo_secrets(code: int) -> Fault:
    """Answer with an error that quotes the request's headers, as careless proxies do."""

    async def play(request: Request, connection: Connection) -> None:
        body = json.dumps({"error": {"message": f"got {request.headers}"}}).encode()
        await connection.send(_head(code, len(body)) + body)

    return play


@dataclass
class FaultServer:
    """Plays a script of faults, one per request, then answers well."""

    script: list[Fault] = field(default_factory=list)
    only: bytes = b""
    requests: list[Request] = field(default_factory=list)
    pages: dict[str, Fault] = field(default_factory=dict)
    sent: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __init__(
        self, *script: Fault, only: bytes = b"", pages: Mapping[str, Fault] | None = None
    ) -> None:
        self.script = list(script)
        self.only = only
        self.pages = dict(pages or {})
        self.requests = []
        self._tasks = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = Connection(reader, writer)
        try:
            while not writer.is_closing():
                request = await _read(reader)
                self.requests.append(request)
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                before = connection.sent
                try:
                    await self._choose(request)(request, connection)
                finally:
                    self.in_flight -= 1
                    self.sent += connection.sent - before
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def _choose(self, request: Request) -> Fault:
        if request.path in self.pages:
            return self.pages[request.path]
        if request.method == "GET":
            return status(404)
        if self.script and self.only in request.body:
            return self.script.pop(0)
        return ok()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


def free_port() -> int:
    """Return a port on which nothing listens.

    Below those that systems give to connections and to whoever asks for any port: a test in
    another process, or the very connection to this port, cannot come by it.
    """
    while True:
        port = 10_000 + secrets.randbelow(6_000)
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


@contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port at which connecting never ends: its queue is full and nobody accepts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()
