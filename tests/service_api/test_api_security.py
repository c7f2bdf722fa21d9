"""Attacks on the service, and what each of them gets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from promptreg_plugins.web.api import create_app
from promptreg_plugins.web.api.middleware.bodies import Bodies
from promptreg_plugins.web.api.middleware.buckets import Buckets
from promptreg_plugins.web.api.middleware.identity import address_of
from promptreg_plugins.web.api.sessions import Sessions
from service_api_app import BASE, FakeSettings, application, client
from service_fake import ADMIN, FINISHED, READ, RUN, FakeService

COMPARE = {"suite": "home_security", "baseline": "v1", "candidate": "v2"}
JSON = {"Content-Type": "application/json"}


# Who asks


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {RUN}"},
        {"Authorization": "Bearer " + "x" * 600},
        {"Authorization": "Bearer nobody"},
        {"Authorization": "Bearer \u00e4\u00f6".encode("latin-1")},
        {"Cookie": "promptreg_session=made-up"},
        {"Cookie": f"promptreg_session={RUN}"},
        {"Cookie": "=;;promptreg_session"},
    ],
)
async def test_nobody_gets_in(nobody: httpx.AsyncClient, header: dict[str, Any]) -> None:
    for method, path in (("GET", "/api/v1/suites"), ("POST", "/api/v1/gates"), ("GET", "/metrics")):
        response = await nobody.request(method, path, headers={**header, **JSON})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="promptreg"'


async def test_whether_an_address_exists_is_nobodys_business(nobody: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/api/v1/jobs/4711", f"/api/v1/jobs/{FINISHED}", "/static/../x"):
        assert (await nobody.get(path)).status_code == 401


async def test_two_tokens_are_none(nobody: httpx.AsyncClient) -> None:
    both = [("Authorization", f"Bearer {RUN}"), ("Authorization", f"Bearer {ADMIN}")]
    assert (await nobody.get("/api/v1/suites", headers=both)).status_code == 401


async def test_a_token_is_not_taken_from_the_address(nobody: httpx.AsyncClient) -> None:
    for name in ("token", "access_token", "authorization"):
        assert (await nobody.get("/api/v1/suites", params={name: RUN})).status_code == 401


async def test_readers_read(reader: httpx.AsyncClient) -> None:
    assert (await reader.get("/api/v1/suites")).status_code == 200
    for path in ("/api/v1/comparisons", "/api/v1/gates", f"/api/v1/jobs/{FINISHED}/resume"):
        refused = await reader.post(path, json=COMPARE)
        assert (refused.status_code, refused.json()["title"]) == (403, "Not allowed")
    assert (await reader.delete("/api/v1/tokens/ci")).status_code == 403


async def test_runners_make_no_tokens(runner: httpx.AsyncClient) -> None:
    wanted = {"name": "mine", "role": "admin"}
    assert (await runner.post("/api/v1/tokens", json=wanted)).status_code == 403


async def test_a_revoked_token_ends_at_once(app: FastAPI, service: FakeService) -> None:
    async with client(app, READ) as asking:
        assert (await asking.get("/api/v1/jobs")).status_code == 200
        await service.revoke_token("dora")
        assert (await asking.get("/api/v1/jobs")).status_code == 401


async def test_guessing_is_slowed_down_but_locks_nobody_out(app: FastAPI) -> None:
    async with client(app, None) as guessing, client(app, RUN) as neighbour:
        assert (await neighbour.get("/api/v1/jobs")).status_code == 200
        statuses = []
        for i in range(12):
            guess = {"Authorization": f"Bearer guess-{i}"}
            statuses.append((await guessing.get("/api/v1/jobs", headers=guess)).status_code)
        assert statuses == [401] * 10 + [429] * 2
        late = await guessing.post("/login", data={"token": "guess"})
        assert late.status_code == 429
        assert 1 <= int(late.headers["retry-after"]) <= 31
        # The same address, with a token that was good before: a proxy's other users go on.
        assert (await neighbour.get("/api/v1/jobs")).status_code == 200


async def test_floods_are_refused_by_token(service: FakeService) -> None:
    app = application(service, requests_per_minute=60)
    async with client(app, READ) as flooding, client(app, RUN) as other:
        statuses = [(await flooding.get("/api/v1/plugins")).status_code for _ in range(25)]
        assert statuses[:20] == [200] * 20
        assert statuses[-1] == 429
        assert (await other.get("/api/v1/plugins")).status_code == 200
        assert (await flooding.get("/health/live")).status_code == 200


def test_buckets_refill_and_stay_few() -> None:
    now = 0.0
    buckets = Buckets(per_s=2, burst=3, names=100, clock=lambda: now)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    now = 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == 0.5
    for i in range(10_000):
        buckets.take(f"address {i}")
    assert len(buckets) == 100


def test_addresses_of_one_network_count_as_one() -> None:
    first, second = ({"client": (f"2001:db8:1:2::{i:x}", 1)} for i in (1, 0xBEEF))
    assert address_of(first) == address_of(second) == "2001:db8:1:2::/64"
    assert address_of({"client": ("192.0.2.7", 1)}) == "192.0.2.7"
    assert address_of({}) == "unknown"


# From where


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8321",
        "127.0.0.1@evil.example",
        "",
        "127.0.0.1:8321, evil.example",
        "[::2]",
    ],
)
async def test_hosts_that_are_not_served(runner: httpx.AsyncClient, host: str) -> None:
    refused = await runner.get("/api/v1/suites", headers={"Host": host})
    assert refused.status_code == 421
    assert "--allowed-host" in refused.json()["detail"]


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "[::1]:8321", "promptreg.example", "PROMPTREG.example:443"]
)
async def test_hosts_that_are(runner: httpx.AsyncClient, host: str) -> None:
    assert (await runner.get("/api/v1/suites", headers={"Host": host})).status_code == 200


async def test_all_addresses_are_no_name(service: FakeService) -> None:
    async with client(application(service, host="0.0.0.0")) as asking:
        assert (await asking.get("/api/v1/jobs", headers={"Host": "0.0.0.0"})).status_code == 421


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8321.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_foreign_pages(runner: httpx.AsyncClient, header: dict[str, str]) -> None:
    refused = await runner.post("/api/v1/comparisons", json=COMPARE, headers=header)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    if "Origin" in header:
        assert (await runner.get("/api/v1/suites", headers=header)).status_code == 403


async def test_an_open_service_is_closed_to_foreign_pages(service: FakeService) -> None:
    app = create_app(service, FakeSettings(), None, pages=False)
    async with client(app, None) as asking:
        assert (await asking.post("/api/v1/comparisons", json=COMPARE)).status_code == 202
        foreign = {"Origin": "https://evil.example"}
        refused = await asking.post("/api/v1/comparisons", headers=foreign, json=COMPARE)
        assert refused.status_code == 403
        refused = await asking.post("/api/v1/comparisons", headers=foreign, data=COMPARE)
        assert refused.status_code == 403
        # What a form of any page can send without asking: no JSON.
        plain = await asking.post(
            "/api/v1/comparisons",
            content=json.dumps(COMPARE),
            headers={"Content-Type": "text/plain"},
        )
        assert plain.status_code == 415


# What is sent


async def test_bodies_that_are_too_large(runner: httpx.AsyncClient) -> None:
    large = json.dumps({**COMPARE, "x": "y" * 20_000})
    assert (await runner.post("/api/v1/gates", content=large, headers=JSON)).status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000

    chunked = await runner.post("/api/v1/gates", content=pieces(), headers=JSON)
    assert chunked.status_code == 413
    lying = {**JSON, "Content-Length": "10"}
    assert (await runner.post("/api/v1/gates", content=large, headers=lying)).status_code == 413


async def test_kinds_of_bodies_that_are_not_read(runner: httpx.AsyncClient) -> None:
    packed = gzip.compress(b" " * 10_000_000)
    bomb = {**JSON, "Content-Encoding": "gzip"}
    assert (await runner.post("/api/v1/gates", content=packed, headers=bomb)).status_code == 415
    assert (await runner.post("/api/v1/gates", data=COMPARE)).status_code == 415


async def test_a_refusal_waits_for_the_body() -> None:
    told: list[str] = []
    pieces = [{"body": b"{", "more_body": True}, {"body": b"}", "more_body": False}]

    async def receive() -> dict[str, Any]:
        told.append("read")
        return {"type": "http.request", **pieces.pop(0)}

    async def send(message: Any) -> None:
        told.append(str(message.get("status", "")))

    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/gates", "headers": headers}
    await Bodies(receive, most=10)(scope, receive, send)  # type: ignore[arg-type] # never called
    assert told[:3] == ["read", "read", "415"]  # else the connection would be reset


async def test_endless_addresses_and_headers(runner: httpx.AsyncClient) -> None:
    assert (await runner.get("/api/v1/jobs", params={"suite": "x" * 9_000})).status_code == 414
    endless = {f"X-{i}": "y" * 1_000 for i in range(40)}
    assert (await runner.get("/api/v1/jobs", headers=endless)).status_code == 431


async def test_a_slow_body_is_cut_off() -> None:
    sent: list[dict[str, Any]] = []

    async def never(*_: Any) -> None:
        raise AssertionError("the application must not see it")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/gates", "headers": headers}
    await Bodies(never, most=10, within_s=0.01)(scope, receive, send)
    assert sent[0]["status"] == 408


# What is answered


async def test_headers_of_every_answer(
    nobody: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    for response in (
        await reader.get("/api/v1/suites"),
        await reader.get("/nothing"),
        await nobody.get("/api/v1/suites"),
        await nobody.get("/health/live"),
        await nobody.get("/api/v1/openapi.json"),
        await nobody.get("/health/live", headers={"Host": "evil.example"}),
    ):
        headers = response.headers
        assert "unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


async def test_a_report_gets_no_origin(reader: httpx.AsyncClient, service: FakeService) -> None:
    service.files["report.html"] = b"<script>parent.location='https://evil.example'</script>"
    report = await reader.get(f"/api/v1/jobs/{FINISHED}/artifacts/report.html")
    policy = report.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts ")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy  # default-src 'none' holds
    assert report.headers["x-content-type-options"] == "nosniff"
    service.files["report.md"] = b"<script>alert(1)</script>"
    text = await reader.get(f"/api/v1/jobs/{FINISHED}/artifacts/report.md")
    assert text.headers["content-type"].startswith("text/markdown")


async def test_request_ids_are_taken_over_only_if_harmless(reader: httpx.AsyncClient) -> None:
    kept = await reader.get("/api/v1/plugins", headers={"X-Request-ID": "build-4711.a_b"})
    assert kept.headers["x-request-id"] == "build-4711.a_b"
    for odd in ("a b", "x" * 65, "<b>", 'a"b'):
        made = await reader.get("/api/v1/plugins", headers={"X-Request-ID": odd})
        assert len(made.headers["x-request-id"]) == 32


# Browsers


async def logged_in(asking: httpx.AsyncClient, token: str = RUN, **more: str) -> httpx.Response:
    return await asking.post("/login", data={"token": token, **more})


def csrf_of(app: FastAPI) -> str:
    """Return what a page of this service would put into its forms."""
    (session,) = app.state.identity.sessions._kept.values()
    return str(session.csrf)


async def test_logging_in_and_out(app: FastAPI, nobody: httpx.AsyncClient) -> None:
    answer = await logged_in(nobody, next="/suites/home_security?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/suites/home_security?x=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert RUN not in cookie
    assert (await nobody.get("/api/v1/suites")).status_code == 200
    held = dict(nobody.cookies)
    out = await nobody.post("/logout", data={"csrf": csrf_of(app)})
    assert out.status_code == 303
    nobody.cookies.update(held)  # a copy that somebody kept
    assert (await nobody.get("/api/v1/suites")).status_code == 401


async def test_cookies_are_for_tls_unless_said_otherwise(service: FakeService) -> None:
    app = application(service, insecure_cookies=False)
    async with client(app, None) as asking:
        answer = await logged_in(asking)
        assert answer.headers["set-cookie"].startswith("__Host-promptreg_session=")
        assert "Secure" in answer.headers["set-cookie"]
        assert "domain" not in answer.headers["set-cookie"].lower()
        held = answer.headers["set-cookie"].split(";")[0]
        assert (await asking.get("/api/v1/jobs", headers={"Cookie": held})).status_code == 200
        assert "max-age" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "",
        "/" + "x" * 3_000,
    ],
)
async def test_logging_in_leads_nowhere_else(nobody: httpx.AsyncClient, elsewhere: str) -> None:
    assert (await logged_in(nobody, next=elsewhere)).headers["location"] == "/"


async def test_a_link_followed_leads_nowhere_else(service: FakeService) -> None:
    app = create_app(service, FakeSettings(), service)
    followed = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    async with client(app, None, headers=followed) as browser:
        for path in ("//evil.example/x", "///evil.example/x", "/%2fevil.example/x"):
            linked = await browser.get(f"{BASE}{path}")
            assert 'content="0;url=/evil.example/x"' in linked.text
        asked = await browser.get(f"{BASE}//evil.example/x", headers={"Sec-Fetch-Site": "none"})
        assert asked.headers["location"] == "/login?next=/evil.example/x"


async def test_forms_of_endless_fields(app: FastAPI, nobody: httpx.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    many = "&".join(["token=x"] * 300)
    assert (await nobody.post("/login", content=many, headers=form)).status_code == 422
    await logged_in(nobody)
    refused = await nobody.post("/logout", content=many, headers=form)
    assert (refused.status_code, refused.json()["title"]) == (422, "The request is not valid")


async def test_a_wrong_token_begins_no_session(nobody: httpx.AsyncClient) -> None:
    for token in ("nobody", "", "x" * 600):
        refused = await logged_in(nobody, token)
        assert refused.status_code in {401, 422}
        assert "set-cookie" not in refused.headers


async def test_what_a_browser_sends_by_itself_changes_nothing(
    app: FastAPI, nobody: httpx.AsyncClient
) -> None:
    await logged_in(nobody)
    for headers in ({}, {"X-CSRF-Token": "guess"}, {"X-CSRF-Token": ""}):
        refused = await nobody.post("/api/v1/comparisons", json=COMPARE, headers=headers)
        assert (refused.status_code, refused.json()["field"]) == (403, "csrf")
    right = {"X-CSRF-Token": csrf_of(app), "Origin": BASE, "Sec-Fetch-Site": "same-origin"}
    done = await nobody.post("/api/v1/comparisons", json=COMPARE, headers=right)
    assert done.status_code == 202
    assert (await nobody.post("/logout", data={"csrf": "guess"})).status_code == 403
    assert (await nobody.get("/api/v1/suites")).status_code == 200


async def test_a_foreign_page_logs_nobody_in(nobody: httpx.AsyncClient) -> None:
    forged = await nobody.post(
        "/login", data={"token": RUN}, headers={"Origin": "https://evil.example"}
    )
    assert (forged.status_code, "set-cookie" in forged.headers) == (403, False)


async def test_a_session_ends_with_its_token(
    nobody: httpx.AsyncClient, service: FakeService
) -> None:
    await logged_in(nobody)
    await service.revoke_token("ci")
    assert (await nobody.get("/api/v1/suites")).status_code == 401


async def test_people_get_pages(service: FakeService) -> None:
    app = create_app(service, FakeSettings(), service)
    page = {"Accept": "text/html,*/*;q=0.8"}
    async with client(app, None, headers=page) as browser:
        asked = await browser.get("/jobs", params={"state": "failed"})
        assert (asked.status_code, asked.headers["location"]) == (
            303, "/login?next=/jobs%3Fstate%3Dfailed",
        )  # fmt: skip
        # A link elsewhere was followed: strict cookies stay at home until one of ours is.
        linked = await browser.get(
            "/jobs", params={"state": '"><script>'}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert 'http-equiv="refresh"' in linked.text
        assert "<script" not in linked.text
        wrong = await logged_in(browser, "guess")
        assert (wrong.status_code, "This token is not known" in wrong.text) == (401, True)
        await logged_in(browser)
        assert csrf_of(app) in (await browser.get("/jobs")).text
        for refused, status in (
            (await browser.get("/nothing"), 404),
            (await browser.post("/logout", data={"csrf": "guess"}), 403),
        ):
            assert refused.status_code == status
            assert refused.headers["content-type"] == "text/html; charset=utf-8"
        program = await browser.get("/api/v1/jobs/4711")
        assert program.headers["content-type"] == "application/problem+json"


def test_sessions_end_and_stay_few() -> None:
    now = 0.0
    sessions = Sessions(most=10, clock=lambda: now)
    name, _ = sessions.begin(RUN)
    now = 7 * 3600.0
    assert sessions.find(name)
    now += 9 * 3600
    assert sessions.find(name) is None
    name, _ = sessions.begin(RUN)
    for _ in range(25):  # used all along: a day is the end of it
        now += 3600
        found = sessions.find(name)
    assert found is None
    for _ in range(50):
        name, session = sessions.begin(RUN)
    assert len(sessions) == 10
    assert RUN not in repr(session)
