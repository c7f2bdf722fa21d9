"""A real llama.cpp server through the provider `llama_cpp`: text, stops, counts, probabilities."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from asking_model import MODEL, ask, call
from promptreg_providers.llama_cpp import LlamaCpp
from promptreg_providers.openai_chat import OpenAIChat

pytestmark = pytest.mark.model

Endpoint = Literal["completion", "v1/completions"]
both = pytest.mark.parametrize("endpoint", ["completion", "v1/completions"])

COUNTING = 'root ::= "one two three"'
"""The model may say nothing but this, so that tests do not hang on what it would like to say."""


@both
async def test_raw_chatml_is_answered_with_counts_and_timings(
    llama_server: str, endpoint: Endpoint
) -> None:
    provider = LlamaCpp(llama_server, endpoint, sampling={"max_tokens": 6, "seed": 1})
    (answer,) = await ask(provider, call("Name a colour."))
    assert answer.text.strip()
    assert "<|im_" not in answer.text
    assert answer.model == MODEL  # of the server's long path only what is the same everywhere
    assert answer.completion_tokens is not None
    assert 0 < answer.completion_tokens <= 6
    # Role tokens count one each: taken for plain text, they would be some forty.
    assert answer.prompt_tokens is not None
    assert 14 <= answer.prompt_tokens <= 22
    assert answer.latency_s is not None
    assert answer.latency_s > 0
    timings: Any = answer.extra["timings"]
    assert timings["predicted_n"] == answer.completion_tokens
    assert timings["predicted_ms"] > 0
    assert json.loads(answer.raw)  # kept whole, for reading it again later


@both
async def test_a_stop_word_ends_the_text_before_it(llama_server: str, endpoint: Endpoint) -> None:
    sampling = {"max_tokens": 12, "stop": [" three"]}
    provider = LlamaCpp(llama_server, endpoint, sampling=sampling, grammar=COUNTING)
    (answer,) = await ask(provider, call("Count."))
    assert (answer.text, answer.finish) == ("one two", "stop")


@both
async def test_the_end_of_the_turn_is_a_stop(llama_server: str, endpoint: Endpoint) -> None:
    provider = LlamaCpp(llama_server, endpoint, sampling={"max_tokens": 12}, grammar=COUNTING)
    (answer,) = await ask(provider, call("Count."))
    assert (answer.text, answer.finish) == ("one two three", "stop")


@both
async def test_the_token_limit_is_told(llama_server: str, endpoint: Endpoint) -> None:
    provider = LlamaCpp(llama_server, endpoint, sampling={"max_tokens": 2}, grammar=COUNTING)
    (answer,) = await ask(provider, call("Count."))
    assert "one two three".startswith(answer.text)
    assert 0 < len(answer.text) < len("one two three")
    assert (answer.completion_tokens, answer.finish) == (2, "length")


@both
async def test_n_predict_limits_as_well(llama_server: str, endpoint: Endpoint) -> None:
    provider = LlamaCpp(llama_server, endpoint, sampling={"n_predict": 1}, grammar=COUNTING)
    (answer,) = await ask(provider, call("Count."))
    assert (answer.completion_tokens, answer.finish) == (1, "length")


async def test_log_probabilities_are_kept(llama_server: str) -> None:
    provider = LlamaCpp(llama_server, sampling={"max_tokens": 3, "seed": 1}, n_probs=2)
    (answer,) = await ask(provider, call("Name a colour."))
    found: Any = answer.extra["completion_probabilities"]
    assert len(found) == answer.completion_tokens
    assert "".join(token["token"] for token in found).startswith(answer.text[:1])
    assert all(token["logprob"] <= 0 and len(token["top_logprobs"]) == 2 for token in found)


async def test_each_version_keeps_a_slot_of_its_own(llama_server: str) -> None:
    provider = LlamaCpp(llama_server, sampling={"max_tokens": 1, "seed": 1}, id_slot="per_version")
    first, other = (
        call("Which of these words is a colour: stone, red, table?", lane=lane) for lane in (0, 1)
    )
    third = call("Which of these words is a colour: stone, red, chair?", lane=2)
    answers = await ask(provider, first, other, third, first)
    assert [json.loads(a.raw)["id_slot"] for a in answers] == [0, 1, 0, 0]
    reused = [a.extra["timings"]["cache_n"] for a in answers]
    assert reused[2] > 15  # the beginning of the prompt was still there, though lane 1 came between
    assert answers[0].text == answers[3].text


async def test_chat_completions_of_the_same_turns_are_the_same(llama_server: str) -> None:
    question = call("Name a colour.")
    sampling = {"max_tokens": 8, "temperature": 0, "seed": 1}
    raw = LlamaCpp(llama_server, sampling={**sampling, "top_p": None})
    chat = OpenAIChat(f"{llama_server}/v1", MODEL, sampling=sampling)
    (one,) = await ask(raw, question)
    (two,) = await ask(chat, question)
    assert one.text.strip() == two.text.strip()
    assert one.prompt_tokens == two.prompt_tokens  # the server's template made the same prompt
    assert one.completion_tokens == two.completion_tokens
    assert two.finish in ("stop", "length")


async def test_chat_takes_a_response_format(llama_server: str) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    chat = OpenAIChat(
        f"{llama_server}/v1",
        MODEL,
        sampling={"max_tokens": 24, "seed": 3},
        response_format={"type": "json_schema", "json_schema": {"schema": schema}},
    )
    (answer,) = await ask(chat, call("Name a colour."))
    assert json.loads(answer.text)["colour"] in ("red", "blue")
    assert answer.finish == "stop"
