"""Every refusal is problem+json: status, what was found, what is allowed, and nothing internal."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from service_fake import FINISHED, RUN, FakeService

COMPARE = {"suite": "home_security", "baseline": "v1", "candidate": "v2"}
SUITE = "/api/v1/suites/home_security"


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem, which is complete, hides what is inside, and holds no markup."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:promptreg:problem:")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["instance"] == response.request.url.path
    for secret in ("Traceback", ".py", RUN, "<"):
        assert secret not in response.text
    return body


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/nothing", "openapi.json"),
        ("/api/v2/suites", "openapi.json"),
        ("/api/v1/suites/hom", "home_security"),
        (f"{SUITE}/templates/basik", "basic"),
        (f"{SUITE}/templates/basic/versions/v9", "v1, v2"),
        (f"{SUITE}/scenarios/nobody", "nobody"),
        (f"{SUITE}/runs/basic-v9", "basic-v9"),
        (f"{SUITE}/runs/basic-v1-9ec9c47e25/trials/child_home-1/7", "repeat 7"),
        ("/api/v1/jobs/4711", "4711"),
        ("/api/v1/comparisons/4711/report", "4711"),
        ("/api/v1/jobs/4711/events", "4711"),
        (f"/api/v1/jobs/{FINISHED}/artifacts/secrets.txt", "log.txt"),
        ("/api/v1/suites/", "openapi.json"),
    ],
)
async def test_unknown(runner: httpx.AsyncClient, path: str, named: str) -> None:
    assert named in problem(await runner.get(path), 404)["detail"]


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/jobs/{FINISHED}/artifacts/..%2f..%2fetc%2fpasswd",
        f"/api/v1/jobs/{FINISHED}/artifacts/%2e%2e",
        f"{SUITE}/templates/basic/versions/../../../../etc/passwd",
        f"{SUITE}/templates/basic/versions/%2fetc%2fpasswd",
        f"{SUITE}/scenarios/%00",
        f"/api/v1/jobs/{FINISHED}/artifacts/log.txt%0d%0aSet-Cookie:x=1",
    ],
)
async def test_no_path_leads_out(runner: httpx.AsyncClient, path: str) -> None:
    response = await runner.get(path)
    assert response.status_code in {404, 422}
    assert "root:" not in response.text
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/jobs?limit=0", "query.limit"),
        ("/api/v1/jobs?limit=501", "query.limit"),
        ("/api/v1/jobs?offset=-1", "query.offset"),
        ("/api/v1/jobs?state=done", "query.state"),
        (f"{SUITE}/scenarios?filter=threat", "query.filter.0"),
        (f"{SUITE}/scenarios?filter=a=1&filter=a=2", "query.filter"),
        (f"{SUITE}/scenarios?filter=weather=rain", "where.weather"),
        (f"{SUITE}/trend", "query.metric"),
        (f"{SUITE}/trend?metric=in_rang", "metric"),
        ("/api/v1/suites/night_cameras/templates", "suite"),
    ],
)
async def test_questions_that_make_no_sense(
    runner: httpx.AsyncClient, path: str, field: str
) -> None:
    assert problem(await runner.get(path), 422)["field"] == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"suite": "night_cameras"}, "suite"),
        ({"candidate": "../../etc/passwd\n"}, "candidate"),
        ({"candidate": "--config=x"}, "candidate"),
        ({"candidate": "v9"}, "refs"),
        ({"candidate": None}, "candidate"),
        ({"options": {"alpha": 0.9}}, "options.alpha"),
        ({"options": {"alpha": float("nan")}}, "options.alpha"),
        ({"options": {"repeats": "3; rm"}}, "options.repeats"),
        ({"options": {"limit": "1"}}, "options.limit"),
        ({"options": {"limit": True}}, "options.limit"),
        ({"options": {"anytime": 0}}, "options.anytime"),
        ({"options": {"alpha": "0.1"}}, "options.alpha"),
        ({"options": {"budget": "5 euros"}}, "options.budget"),
        ({"options": {"margin": {"in_range": 0}}}, "options.margin.in_range"),
        ({"options": {"margin": {"in_range": float("inf")}}}, "options.margin.in_range"),
        ({"options": {"env_file": "/etc/passwd"}}, "options.env_file"),
        ({"options": {"where": {"a=b": "c"}}}, "options.where.a=b.[key]"),
        ({"<script>alert(1)</script>": 1}, "<script>alert(1)</script>"),
        ({"suite": "\ud800"}, "suite"),
    ],
)
async def test_wishes_that_cannot_be(
    runner: httpx.AsyncClient, change: dict[str, Any], field: str
) -> None:
    response = await runner.post(
        "/api/v1/comparisons",
        content=json.dumps({**COMPARE, **change}),
        headers={"Content-Type": "application/json"},
    )
    assert problem(response, 422)["field"] == field


async def test_all_that_is_wrong_is_named_with_what_is_allowed(runner: httpx.AsyncClient) -> None:
    wrong = {"suite": "", "baseline": "v1", "options": {"limit": 0, "colour": "red"}}
    errors = problem(await runner.post("/api/v1/gates", json=wrong), 422)["errors"]
    told = {error["field"]: error for error in errors}
    assert set(told) == {"suite", "candidate", "options.limit", "options.colour"}
    assert told["options.limit"]["allowed"] == {"ge": 1}


async def test_an_unknown_suite_is_not_found(runner: httpx.AsyncClient) -> None:
    problem(await runner.post("/api/v1/gates", json={**COMPARE, "suite": "hom"}), 404)


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 15_000, b"", b'{"suite": "home_security"} {}']
)
async def test_bodies_that_are_no_json(runner: httpx.AsyncClient, body: bytes) -> None:
    response = await runner.post(
        "/api/v1/gates", content=body, headers={"Content-Type": "application/json"}
    )
    problem(response, 400 if body else 422)


async def test_methods_that_are_not_known_and_all_that_are(runner: httpx.AsyncClient) -> None:
    response = await runner.patch("/api/v1/comparisons", json={})
    problem(response, 405)
    assert response.headers["allow"] == "GET, POST"
    problem(await runner.options("/api/v1/suites"), 405)  # a preflight: nobody may ask from afar
    problem(await runner.request("TRACE", "/api/v1/suites"), 405)


async def test_the_database_is_gone(runner: httpx.AsyncClient, service: FakeService) -> None:
    service.down = True
    for path in ("/api/v1/jobs", f"/api/v1/jobs/{FINISHED}/events", f"{SUITE}/scenarios"):
        response = await runner.get(path)
        assert "does not answer" in problem(response, 503)["detail"]
        assert response.headers["retry-after"] == "5"


async def test_what_nobody_foresaw_is_logged_and_hidden(
    runner: httpx.AsyncClient, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> list[dict[str, str]]:
        raise RuntimeError("password=hunter2")

    service.plugins = broken  # type: ignore[method-assign]  # a fault that the fake does not have
    with caplog.at_level("ERROR", "promptreg.web.errors"):
        response = await runner.get("/api/v1/plugins")
    told = problem(response, 500)
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text
    assert caplog.records[0].__dict__["fields"]["request_id"] == told["request_id"]
