"""A real server's refusals, and what it says about itself."""

from __future__ import annotations

import socket
from contextlib import aclosing
from typing import Literal

import pytest

from asking_model import MODEL, call
from promptreg import Call, Cause, Completion, Failure
from promptreg.stages.call import Caller
from promptreg_providers.llama_cpp import LlamaCpp
from promptreg_providers.openai_chat import OpenAIChat

pytestmark = pytest.mark.model

TOO_LONG = call("word " * 1500)


async def outcome(provider: LlamaCpp | OpenAIChat, one: Call) -> Completion | Failure:
    """Return what comes of a call with retries allowed."""
    async with aclosing(provider):
        return await Caller(provider, concurrency=1, retries=3).call(one)


@pytest.mark.parametrize("kind", ["completion", "v1/completions", "chat"])
async def test_a_prompt_longer_than_the_context_is_refused_once(
    llama_server: str, kind: str
) -> None:
    if kind == "chat":
        provider: LlamaCpp | OpenAIChat = OpenAIChat(f"{llama_server}/v1", MODEL)
    else:
        provider = LlamaCpp(llama_server, kind)  # type: ignore[arg-type] # one of the two allowed
    failure = await outcome(provider, TOO_LONG)
    assert isinstance(failure, Failure)
    assert (failure.cause, failure.status) == (Cause.HTTP_STATUS, 400)
    assert failure.attempts == 1  # the same prompt is too long the next time as well
    assert not failure.infrastructure  # the template's doing: it counts against it
    assert "the prompt has 1518 tokens, a slot of the server holds 1024" in failure.detail
    assert "larger context" in failure.detail  # what to do about it


async def test_a_wrong_grammar_is_refused_with_the_servers_words(llama_server: str) -> None:
    failure = await outcome(LlamaCpp(llama_server, grammar="root ::= ("), call("Hi"))
    assert isinstance(failure, Failure)
    assert (failure.cause, failure.status, failure.attempts) == (Cause.HTTP_STATUS, 400, 1)
    assert "grammar" in failure.detail


async def test_a_page_that_does_not_exist_is_refused(llama_server: str) -> None:
    failure = await outcome(LlamaCpp(f"{llama_server}/nowhere"), call("Hi"))
    assert isinstance(failure, Failure)
    assert (failure.status, failure.attempts) == (404, 1)


async def test_the_probe_tells_what_shapes_answers(llama_server: str) -> None:
    provider = LlamaCpp(llama_server)
    async with aclosing(provider):
        probe = await provider.probe()
    assert probe.ready
    assert probe.model == MODEL
    facts = dict(probe.fingerprint)
    expected = {"model": MODEL, "model_ftype": "Q4_1", "slots": 2, "n_ctx": 1024}
    assert expected.items() <= facts.items()
    assert facts["model_n_params"] == 134_515_008
    defaults = facts["defaults"]
    assert isinstance(defaults, dict)
    assert "top_k" in defaults  # left open by the suite: the server's own value shapes answers
    assert not {"temperature", "top_p", "seed"} & defaults.keys()
    assert "2 slots of 1024 tokens" in probe.detail
    assert "/" not in str(facts)  # no path of the machine that serves


async def test_the_chat_probe_finds_the_model(llama_server: str) -> None:
    provider = OpenAIChat(f"{llama_server}/v1", MODEL)
    async with aclosing(provider):
        probe = await provider.probe()
    assert probe.ready
    assert probe.model == MODEL


@pytest.mark.parametrize("transport", ["aiohttp", "httpx"])
async def test_a_server_that_is_not_there_is_named(transport: Literal["aiohttp", "httpx"]) -> None:
    with socket.socket() as closed:  # bound, so that nobody else takes the port, and not listening
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        provider = LlamaCpp(f"http://{host}", transport=transport)
        async with aclosing(provider):
            probe = await provider.probe()
    assert not probe.ready
    assert probe.detail == f"no connection to {host}: Connection refused; is the server running?"


async def test_warming_up_is_one_token(llama_server: str) -> None:
    provider = LlamaCpp(llama_server)
    async with aclosing(provider):
        await provider.warm_up()
