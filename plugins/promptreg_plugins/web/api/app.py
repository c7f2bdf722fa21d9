"""The application: routes, refusals, and the layers that every request passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

import promptreg
from promptreg_plugins.web.api.asking import API, COOKIE
from promptreg_plugins.web.api.document import document
from promptreg_plugins.web.api.metrics import Metrics
from promptreg_plugins.web.api.middleware.bodies import Bodies
from promptreg_plugins.web.api.middleware.buckets import Buckets
from promptreg_plugins.web.api.middleware.headers import Headers
from promptreg_plugins.web.api.middleware.hosts import Hosts
from promptreg_plugins.web.api.middleware.identity import Identity
from promptreg_plugins.web.api.middleware.record import Record
from promptreg_plugins.web.api.needs import HttpSettings, KeptSessions, Tokens
from promptreg_plugins.web.api.refusals import PlainRefusals, Refusals, register
from promptreg_plugins.web.api.routes import (
    decisions,
    events,
    health,
    jobs,
    plans,
    plugins,
    runs,
    scenarios,
    session,
    suites,
)
from promptreg_plugins.web.api.routes import tokens as token_routes
from promptreg_plugins.web.api.sessions import Sessions
from promptreg_plugins.web.api.watch import Watch
from promptreg_plugins.web.service import Service

__all__ = ["create_app"]


def create_app(
    service: Service,
    settings: HttpSettings,
    tokens: Tokens | None,
    *,
    pages: bool = True,
    sessions: KeptSessions | None = None,
) -> FastAPI:
    """Return the application; the service itself is started and stopped by whoever made it.

    Args:
        service: what is told to whom.
        settings: how it listens.
        tokens: who is behind a token; None: nobody needs one, everybody is an administrator.
            Only for a service that nobody else can reach.
        pages: whether pages are served besides the API.
        sessions: keeps log-ins over a restart; None: nobody does.

    Raises:
        UsageError, MissingPackageError: traces are asked for and cannot be made.
    """
    app = FastAPI(
        version=promptreg.__version__,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.state.metrics = Metrics()
    app.state.streams = events.Streams(app.state.metrics)
    app.state.watch = Watch(service, app.state.metrics)
    told = _add_routes(app, service, settings, pages=pages)
    register(app, told)
    _add_layers(app, settings, tokens, sessions, told)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    watching = asyncio.create_task(app.state.watch.go_on())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def _add_routes(
    app: FastAPI, service: Service, settings: HttpSettings, *, pages: bool
) -> PlainRefusals:
    # Events before jobs' own: both begin with /jobs/{job_id}.
    for part in (
        suites.router,
        scenarios.router,
        runs.router,
        decisions.comparisons,
        decisions.gates,
        plans.router,
        events.router,
        jobs.router,
        plugins.router,
        token_routes.router,
    ):
        app.include_router(part)
    app.include_router(health.router)
    app.openapi = document(app)  # type: ignore[method-assign]  # FastAPI's documented way

    async def openapi(request: Request) -> Response:
        return JSONResponse(app.openapi(), headers={"Cache-Control": "no-cache"})

    app.add_route(f"{API}/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    secure = not settings.insecure_cookies
    if not pages:
        app.include_router(session.routes(None, secure=secure))
        return PlainRefusals()
    # Heavy with templates and drawings: an API alone does without.
    from promptreg_plugins.web import pages as web_pages
    from promptreg_plugins.web.pages.login import login_page

    app.include_router(session.routes(login_page, secure=secure))
    app.include_router(web_pages.pages(service))
    return Refusals(web_pages.problem_page, web_pages.wants_page)


def _add_layers(
    app: FastAPI,
    settings: HttpSettings,
    tokens: Tokens | None,
    kept: KeptSessions | None,
    told: PlainRefusals,
) -> None:
    """Wrap the application; what is added last is outermost."""
    a_minute = settings.requests_per_minute
    identity = Identity(
        tokens=tokens,
        sessions=Sessions(),
        kept=kept,
        requests=Buckets(per_s=a_minute / 60, burst=max(20, a_minute / 4)) if a_minute else None,
        failures=Buckets(per_s=1 / 30, burst=10),
        # With the prefix no other host of the domain, and nothing without TLS, can set it.
        cookie=COOKIE if settings.insecure_cookies else f"__Host-{COOKIE}",
        refusals=told,
    )
    app.state.identity = identity
    app.add_middleware(identity.around)
    app.add_middleware(Bodies, most=settings.max_body)
    app.add_middleware(Hosts, host=settings.host, allowed=settings.allowed_hosts)
    app.add_middleware(Headers, secure=not settings.insecure_cookies)
    if settings.otel:
        from promptreg_plugins.web.api.telemetry import Traces, tracer_provider

        app.add_middleware(Traces, provider=tracer_provider())
    app.add_middleware(Record, metrics=app.state.metrics, refusals=told)
