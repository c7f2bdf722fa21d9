"""Traces by OpenTelemetry, for those who ask for it and say where they go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptreg.errors import MissingPackageError, UsageError

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

__all__ = ["Traces", "tracer_provider"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_INSTALL = "pip install 'promptreg-gate[otel]'"


def tracer_provider() -> TracerProvider:
    """Return what makes traces and sends them where the environment says.

    Raises:
        UsageError: no endpoint is set: nothing is ever sent to a place nobody named.
        MissingPackageError: the SDK or its exporter is not installed.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        raise UsageError(f"OpenTelemetry needs {_ENDPOINTS[1]}, the address that traces go to")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingPackageError(
            f"OpenTelemetry needs a package that is not installed ({error.name}): {_INSTALL}"
        ) from error
    provider = Provider(resource=Resource.create({"service.name": "promptreg"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Traces:
    """Makes a span of each request; one of a caller that traces, too, becomes its parent."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.app = app
        self.provider = provider
        self.tracer = provider.get_tracer("promptreg.web")
        self.incoming = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, within a span."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind, StatusCode

        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in {b"traceparent", b"tracestate"}
        }
        attributes: dict[str, Any] = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
        }
        with self.tracer.start_as_current_span(
            scope["method"],
            context=self.incoming.extract(headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
        ) as span:

            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self.app(scope, receive, note)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
