"""Following jobs: server-sent events and WebSocket tell the same, to those who may know."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from asgi_socket import AsgiSocket, RefusedSocketError
from promptreg_plugins.web.model import Event, JobKind, JobRequest, Role, Who
from promptreg_plugins.web.problems import UnavailableError
from service_fake import FINISHED, READ, RUN, RUNNING, FakeService

WISH = JobRequest(JobKind.GATE, "home_security", ("v1", "v2"))
WHO = Who("ci", Role.RUN)


def events_in(text: str) -> list[dict[str, Any]]:
    """Return the events of a stream: id, event, data."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if lines:
            found.append({**lines, "data": json.loads(lines["data"])})
    return found


async def test_a_job_is_followed_to_its_end(
    reader: httpx.AsyncClient, service: FakeService
) -> None:
    service.tick_s = 0
    job = await service.submit(WISH, WHO)
    stream = await reader.get(f"/api/v1/jobs/{job.id}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    events = events_in(stream.text)
    assert [event["id"] for event in events] == [str(i + 1) for i in range(len(events))]
    assert {event["event"] for event in events} == {"state", "progress", "log"}
    assert events[-1]["data"]["verdict"] == "fail"
    assert service.open_streams == 0


async def test_a_lost_connection_goes_on_where_it_was(reader: httpx.AsyncClient) -> None:
    where = f"/api/v1/jobs/{FINISHED}/events"
    whole = events_in((await reader.get(where)).text)
    rest = await reader.get(where, headers={"Last-Event-ID": "1"})
    assert events_in(rest.text) == whole[1:]
    assert events_in((await reader.get(where, params={"after": 1})).text) == whole[1:]
    # 204 tells a browser to stop asking again.
    end = await reader.get(where, headers={"Last-Event-ID": whole[-1]["id"]})
    assert (end.status_code, end.text) == (204, "")
    for odd in ("-1", "x", "9" * 30):
        refused = await reader.get(where, headers={"Last-Event-ID": odd})
        assert refused.status_code == 422


async def test_a_database_that_goes_ends_the_stream_and_not_the_job(
    reader: httpx.AsyncClient, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = service.events

    async def cut(job_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        async for event in told(job_id, after=after):
            yield event
            raise UnavailableError("the database does not answer")

    monkeypatch.setattr(service, "events", cut)
    part = await reader.get(f"/api/v1/jobs/{FINISHED}/events")
    assert [event["id"] for event in events_in(part.text)] == ["1"]
    monkeypatch.undo()
    rest = await reader.get(f"/api/v1/jobs/{FINISHED}/events", headers={"Last-Event-ID": "1"})
    assert [event["id"] for event in events_in(rest.text)] == ["2"]


async def test_whoever_leaves_is_not_waited_for(app: FastAPI, service: FakeService) -> None:
    leave = asyncio.Event()
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if b"event: state" in sent[-1]:
            leave.set()

    path = f"/api/v1/jobs/{RUNNING}/events"
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "server": ("127.0.0.1", 8321), "client": ("192.0.2.7", 1), "asgi": {"version": "3.0"},
        "headers": [(b"host", b"127.0.0.1:8321"), (b"authorization", f"Bearer {RUN}".encode())],
    }  # fmt: skip
    await app(scope, receive, send)
    assert b"event: log" in b"".join(sent)  # the job goes on; what was there came at once
    assert service.open_streams == 0
    assert not app.state.streams._open


async def test_nobody_holds_all_connections(app: FastAPI, reader: httpx.AsyncClient) -> None:
    app.state.streams.each = 0
    refused = await reader.get(f"/api/v1/jobs/{RUNNING}/events")
    assert refused.status_code == 429


def bearer(token: str) -> dict[str, str]:
    """Return the headers of a program; a browser would send its cookie."""
    return {"Host": "127.0.0.1:8321", "Authorization": f"Bearer {token}"}


async def test_a_websocket_tells_the_same(
    app: FastAPI, service: FakeService, reader: httpx.AsyncClient
) -> None:
    service.tick_s = 0.001
    job_id, messages = (await service.submit(WISH, WHO)).id, []
    where = f"/api/v1/jobs/{job_id}/ws"
    async with AsgiSocket(app, where, bearer(READ)) as socket:
        await socket.say("what is said here is not listened to")
        while isinstance(message := await socket.hear(), dict):
            messages.append(message)
        assert message == 1000
    stream = await reader.get(f"/api/v1/jobs/{job_id}/events")
    told = [{"id": m["id"], "kind": m["kind"], "at": m["at"], **m["data"]} for m in messages]
    assert told == [
        {"id": int(event["id"]), "kind": event["event"], **event["data"]}
        for event in events_in(stream.text)
    ]
    after = f"{where}?after={len(messages) - 1}"
    async with AsgiSocket(app, after, bearer(READ)) as socket:
        assert await socket.hear() == messages[-1]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer guess"}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
async def test_websockets_that_are_refused(
    app: FastAPI, change: dict[str, str], status: int
) -> None:
    headers = {**bearer(READ), **change}
    with pytest.raises(RefusedSocketError) as refused:
        async with AsgiSocket(app, f"/api/v1/jobs/{FINISHED}/ws", headers):
            pass
    assert refused.value.status == status
    assert json.loads(refused.value.body)["status"] == status


async def test_ids_of_events_are_such_as_the_database_holds(reader: httpx.AsyncClient) -> None:
    where = f"/api/v1/jobs/{FINISHED}/events"
    for last, status in ((2**31 - 1, 204), (2**31, 422)):
        asked = await reader.get(where, params={"after": last})
        again = await reader.get(where, headers={"Last-Event-ID": str(last)})
        assert (asked.status_code, again.status_code) == (status, status)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("4711/ws", 404),
        (f"{FINISHED}/ws?after=x", 422),
        (f"{FINISHED}/ws?after={2**31}", 422),
    ],
)
async def test_websockets_that_lead_nowhere(app: FastAPI, path: str, status: int) -> None:
    with pytest.raises(RefusedSocketError) as refused:
        async with AsgiSocket(app, f"/api/v1/jobs/{path}", bearer(READ)):
            pass
    assert refused.value.status == status


async def test_leaving_a_websocket_ends_its_events(app: FastAPI, service: FakeService) -> None:
    async with AsgiSocket(app, f"/api/v1/jobs/{RUNNING}/ws", bearer(READ)) as socket:
        message = await socket.hear()
        assert isinstance(message, dict)
        assert message["kind"] == "log"
        assert service.open_streams == 1
    assert service.open_streams == 0
