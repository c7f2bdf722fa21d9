"""Every fault of a server leads to a typed failure, in time, and spoils no other call."""

from __future__ import annotations

import asyncio
import random
import shutil
import ssl
import subprocess
import tracemalloc
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from fault_server import (
    Fault,
    FaultServer,
    black_hole,
    chat,
    close_quietly,
    drip,
    echo_secrets,
    endless,
    free_port,
    gzip_bomb,
    hang,
    llama,
    ok,
    raw,
    reset,
    status,
    truncated,
)
from promptreg import Call, Cause, Completion, Failure, Prompt
from promptreg.stages.call import Caller
from promptreg_providers.llama_cpp import LlamaCpp
from promptreg_providers.openai_chat import OpenAIChat

SECRET = "planted-key-0123456789abcdef"
RETRIES = 1
BOTH = RETRIES + 1
TOTAL_S = 30.0
SHORT = {"connect_s": 0.4, "read_s": 0.4}
"""For faults that last: two attempts end soon, and what is answered meanwhile has two."""
TRANSPORTS = ["aiohttp", "httpx"]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEMOTRON_API_KEY", SECRET)


async def _soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.01))


def _caller(provider: Any, **settings: Any) -> Caller:
    known: dict[str, Any] = {
        "concurrency": 8,
        "retries": RETRIES,
        "connect_s": 30.0,
        "read_s": 30.0,
        "total_s": TOTAL_S,
        "rng": random.Random(1),
        "sleep": _soon,
    }
    return Caller(provider, **(known | settings))


def _call(text: str, **fields: Any) -> Call:
    return Call(Prompt(text), key="k" * 64, **fields)


async def _in_time(outcome: Awaitable[Completion | Failure]) -> Completion | Failure:
    """Return the outcome; fails the test when a call outlives its deadline by a second."""
    async with asyncio.timeout(TOTAL_S + 1):
        return await outcome


CUT = 50_000
GZIP = {"Content-Encoding": "gzip"}
FAULTS: dict[str, tuple[Fault, Cause, int, int | None]] = {
    "hang": (hang(), Cause.TIMEOUT, BOTH, None),
    "reset before": (reset("before"), Cause.NETWORK, BOTH, None),
    "reset in": (reset("in"), Cause.NETWORK, BOTH, None),
    "slow head": (drip("head", 0.08), Cause.TIMEOUT, BOTH, None),
    "slow body": (drip("body", 0.08), Cause.TIMEOUT, BOTH, None),
    "truncated": (truncated(), Cause.NETWORK, BOTH, None),
    "closed": (raw(b""), Cause.NETWORK, BOTH, None),
    "no http": (raw(b"220 smtp.example ESMTP\r\n\r\n"), Cause.PROTOCOL, 1, None),
    "invalid utf-8": (ok(b'{"content": "\xff\xfe"}'), Cause.PROTOCOL, 1, None),
    "half json": (ok(b'{"content": "abc'), Cause.PROTOCOL, 1, None),
    "nan": (ok(b'{"content": "a", "x": NaN}'), Cause.PROTOCOL, 1, None),
    "huge integer": (ok(b'{"content": "a", "x": ' + b"9" * 5000 + b"}"), Cause.PROTOCOL, 1, None),
    "a list": (ok(b"[]"), Cause.PROTOCOL, 1, None),
    "nothing": (ok(b""), Cause.PROTOCOL, 1, None),
    "no content": (ok(b'{"error": "none"}'), Cause.PROTOCOL, 1, None),
    "null content": (ok(llama(None)), Cause.PROTOCOL, 1, None),
    "deep": (ok(b'{"content":' + b"[" * 20_000 + b"]" * 20_000 + b"}"), Cause.PROTOCOL, 1, None),
    "html": (
        ok(b"<html>Please log in</html>", {"Content-Type": "text/html"}),
        Cause.PROTOCOL,
        1,
        None,
    ),
    "declared large": (endless(10_000_001, declared=True), Cause.TOO_LARGE, 1, None),
    "endless": (endless(), Cause.TOO_LARGE, 1, None),
    "gzip bomb": (gzip_bomb(20), Cause.TOO_LARGE, 1, None),
    "broken gzip": (ok(b"no gzip at all", GZIP), Cause.PROTOCOL, 1, None),
    "brotli": (ok(b"\x0b\x02\x80", {"Content-Encoding": "br"}), Cause.PROTOCOL, 1, None),
    "redirect": (
        status(307, b"", {"Location": f"http://elsewhere.invalid/?key={SECRET}"}),
        Cause.HTTP_STATUS,
        1,
        307,
    ),
    "400": (status(400), Cause.HTTP_STATUS, 1, 400),
    "401": (echo_secrets(401), Cause.HTTP_STATUS, 1, 401),
    "403": (echo_secrets(403), Cause.HTTP_STATUS, 1, 403),
    "404": (status(404), Cause.HTTP_STATUS, 1, 404),
    "413": (status(413), Cause.HTTP_STATUS, 1, 413),
    "422": (echo_secrets(422), Cause.HTTP_STATUS, 1, 422),
    "501": (status(501), Cause.HTTP_STATUS, 1, 501),
    "408": (status(408), Cause.HTTP_STATUS, BOTH, 408),
    "409": (status(409), Cause.HTTP_STATUS, BOTH, 409),
    "425": (status(425), Cause.HTTP_STATUS, BOTH, 425),
    "429": (echo_secrets(429), Cause.HTTP_STATUS, BOTH, 429),
    "429 now": (status(429, None, {"Retry-After": "0"}), Cause.HTTP_STATUS, BOTH, 429),
    "429 past": (status(429, None, {"Retry-After": "-5"}), Cause.HTTP_STATUS, BOTH, 429),
    "429 inf": (status(429, None, {"Retry-After": "inf"}), Cause.HTTP_STATUS, BOTH, 429),
    "429 ms": (status(429, None, {"retry-after-ms": "20"}), Cause.HTTP_STATUS, BOTH, 429),
    "429 past date": (
        status(429, None, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Cause.HTTP_STATUS,
        BOTH,
        429,
    ),
    "quota": (
        status(429, b'{"error": {"message": "no money", "code": "insufficient_quota"}}'),
        Cause.HTTP_STATUS,
        1,
        429,
    ),
    "filtered": (
        status(400, b'{"error": {"message": "no", "code": "content_filter"}}'),
        Cause.REFUSED,
        1,
        400,
    ),
    "500": (status(500), Cause.HTTP_STATUS, BOTH, 500),
    "502 html": (
        status(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}),
        Cause.HTTP_STATUS,
        BOTH,
        502,
    ),
    "503 loading": (
        status(503, b'{"error": {"message": "Loading model", "code": 503}}'),
        Cause.HTTP_STATUS,
        BOTH,
        503,
    ),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", FAULTS)
async def test_fault_is_typed_in_time_and_alone(name: str, transport: Any) -> None:
    fault, cause, attempts, code = FAULTS[name]
    async with FaultServer(fault, fault, only=b"unlucky") as server:
        provider = LlamaCpp(server.url, transport=transport, max_bytes=CUT)
        caller = _caller(provider, **(SHORT if cause is Cause.TIMEOUT else {}))
        # A success first, so that a refusal concerns one call and not the whole run.
        first = await _in_time(caller.call(_call("lucky")))
        calls = [caller.call(_call(t)) for t in ("lucky", "unlucky", "lucky", "lucky")]
        outcomes = [await _in_time(o) for o in map(asyncio.ensure_future, calls)]
        await provider.aclose()
    unlucky = outcomes.pop(1)
    assert isinstance(unlucky, Failure)
    assert (unlucky.cause, unlucky.attempts, unlucky.status) == (cause, attempts, code), unlucky
    assert unlucky.duration_s is not None
    assert SECRET not in repr(unlucky)
    assert unlucky.detail.isprintable()
    assert len(unlucky.detail) < 400
    sent = [r for r in server.requests if b"unlucky" in r.body]
    assert len(sent) == attempts
    stops = name in ("401", "quota")  # these end the run; calls in flight may still be answered
    assert isinstance(first, Completion)
    assert (caller.stopped is not None) == stops
    if not stops:
        assert all(isinstance(o, Completion) for o in outcomes)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_reset_after_the_body_loses_nothing(transport: Any) -> None:
    async with FaultServer(reset("after")) as server:
        provider = LlamaCpp(server.url, transport=transport)
        caller = _caller(provider)
        outcomes = [await _in_time(caller.call(_call("x"))) for _ in range(2)]
        await provider.aclose()
    assert outcomes[0].attempts == 1  # the next call may find the lost connection, and try again
    assert all(isinstance(o, Completion) for o in outcomes)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_keep_alive_closed_by_the_server_is_tried_again(transport: Any) -> None:
    async with FaultServer(close_quietly()) as server:
        provider = LlamaCpp(server.url, transport=transport)
        caller = _caller(provider)
        outcomes = [await _in_time(caller.call(_call("x"))) for _ in range(2)]
        await provider.aclose()
    assert all(isinstance(o, Completion) for o in outcomes)
    assert outcomes[1].attempts == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nobody_listens(transport: Any) -> None:
    provider = LlamaCpp(f"http://127.0.0.1:{free_port()}", transport=transport)
    outcome = await _in_time(_caller(provider).call(_call("x")))
    probe = await provider.probe()
    await provider.aclose()
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts) == (Cause.CONNECT, BOTH)
    assert "refused" in outcome.detail
    assert not probe.ready
    assert "is the server running?" in probe.detail


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_connecting_never_ends(transport: Any) -> None:
    with black_hole() as port:
        provider = LlamaCpp(f"http://127.0.0.1:{port}", transport=transport)
        outcome = await _in_time(_caller(provider, **SHORT).call(_call("x")))
        await provider.aclose()
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts) == (Cause.CONNECT, BOTH)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_unknown_host(transport: Any) -> None:
    provider = LlamaCpp("http://no-such-host.invalid:8091", transport=transport)
    # A machine without a resolver may look for one for long.
    outcome = await _in_time(_caller(provider, **SHORT).call(_call("x")))
    await provider.aclose()
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts) == (Cause.CONNECT, BOTH)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_bad_certificate_is_not_tried_again(transport: Any, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    command += f" -subj /CN=localhost -keyout {pem} -out {pem}.crt"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    provider = LlamaCpp(f"https://127.0.0.1:{port}", transport=transport)
    outcome = await _in_time(_caller(provider).call(_call("x")))
    await provider.aclose()
    server.close()
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts) == (Cause.CONNECT, 1)
    assert "certificate" in outcome.detail


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_endless_and_packed_bodies_cost_no_memory(transport: Any) -> None:
    async with FaultServer(ok(), endless(), gzip_bomb(60)) as server:
        provider = LlamaCpp(server.url, transport=transport)  # the default limit of 10 MB
        caller = _caller(provider, retries=0)
        await caller.call(_call("x"))  # imports and opens what is needed once
        tracemalloc.start()
        outcomes = [await caller.call(_call("x")) for _ in range(2)]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await provider.aclose()
    assert [o.cause for o in outcomes if isinstance(o, Failure)] == [Cause.TOO_LARGE] * 2
    assert server.sent < 40_000_000
    assert peak < 64_000_000


async def test_flapping_server_answers_everything_in_the_end() -> None:
    script = [f for _ in range(30) for f in (status(500), ok())]
    async with FaultServer(*script) as server:
        provider = LlamaCpp(server.url)
        caller = _caller(provider, retries=30)  # no call can meet all the failures
        outcomes = await asyncio.gather(*(caller.call(_call(str(i))) for i in range(30)))
        await provider.aclose()
    assert all(isinstance(o, Completion) for o in outcomes)
    assert caller.spent.attempts == len(server.requests) == sum(o.attempts for o in outcomes)
    assert caller.spent.attempts > 30


async def test_attempts_of_a_call_share_one_idempotency_key() -> None:
    async with FaultServer(status(500)) as server:
        provider = LlamaCpp(server.url)
        await _caller(provider).call(_call("x"))
        await provider.aclose()
    assert [r.headers["idempotency-key"] for r in server.requests] == ["k" * 64] * 2
    assert {r.headers["authorization"] for r in server.requests} == {f"Bearer {SECRET}"}


async def test_wait_of_an_hour_parks_the_run() -> None:
    async with FaultServer(status(429, None, {"Retry-After": "3600"})) as server:
        provider = LlamaCpp(server.url)
        caller = _caller(provider, now=lambda: 1_000_000.0)
        outcome = await _in_time(caller.call(_call("x")))
        later = await caller.call(_call("y"))
        await provider.aclose()
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts, outcome.status) == (Cause.CANCELLED, 1, 429)
    assert caller.stopped is not None
    assert (caller.stopped.kind, caller.stopped.resume_at) == ("parked", 1_003_600.0)
    assert isinstance(later, Failure)
    assert (later.cause, later.attempts) == (Cause.CANCELLED, 0)
    assert len(server.requests) == 1


async def test_loading_server_is_waited_for() -> None:
    states = [status(503), status(503), ok(b'{"status": "ok"}')]

    async def health(request: Any, connection: Any) -> None:
        await states.pop(0)(request, connection)

    props = b'{"total_slots": 4, "build_info": "b1", "model_path": "/srv/m/n.gguf"}'
    async with FaultServer(pages={"/health": health, "/props": ok(props)}) as server:
        provider = LlamaCpp(server.url, id_slot="per_version")
        probe = await provider.probe()
        await provider.complete(_call("x", lane=6))
        await provider.aclose()
    assert probe.ready
    assert (probe.model, probe.fingerprint["slots"]) == ("n.gguf", 4)
    assert server.requests[-1].json["id_slot"] == 2


async def test_server_that_never_loads_is_not_ready() -> None:
    async with FaultServer(pages={"/health": status(503)}) as server:
        provider = LlamaCpp(server.url, ready_timeout=0.4)
        probe = await provider.probe()
        await provider.aclose()
    assert not probe.ready
    assert "not ready after 0.4 s" in probe.detail


@pytest.mark.parametrize("code", [401, 403])
async def test_refused_key_is_found_by_the_probe(code: int) -> None:
    health = ok(b'{"status": "ok"}')
    async with FaultServer(pages={"/health": health, "/props": echo_secrets(code)}) as server:
        provider = LlamaCpp(server.url)
        probe = await provider.probe()
        await provider.aclose()
    assert not probe.ready
    assert "NEMOTRON_API_KEY" in probe.detail
    assert SECRET not in probe.detail


async def test_server_without_pages_of_its_own_is_ready() -> None:
    async with FaultServer() as server:
        provider = LlamaCpp(server.url)
        probe = await provider.probe()
        await provider.aclose()
    assert (probe.ready, probe.model, dict(probe.fingerprint)) == (True, "", {})


CHAT: dict[str, tuple[bytes, dict[str, Any]]] = {
    "another model": (chat(model="other"), {"model": "other"}),
    "no usage": (chat(usage=None), {"prompt_tokens": None, "completion_tokens": None}),
    "odd usage": (
        chat(usage={"prompt_tokens": "3", "completion_tokens": True}),
        {"prompt_tokens": None, "completion_tokens": None},
    ),
    "empty": (chat(""), {"text": "", "finish": "stop"}),
    "null": (chat(None), {"text": "", "finish": "stop"}),
    "refusal": (chat(None, message={"refusal": "I will not."}), {"text": "", "finish": "refusal"}),
    "length": (chat("{", "length"), {"text": "{", "finish": "length"}),
    "filter": (chat(None, "content_filter"), {"text": "", "finish": "content_filter"}),
    "tools": (
        chat(None, "tool_calls", message={"tool_calls": [{}]}),
        {"text": "", "finish": "unknown"},
    ),
    "parts": (chat(message={"content": [{"type": "text", "text": "a"}]}), {"text": "a"}),
    "surrogate": (chat("a\ud800b"), {"text": "a\ufffdb", "extra": {"lone_surrogates": 1}}),
}


@pytest.mark.parametrize("name", CHAT)
async def test_odd_chat_answers_are_measurements(name: str) -> None:
    body, expected = CHAT[name]
    async with FaultServer(ok(body)) as server:
        provider = OpenAIChat(f"{server.url}/v1", "asked")
        outcome = await _in_time(_caller(provider).call(_call("x")))
        await provider.aclose()
    assert isinstance(outcome, Completion)
    assert {key: getattr(outcome, key) for key in expected} == expected


@pytest.mark.parametrize("body", [chat(choices=[]), chat(message={"content": 5}), b"{}"])
async def test_chat_without_message_is_a_protocol_failure(body: bytes) -> None:
    async with FaultServer(ok(body)) as server:
        provider = OpenAIChat(f"{server.url}/v1", "asked")
        outcome = await _in_time(_caller(provider).call(_call("x")))
        await provider.aclose()
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts) == (Cause.PROTOCOL, 1)


async def test_key_that_the_server_echoes_is_kept_out_of_completions() -> None:
    body = llama(f"your key is {SECRET}", prompt=SECRET)
    async with FaultServer(ok(body)) as server:
        provider = LlamaCpp(server.url)
        outcome = await _caller(provider).call(_call("x"))
        await provider.aclose()
    assert isinstance(outcome, Completion)
    assert SECRET not in repr(outcome)
    assert outcome.text == "your key is ***"


async def test_busy_server_gets_fewer_calls_at_once() -> None:
    async def busy(request: Any, connection: Any) -> None:
        if server.in_flight > 2:
            return await status(429)(request, connection)
        await asyncio.sleep(0.01)
        return await ok()(request, connection)

    async with FaultServer(*[busy] * 400) as server:
        provider = LlamaCpp(server.url)
        caller = _caller(provider, concurrency=16, retries=12)
        outcomes = await asyncio.gather(*(caller.call(_call(str(i))) for i in range(60)))
        await provider.aclose()
    assert all(isinstance(o, Completion) for o in outcomes)
    assert server.most_in_flight <= 16
    assert caller.concurrency < 16
