"""A llama.cpp stand-in that answers at once (or after a fixed delay); for benchmarks only.

Answers depend on the prompt's hash alone, so every run gets the same ones. Run as a process of its
own: `python mock_server.py PORT [DELAY_MS]`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib

LEVELS = ((30, "low"), (60, "medium"), (85, "high"), (101, "critical"))


def answer(body: bytes) -> bytes:
    """Return a completion whose risk score comes from a checksum of the request."""
    score = zlib.crc32(body) % 101
    level = next(word for limit, word in LEVELS if score < limit)
    content = json.dumps(
        {
            "risk_score": score,
            "risk_level": level,
            "summary": "A person walks up to the door.",
            "reasoning": "The person at the door is unknown and it is late; a package is visible.",
        }
    )
    return json.dumps(
        {
            "content": content,
            "model": "mock",
            "tokens_predicted": 60,
            "tokens_evaluated": 400,
            "stop_type": "word",
            "truncated": False,
        }
    ).encode()


class Server(asyncio.Protocol):
    """One keep-alive connection.

    `GET /window` tells the seconds from the first request to the last answer since it last told.
    """

    first = 0.0
    last = 0.0

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            loop = asyncio.get_running_loop()
            if head.startswith(b"post"):
                Server.first = Server.first or loop.time()
                Server.last = loop.time() + self.delay
                loop.call_later(self.delay, self.reply, b"200 OK", answer(body))
            elif b" /health" in head:
                self.reply(b"200 OK", b'{"status":"ok"}')
            elif b" /window" in head:
                self.reply(b"200 OK", b"%f" % (Server.last - Server.first))
                Server.first = Server.last = 0.0
            else:
                self.reply(b"404 Not Found", b"{}")

    def reply(self, status: bytes, body: bytes) -> None:
        if self.transport is not None:
            self.transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (status, len(body), body)
            )


async def main(port: int, delay_ms: float) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(delay_ms / 1000), "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
