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
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_PATH = 300
_INSTALL = "pip install 'promptreg-gate[otel]'"


def tracer_provider() -> TracerProvider:
    """Return what makes traces and sends them where the environment says.

    Raises:
        UsageError: no endpoint is set: nothing is ever sent to a place nobody named; or a protocol
            is named that is not spoken.
        MissingPackageError: the SDK or its exporter is not installed.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        raise UsageError(f"OpenTelemetry needs {_ENDPOINTS[1]}, the address that traces go to")
    name = next((name for name in _PROTOCOLS if os.environ.get(name)), "")
    if name and os.environ[name].strip() != _PROTOCOL:
        raise UsageError(f"{name}: found {os.environ[name]!r:.80}; allowed: {_PROTOCOL}")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingPackageError(
            f"OpenTelemetry needs a package that is not installed ({error.name}): {_INSTALL}"
        ) from error
    # What is handed to `create` would outweigh OTEL_SERVICE_NAME.
    named = Resource({"service.name": "promptreg"})
    told = OTELResourceDetector().detect()
    provider = Provider(resource=Resource.create().merge(named).merge(told))
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
        # A word that clients choose freely would make a name, and a line in every list, of its own.
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        name = "HTTP" if method == "_OTHER" else method
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "url.path": scope["path"][:_PATH],
        }
        with self.tracer.start_as_current_span(
            name,
            context=self.incoming.extract(headers),
            kind=SpanKind.SERVER,
            attributes=attributes,
            # What exceptions say may be secret: the log of the service has it, and stays here.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            answered = False

            async def note(message: Message) -> None:
                nonlocal answered
                if message["type"] == "http.response.start":
                    answered = True
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self.app(scope, receive, note)
            except Exception as error:
                if not answered:  # `Record`, which is around this one, answers so
                    span.set_attribute("http.response.status_code", 500)
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(StatusCode.ERROR)
                raise
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route:
                    span.update_name(f"{name} {route}")
                    span.set_attribute("http.route", route)
