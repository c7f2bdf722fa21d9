"""What HTTP providers send, what identifies them, and what they refuse to be set to."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import promptreg_providers
from fault_server import FaultServer, chat, llama, ok
from promptreg import Call, Prompt
from promptreg.discovery import load_plugins
from promptreg.errors import ProviderError, SuiteError, TemplateError, UsageError
from promptreg_providers.chatml import to_messages
from promptreg_providers.client import address
from promptreg_providers.llama_cpp import LlamaCpp
from promptreg_providers.openai_chat import Nvidia, OpenAIChat
from promptreg_providers.transport.httpx_transport import HttpxTransport

URL = "http://127.0.0.1:8091"
SECRET = "planted-key-0123456789abcdef"
CHATML = (
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi\nthere<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def _call(text: str = "p", **fields: Any) -> Call:
    return Call(Prompt(text), key="k", **fields)


def _flat(value: Any) -> set[tuple[str, str]]:
    """Return every (key, value as JSON) at any depth of mappings."""
    pairs: set[tuple[str, str]] = set()
    for key, inner in value.items():
        pairs.add((key, json.dumps(inner, sort_keys=True)))
        if isinstance(inner, dict):
            pairs |= _flat(inner)
    return pairs


LLAMA: list[dict[str, Any]] = [
    {},
    {"endpoint": "v1/completions", "model": "m"},
    {"sampling": {"seed": 7, "top_k": 3, "repeat_penalty": 1.1, "n_predict": 5}},
    {"json_schema": {"type": "object"}, "n_probs": 3, "cache_prompt": True},
    {"grammar": 'root ::= "a"', "id_slot": "per_version", "sampling": {"stop": None}},
]
CHAT: list[dict[str, Any]] = [
    {},
    {"sampling": {"seed": 7, "temperature": 0.1, "max_tokens": 9}},
    {"response_format": {"type": "json_object"}, "body": {"nvext": {"a": 1}, "seed": 3}},
]


@pytest.mark.parametrize("settings", LLAMA)
def test_every_field_of_llama_cpp_is_identity_or_knob(settings: dict[str, Any]) -> None:
    provider = LlamaCpp(URL, **settings)
    provider._slots = 4
    _every_field_is_in_one_set(provider)


@pytest.mark.parametrize("settings", CHAT)
def test_every_field_of_openai_chat_is_identity_or_knob(settings: dict[str, Any]) -> None:
    _every_field_is_in_one_set(OpenAIChat(URL, "m", **settings))


def _every_field_is_in_one_set(provider: LlamaCpp | OpenAIChat) -> None:
    identity = _flat(provider.identity())
    body = provider.request(_call(lane=5))
    assert provider.prompt_fields <= body.keys()
    for key, value in body.items():
        in_identity = (key, json.dumps(value, sort_keys=True)) in identity
        places = [in_identity, key in provider.knobs, key in provider.prompt_fields]
        assert places.count(True) == 1, key


def test_production_request_is_sent_as_production_sends_it() -> None:
    assert LlamaCpp(URL).request(_call("<|im_start|>user\nx")) == {
        "prompt": "<|im_start|>user\nx",
        "temperature": 0.7,
        "top_p": 0.95,
        "max_tokens": 1536,
        "stop": ["<|im_end|>", "<|im_start|>"],
    }


@pytest.mark.parametrize("seed", [0, 7])
def test_seed_rises_with_the_repeat(seed: int) -> None:
    llama_cpp = LlamaCpp(URL, sampling={"seed": seed})
    chat_provider = OpenAIChat(URL, "m", sampling={"seed": seed})
    for repeat in range(3):
        assert llama_cpp.request(_call(repeat=repeat))["seed"] == seed + repeat
        assert chat_provider.request(_call(repeat=repeat))["seed"] == seed + repeat


def test_random_seed_stays_random_and_no_seed_is_none() -> None:
    assert LlamaCpp(URL, sampling={"seed": -1}).request(_call(repeat=3))["seed"] == -1
    assert "seed" not in LlamaCpp(URL).request(_call(repeat=3))


def test_identity_tells_apart_what_shapes_completions_and_nothing_else() -> None:
    base = LlamaCpp(URL).identity()
    assert base["kind"] == "llama_cpp"
    assert base["endpoint"] == f"{URL}/completion"
    assert LlamaCpp("HTTP://127.0.0.1:8091/v1/").identity() == base
    same = LlamaCpp(URL, id_slot="per_version", cache_prompt=False, ready_timeout=1, max_bytes=9)
    assert same.identity() == base
    others: list[dict[str, Any]] = [
        {"sampling": {"top_k": 1}},
        {"n_probs": 1},
        {"endpoint": "v1/completions"},
    ]
    for other in others:
        assert LlamaCpp(URL, **other).identity() != base
    assert OpenAIChat(URL, "a").identity() != OpenAIChat(URL, "b").identity()


def test_identity_and_repr_hold_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    provider = OpenAIChat(URL, "m", api_key_env="MY_KEY")
    assert SECRET not in repr(provider) + json.dumps(provider.identity())
    assert SECRET not in repr(provider._client.secret)
    with pytest.raises(ValueError, match="holds what the environment variable MY_KEY holds"):
        OpenAIChat(f"{URL}/{SECRET}", "m", api_key_env="MY_KEY")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "http://user:pw@host/v1"}, "user or password"),
        ({"url": "http://host/v1?key=abc"}, "query"),
        ({"url": "ftp://host"}, "allowed: http"),
        ({"url": "host:8091"}, "allowed: http"),
        ({"url": "http://host:99999"}, "cannot be read"),
        ({"url": "http://ho st/"}, "blanks"),
        ({"sampling": {"prompt": "x"}}, "sampling.prompt"),
        ({"sampling": {"stream": True}}, "sampling.stream"),
        ({"sampling": {"id_slot": 1}}, "sampling.id_slot"),
        ({"sampling": {"temperature": "warm"}}, "a number is allowed"),
        ({"sampling": {"temperature": True}}, "a number is allowed"),
        ({"sampling": {"top_p": 1.5}}, "allowed: 0 to 1"),
        ({"sampling": {"temperature": float("nan")}}, "sampling.temperature"),
        ({"sampling": {"dry_base": float("inf")}}, "cannot be sent"),
        ({"sampling": {"seed": 1.5}}, "whole number"),
        ({"sampling": {"stop": [1]}}, "list of words"),
        ({"sampling": {"max_tokens": 5, "n_predict": 5}}, "give one"),
        ({"json_schema": {"type": "objekt"}}, "json_schema.type"),
        ({"json_schema": {"titel": "x"}}, "needs one of"),
        ({"json_schema": {"type": "object"}, "grammar": "root ::= x"}, "only one"),
        ({"n_probs": 0}, "n_probs"),
        ({"endpoint": "v1/chat"}, "endpoint"),
        ({"transport": "curl"}, "transport"),
        ({"sampeling": {}}, "did you mean 'sampling'"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_allowed(
    settings: dict[str, Any], words: str
) -> None:
    catalog = load_plugins([promptreg_providers], entry_points=False).providers
    with pytest.raises(SuiteError) as e:
        catalog.create("llama_cpp", {"url": URL} | settings)
    assert words in str(e.value)
    assert "pw" not in str(e.value)
    assert "abc" not in str(e.value)


def test_all_providers_are_registered_and_summarised() -> None:
    catalog = load_plugins([promptreg_providers], entry_points=False).providers
    assert [e.name for e in catalog] == [
        "detector",
        "llama_cpp",
        "nvidia",
        "openai_chat",
        "recorded",
        "scripted",
    ]
    assert all(entry.summary for entry in catalog)


def test_registering_imports_no_http_library() -> None:
    code = (
        "import sys, promptreg_providers as p; from promptreg.discovery import load_plugins; "
        "c = load_plugins([p], entry_points=False).providers; c.get('llama_cpp').settings(); "
        "heavy = {'aiohttp', 'httpx', 'pyarrow', 'pandas', 'numpy', 'asyncio'}; "
        "sys.exit(bool(heavy & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "provider", [LlamaCpp(URL), OpenAIChat(URL, "m")], ids=["llama_cpp", "openai_chat"]
)
def test_images_are_refused_not_dropped(provider: LlamaCpp | OpenAIChat) -> None:
    with pytest.raises(UsageError, match="text only"):
        provider.request(Call(Prompt("p", images=("a.png",))))


async def test_missing_key_is_named_before_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    async with FaultServer() as server:
        provider = LlamaCpp(server.url, api_key_env="MY_KEY")
        probe = await provider.probe()
        with pytest.raises(ProviderError, match="MY_KEY is not set"):
            await provider.complete(_call())
        await provider.aclose()
    assert not probe.ready
    assert "MY_KEY is not set" in probe.detail
    assert server.requests == []


@pytest.mark.parametrize("value", ["a\nb", "ключ"])
async def test_key_that_cannot_be_sent_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", value)
    probe = await OpenAIChat(URL, "m", api_key_env="MY_KEY").probe()
    assert not probe.ready
    assert "MY_KEY" in probe.detail
    assert value not in probe.detail


async def test_default_key_variable_may_be_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEMOTRON_API_KEY", raising=False)
    async with FaultServer() as server:
        provider = LlamaCpp(server.url)
        await provider.complete(_call())
        await provider.aclose()
    assert "authorization" not in server.requests[0].headers


async def test_nvidia_needs_its_key_and_names_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NVIDIA_API_KEY", raising=False)
    provider = Nvidia("nvidia/some-model")
    probe = await provider.probe()
    assert "NVIDIA_API_KEY" in probe.detail
    assert provider.default_requests_per_minute == 40
    assert provider.identity()["endpoint"] == (
        "https://integrate.api.nvidia.com:443/v1/chat/completions"
    )


@pytest.mark.parametrize(
    ("body", "finish", "extra"),
    [
        (llama(), "stop", {}),
        (llama(stop_type="word", stopping_word="}"), "stop", {"stopping_word": "}"}),
        (llama(stop_type="limit"), "length", {}),
        (llama(truncated=True), "length", {"truncated": True}),
        (llama(stop_type="none"), "unknown", {}),
        (llama(stop_type=None, stopped_limit=True), "length", {}),
        (llama(stop_type=None, stopped_eos=True), "stop", {}),
        (llama(timings={"predicted_ms": 3.5}), "stop", {"timings": {"predicted_ms": 3.5}}),
    ],
)
async def test_llama_cpp_answer_is_read_in_full(
    body: bytes, finish: str, extra: dict[str, Any]
) -> None:
    async with FaultServer(ok(body)) as server:
        provider = LlamaCpp(server.url)
        completion = await provider.complete(_call())
        await provider.aclose()
    assert (completion.finish, completion.extra) == (finish, extra)
    assert (completion.prompt_tokens, completion.completion_tokens) == (100, 20)
    assert completion.model == "fake.gguf"
    assert completion.raw == body.decode()
    assert completion.latency_s is not None
    assert completion.latency_s > 0


async def test_v1_completions_answer_is_read() -> None:
    body = {
        "choices": [{"text": "a", "finish_reason": "length", "logprobs": {"content": []}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
        "model": "/srv/models/n.gguf",
    }
    async with FaultServer(ok(json.dumps(body).encode())) as server:
        provider = LlamaCpp(server.url, endpoint="v1/completions")
        completion = await provider.complete(_call())
        await provider.aclose()
    assert server.requests[0].path == "/v1/completions"
    assert (completion.text, completion.finish, completion.model) == ("a", "length", "n.gguf")
    assert (completion.prompt_tokens, completion.completion_tokens) == (3, 4)
    assert completion.extra == {"logprobs": {"content": []}}


async def test_warm_up_asks_for_one_token() -> None:
    async with FaultServer() as server:
        provider = LlamaCpp(server.url)
        await provider.warm_up()
        await provider.aclose()
    assert server.requests[0].json["max_tokens"] == 1


async def test_fingerprint_holds_what_the_server_decides() -> None:
    params = {"top_k": 40, "temperature": 0.8, "seed": 1, "samplers": ["top_k"], "max_tokens": -1}
    props = {
        "model_path": "/home/me/n.gguf",
        "build_info": "b7000",
        "total_slots": 2,
        "default_generation_settings": {"n_ctx": 512, "params": params},
        "media_marker": "random each time",
    }
    models = {"data": [{"id": "/home/me/n.gguf", "created": 5, "meta": {"n_params": 9}}]}
    pages = {
        "/health": ok(b'{"status": "ok"}'),
        "/props": ok(json.dumps(props).encode()),
        "/v1/models": ok(json.dumps(models).encode()),
    }
    async with FaultServer(pages=pages) as server:
        provider = LlamaCpp(server.url)
        probe = await provider.probe()
        await provider.aclose()
    assert probe.fingerprint == {
        "model": "n.gguf",
        "model_n_params": 9,
        "build": "b7000",
        "slots": 2,
        "n_ctx": 512,
        "defaults": {"top_k": 40},
    }


async def test_openai_probe_says_when_the_model_is_not_listed() -> None:
    models = ok(b'{"data": [{"id": "a"}, {"id": "b"}]}')
    async with FaultServer(pages={"/v1/models": models}) as server:
        provider = OpenAIChat(f"{server.url}/v1", "c")
        probe = await provider.probe()
        await provider.aclose()
    assert probe.ready
    assert "not among those listed (a, b)" in probe.detail


async def test_httpx_mock_transport_serves() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content)["messages"][0]["content"] == "p"
        return httpx.Response(200, content=chat("fine"))

    inner = HttpxTransport(httpx.MockTransport(answer))
    provider = OpenAIChat("https://models.example/v1", "m", transport=inner)
    completion = await provider.complete(_call())
    await provider.aclose()
    assert completion.text == "fine"


def test_chatml_becomes_messages() -> None:
    assert to_messages(CHATML) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi\nthere"},
    ]
    assert to_messages(CHATML + "<think>")[-1] == {"role": "assistant", "content": "<think>"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plain", "outside"),
        ("<|im_start|>user\nx<|im_end|> y", "outside"),
        ("<|im_start|>root\nx<|im_end|>", "root"),
        ("<|im_start|>user\nx", "not closed"),
        ("<|im_start|>user\n<|im_start|>user\nx<|im_end|>", "not closed"),
        ("<|im_start|>assistant\n", "no ChatML turn"),
        ("", "no ChatML turn"),
    ],
)
def test_broken_chatml_is_refused(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        to_messages(text)


_TURN = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda t: "<|im_" not in t)


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), _TURN), min_size=1))
def test_chatml_round_trip(turns: list[tuple[str, str]]) -> None:
    text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in turns)
    assert to_messages(text) == [{"role": r, "content": c} for r, c in turns]


def test_messages_mode_decides_what_is_split() -> None:
    def sent(mode: Any, text: str) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = OpenAIChat(URL, "m", messages=mode).request(_call(text))[
            "messages"
        ]
        return messages

    assert len(sent("auto", CHATML)) == 2
    assert sent("user", CHATML) == [{"role": "user", "content": CHATML}]
    assert sent("auto", "plain") == [{"role": "user", "content": "plain"}]
    with pytest.raises(TemplateError):
        sent("chatml", "plain")


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("HTTP://Host/", "http://host:80"),
        ("https://host/v1/", "https://host:443/v1"),
        ("http://[::1]:8091", "http://[::1]:8091"),
    ],
)
def test_address_has_one_spelling(url: str, spelt: str) -> None:
    assert address(url) == spelt
