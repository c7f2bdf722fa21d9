"""A receiver of traces on the loopback: OTLP over HTTP as protobuf, at /v1/traces."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Receiver", "receiving"]


class Receiver(ThreadingHTTPServer):
    """Keeps what arrives.

    Attributes:
        bodies: decompressed requests, as they were.
        headers: those that each of them came with, names in lower case.
        refused: what it answers instead of 200; 0: it takes everything.
    """

    daemon_threads = True

    def __init__(self, refused: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refused = refused
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is to say."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def resources(self) -> list[tuple[dict[str, Any], str, list[Any]]]:
        """Return resource attributes, the scope's name, and spans, of all that arrived."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                facts = attributes_of(resource.resource.attributes)
                found += [(facts, s.scope.name, list(s.spans)) for s in resource.scope_spans]
        return found


def attributes_of(pairs: Any) -> dict[str, Any]:
    """Return attributes as a dictionary."""
    return {p.key: getattr(p.value, str(p.value.WhichOneof("value"))) for p in pairs}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        known = self.path == "/v1/traces"
        known &= self.headers["Content-Type"] == "application/x-protobuf"
        if known and not self.server.refused:
            self.server.bodies.append(body)
            self.server.headers.append({k.lower(): v for k, v in self.headers.items()})
        self.send_response((self.server.refused or 200) if known else 404)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving(refused: int = 0) -> Iterator[Receiver]:
    """Give a receiver that listens while the block runs."""
    server = Receiver(refused)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
