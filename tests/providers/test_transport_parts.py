"""Waits that servers ask for, secrets, proxies, bounded bodies, quoted messages."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptreg import CallError, Cause
from promptreg_providers.transport.base import Reply, proxy_for
from promptreg_providers.transport.body import BodyReader
from promptreg_providers.transport.json_body import decode, mend_surrogates, model_name
from promptreg_providers.transport.retry_after import retry_after_s
from promptreg_providers.transport.secret import Secret
from promptreg_providers.transport.status import error_of, quote

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "20"}, 20.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"Retry-After": "Tue, 14 Nov 2000 22:13:50 GMT"}, 0.0),
        ({"Retry-After": "20", "retry-after-ms": "250"}, 0.25),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-reset": "1700000010"}, 10.0),
        ({"x-ratelimit-reset": "1700000010000"}, 10.0),
        ({"x-ratelimit-reset": "5"}, 5.0),
        ({"x-ratelimit-reset": "1d2h"}, 93_600.0),
        ({"x-ratelimit-reset": ""}, None),
        ({"x-ratelimit-reset": "tomorrow"}, None),
        (
            {
                "x-ratelimit-reset-requests": "90s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "1s",
                "x-ratelimit-remaining-tokens": "5",
            },
            90.0,
        ),
        ({"x-ratelimit-reset-requests": "90s", "x-ratelimit-reset-tokens": "1s"}, 1.0),
    ],
)
def test_wait_is_read_in_all_its_spellings(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after_s(headers, NOW) == (None if wait is None else pytest.approx(wait))


@given(st.sampled_from(["retry-after-ms", "Retry-After", "x-ratelimit-reset"]), st.text())
def test_no_header_breaks_the_reader(name: str, text: str) -> None:
    wait = retry_after_s({name: text}, NOW)
    assert wait is None or 0 <= wait < float("inf")


def test_secret_is_taken_out_of_messages_but_stand_ins_stay_in_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REAL", "sk-0123456789abcdef")
    monkeypatch.setenv("STAND_IN", "EMPTY")
    real, stand_in = Secret("REAL", required=True), Secret("STAND_IN", required=True)
    assert real.redact("key sk-0123456789abcdef!") == "key ***!"
    assert real.redact_answer("key sk-0123456789abcdef!") == "key ***!"
    assert stand_in.redact_answer("the EMPTY driveway") == "the EMPTY driveway"
    assert "0123" not in repr(real)
    assert Secret(None, required=False).headers() == {}


@pytest.mark.parametrize(
    "spelled",
    [
        "nv/api+0123456789=",
        "nv\\/api\\u002b0123456789\\u003D",
        "\\u006ev\\\\\\/api+012345678\\\\u0039=",
    ],
)
def test_secret_is_found_however_json_spells_it(
    monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    monkeypatch.setenv("KEY", "nv/api+0123456789=")
    secret = Secret("KEY", required=True)
    assert secret.redact_answer(f'{{"a": "{spelled}!"}}') == '{"a": "***!"}'
    assert secret.redact(f"<{spelled}>") == "<***>"


def test_looking_for_a_secret_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "nv/api+0123456789=")
    text = "\\" * 300_000 + "u"
    assert Secret("KEY", required=True).redact_answer(text) == text


def test_proxy_comes_from_the_environment_but_never_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("http://models.example/v1") == "http://proxy:3128"
    assert proxy_for("http://inside.example/v1") is None
    for host in ("localhost", "127.0.0.1", "127.0.0.2", "[::1]"):
        assert proxy_for(f"http://{host}:8091") is None


@pytest.mark.parametrize("pack", ["gzip", "two gzips", "deflate", ""])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_body_is_unpacked_whatever_the_chunks(pack: str, step: int) -> None:
    text = b'{"a": 1}' * 500
    halves = gzip.compress(text[:1000]) + gzip.compress(text[1000:])
    ways = {"gzip": gzip.compress(text), "two gzips": halves, "deflate": zlib.compress(text)}
    data = ways.get(pack, text)
    reader = BodyReader(pack.rpartition(" ")[2].removesuffix("s"), None, 10_000)
    for i in range(0, len(data), step):
        reader.feed(data[i : i + step])
    assert reader.finish() == text


def test_body_that_ends_early_or_is_too_large_is_refused() -> None:
    packed = gzip.compress(b"x" * 1000)
    reader = BodyReader("gzip", None, 10_000)
    reader.feed(packed[:-10])
    with pytest.raises(CallError, match="middle"):
        reader.finish()
    with pytest.raises(CallError) as e:
        BodyReader("gzip", None, 999).feed(packed)
    assert e.value.cause == Cause.TOO_LARGE
    BodyReader("gzip", None, 1000).feed(packed)


def test_message_of_a_server_is_one_short_printable_line() -> None:
    quoted = quote("a\n\x1b[31mred\u202e" + "b" * 5000)
    assert quoted.startswith("a ?[31mred?")
    assert len(quoted) == 200
    assert quoted.isprintable()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "bad grammar"}}', "HTTP 400: bad grammar"),
        (b'{"error": "plain"}', "HTTP 400: plain"),
        (b'{"detail": "of FastAPI"}', "HTTP 400: of FastAPI"),
        (b"just text", "HTTP 400: just text"),
        (b"", "HTTP 400"),
        (b"\xff", "HTTP 400: \ufffd"),
        (b"[" * 5000, "HTTP 400: [[["),
        (
            b'{"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 901, "n_ctx": 512,'
            b' "message": "m"}}',
            "901 tokens, a slot of the server holds 512",
        ),
    ],
)
def test_error_says_what_the_server_said(body: bytes, words: str) -> None:
    error = error_of(Reply(400, {}, body, 0.0), str, "")
    assert words in error.detail
    assert not error.retryable


def test_lone_surrogates_are_counted_and_replaced() -> None:
    assert mend_surrogates("a\ud800b\udfff") == ("a\ufffdb\ufffd", 2)
    assert mend_surrogates("grün 🙂") == ("grün 🙂", 0)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("/srv/models/n.gguf", "n.gguf"),
        ("C:\\models\\n.gguf", "n.gguf"),
        ("nvidia/nemotron", "nvidia/nemotron"),
        (None, ""),
        (5, ""),
    ],
)
def test_model_name_is_no_path_of_one_machine(value: object, name: str) -> None:
    assert model_name(value) == name


def test_half_a_key_is_quoted_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", key := "planted-key-of-some-length")
    redact = Secret("SOME_KEY", required=True).redact
    body = f"<p>It was sent with the header Authorization: Bearer {key}".encode()
    with pytest.raises(CallError) as caught:
        decode(Reply(200, {"Content-Type": "text/html"}, body, 0.1), redact)
    assert key[:6] not in caught.value.detail


def test_a_redirect_to_no_address_is_one_all_the_same() -> None:
    reply = Reply(302, {"Location": "http://[half"}, b"", 0.1)
    assert "redirected to elsewhere" in error_of(reply, str, "").detail
