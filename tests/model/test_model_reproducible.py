"""One thread, split caches, fixed seeds: the same question has the same answer, bit for bit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from asking_model import ask, call
from model_server import ModelServer
from promptreg import Completion
from promptreg_providers.llama_cpp import LlamaCpp

pytestmark = pytest.mark.model

HOT = {"temperature": 1.2, "top_p": 1.0, "max_tokens": 10, "seed": 7}
QUESTION = call("Tell me about the sea.")
AGAIN = call("Tell me about the sea.", repeat=1)


def trace(completion: Completion) -> list[Any]:
    """Return every token with its log-probability and that of its rivals."""
    found: Any = completion.extra["completion_probabilities"]
    return [(t["id"], t["logprob"], [r["logprob"] for r in t["top_logprobs"]]) for t in found]


async def test_the_seed_decides(llama_server: str) -> None:
    one, same, repeat = await ask(LlamaCpp(llama_server, sampling=HOT), QUESTION, QUESTION, AGAIN)
    (eight,) = await ask(LlamaCpp(llama_server, sampling={**HOT, "seed": 8}), QUESTION)
    assert one.text == same.text
    assert repeat.text != one.text  # a repeat that repeats the seed measures nothing
    assert repeat.text == eight.text


@pytest.fixture
def new_server(model_packages: None, tmp_path: Path) -> Iterator[str]:
    """A server that was asked nothing: what is left in its slots may move the last digits."""
    server = ModelServer(tmp_path)
    yield server.url
    assert server.stop() == 0


async def test_cache_slot_and_company_change_no_bit(new_server: str) -> None:
    def provider(**given: Any) -> LlamaCpp:
        return LlamaCpp(new_server, sampling=HOT, n_probs=2, **given)

    (fresh,) = await ask(provider(cache_prompt=False), QUESTION)
    (warm,) = await ask(provider(cache_prompt=True), QUESTION)
    async with aclosing(provider(id_slot="per_version")) as together:
        await together.probe()
        lanes = [call("Tell me about the sea.", lane=lane) for lane in (0, 1)]
        left, right = await asyncio.gather(*(together.complete(lane) for lane in lanes))
    timings: Any = fresh.extra["timings"]
    assert timings["cache_n"] == 0
    for other in (warm, left, right):
        assert other.text == fresh.text
        assert trace(other) == trace(fresh)


async def test_a_restarted_server_says_the_same(model_packages: None, tmp_path: Path) -> None:
    # Both are new: what a server was asked before may move its last digits.
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        server = ModelServer(tmp_path / name)
        try:
            provider = LlamaCpp(server.url, sampling=HOT, n_probs=2)
            probe = await provider.probe()
            (answer,) = await ask(provider, QUESTION)
            found.append((probe, answer))
        finally:
            assert server.stop() == 0
    (before, one), (after, two) = found
    assert trace(one) == trace(two)
    assert (before.model, before.fingerprint) == (after.model, after.fingerprint)
