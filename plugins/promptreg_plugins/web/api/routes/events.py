"""Following a job: the same events as server-sent events and over a WebSocket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket, WebSocketDisconnect
from sse_starlette import EventSourceResponse, ServerSentEvent

from promptreg_plugins.web.api.asking import API, Asking, Reader, refusals
from promptreg_plugins.web.api.metrics import Metrics
from promptreg_plugins.web.api.problem import told
from promptreg_plugins.web.api.routes.jobs import JobId
from promptreg_plugins.web.model import Event, Who
from promptreg_plugins.web.problems import (
    InvalidError,
    ProblemError,
    TooManyError,
    UnauthorizedError,
)
from promptreg_plugins.web.service import Service

__all__ = ["Streams", "router"]

router = APIRouter(prefix=API + "/jobs", tags=["jobs"])
_HEARTBEAT_S = 15
_LONGEST_S = 900.0
_SEND_S = 30.0
_MOST, _MOST_EACH = 500, 50
_LAST_ID = 2**31 - 1
_log = logging.getLogger("promptreg.web.events")
After = Annotated[int, Query(ge=0, le=_LAST_ID, description="Only events after this one.")]
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events with id, event (`state`, `progress`, `log`) and data (JSON), until "
        "the job's state is final; a comment every 15 seconds. After 15 minutes the stream ends "
        "and is to be opened again, with `Last-Event-ID`.",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string"},
                        "event": {"enum": ["state", "progress", "log"]},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                    "required": ["id", "event", "data"],
                }
            }
        },
    },
    204: {"description": "Nothing more will happen: a client that reconnects may stop."},
}


class Streams:
    """Counts who follows what, so that nobody can hold all connections."""

    def __init__(self, metrics: Metrics, *, most: int = _MOST, each: int = _MOST_EACH) -> None:
        self.metrics = metrics
        self.most, self.each = most, each
        self._open: Counter[str] = Counter()

    def check(self, who: Who) -> None:
        """Refuse one more where there are enough.

        Raises:
            TooManyError: there are.
        """
        if self._open[who.name] >= self.each or self._open.total() >= self.most:
            raise TooManyError(f"a token may follow {self.each} jobs at once; close some")

    @contextmanager
    def one(self, who: Who) -> Iterator[None]:
        """Count one while it is open."""
        self._open[who.name] += 1
        self.metrics.following(1)
        try:
            yield
        finally:
            self.metrics.following(-1)
            self._open[who.name] -= 1
            if not self._open[who.name]:
                del self._open[who.name]


@router.get(
    "/{job_id}/events",
    operation_id="followJob",
    response_class=Response,
    responses={**refusals(404), **_STREAM},
)
async def follow_job(
    job_id: JobId,
    request: Request,
    service: Asking,
    who: Reader,
    after: After = 0,
    last_event_id: Annotated[
        int | None,
        Header(alias="Last-Event-ID", ge=0, le=_LAST_ID, description="As browsers send it."),
    ] = None,
) -> Response:
    """Follow a job by server-sent events."""
    streams: Streams = request.app.state.streams
    streams.check(who)
    job = await service.job(job_id)
    seen = max(after, last_event_id or 0)
    if job.state.final and seen and not await _any(service, job_id, seen):
        return Response(status_code=204)

    async def told_events() -> AsyncIterator[ServerSentEvent]:
        with streams.one(who), _interrupted(job_id):
            async with (
                asyncio.timeout(_LONGEST_S),
                aclosing(_events(service, job_id, seen)) as all_,
            ):
                async for event in all_:
                    yield ServerSentEvent(
                        json.dumps({"at": event.at.isoformat(), **event.data}, default=str),
                        event=event.kind,
                        id=str(event.id),
                        sep="\n",
                    )

    return EventSourceResponse(
        told_events(),
        ping=_HEARTBEAT_S,
        send_timeout=_SEND_S,
        sep="\n",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.websocket("/{job_id}/ws")
async def follow_by_websocket(websocket: WebSocket, job_id: str, after: str = "0") -> None:
    """Follow a job; each message is an event as JSON: id, at, kind, data. Closed at the end."""
    service: Service = websocket.app.state.service
    streams: Streams = websocket.app.state.streams
    who = getattr(websocket.state, "who", None)
    try:
        if not isinstance(who, Who):
            raise UnauthorizedError("send 'Authorization: Bearer TOKEN', or log in")
        if not (after.isascii() and after.isdigit() and len(after) < 16) or int(after) > _LAST_ID:
            raise InvalidError("after must be the id of an event", field="query.after")
        streams.check(who)
        await service.job(job_id[:100])
    except ProblemError as error:
        await websocket.send_denial_response(told(websocket.scope, error))
        return
    await websocket.accept()
    with streams.one(who):
        sending = asyncio.create_task(_send(websocket, service, job_id, int(after)))
        leaving = asyncio.create_task(_gone(websocket))
        try:
            await asyncio.wait(
                {sending, leaving}, timeout=_LONGEST_S, return_when=asyncio.FIRST_COMPLETED
            )
            left = leaving.done()
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
    if not left:
        failed = sending.done() and not sending.cancelled() and sending.exception() is not None
        with suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(1011 if failed else 1000)


@contextmanager
def _interrupted(job_id: str) -> Iterator[None]:
    """End quietly when it is time or the database is gone: clients come again by themselves."""
    try:
        yield
    except TimeoutError:
        pass
    except ProblemError as error:
        _log.warning("events of %s end: %s", job_id, error.detail)


async def _send(websocket: WebSocket, service: Service, job_id: str, after: int) -> None:
    async with aclosing(_events(service, job_id, after)) as events:
        async for event in events:
            message = {
                "id": event.id,
                "at": event.at.isoformat(),
                "kind": event.kind,
                "data": dict(event.data),
            }
            async with asyncio.timeout(_SEND_S):
                await websocket.send_text(json.dumps(message, default=str))


async def _gone(websocket: WebSocket) -> None:
    """Return when the client has gone; what it says meanwhile is not listened to."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _events(service: Service, job_id: str, after: int) -> AsyncGenerator[Event, None]:
    """As the service's, but always a generator, so that leaving closes it."""
    events = service.events(job_id, after=after)
    try:
        async for event in events:
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _any(service: Service, job_id: str, after: int) -> bool:
    async with aclosing(_events(service, job_id, after)) as events:
        async for _ in events:
            return True
    return False
