"""The contract of providers finds what is wrong, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from promptreg import Call, CallError, Cause, Completion, Probe, PromptregError, Provider
from promptreg.contracts import check_provider
from promptreg.contracts.provider import OFFLINE_STEPS
from promptreg.testing import ProviderContract


class Good(Provider):
    """Keeps the contract; counts what is asked of it."""

    def __init__(self) -> None:
        self.asked = self.closed = 0

    def identity(self) -> Mapping[str, Any]:
        return {"kind": "good", "sampling": {"stop": ["x"], "seed": None}}

    async def complete(self, call: Call) -> Completion:
        self.asked += 1
        await asyncio.sleep(0)
        return Completion(call.prompt.text, latency_s=0.1, prompt_tokens=3)

    async def aclose(self) -> None:
        self.closed += 1


class TestGood(ProviderContract):
    secrets = ("GOOD_API_KEY",)

    def make(self) -> Provider:
        return Good()


def _returning(made: Any) -> Good:
    class Returning(Good):
        async def complete(self, call: Call) -> Completion:
            return made  # type: ignore[no-any-return]  # what this test is about

    return Returning()


def _raising(error: BaseException) -> Good:
    class Raising(Good):
        async def complete(self, call: Call) -> Completion:
            raise error

    return Raising()


def _identified(identity: Any) -> Good:
    class Identified(Good):
        def identity(self) -> Mapping[str, Any]:
            return identity  # type: ignore[no-any-return]  # what this test is about

    return Identified()


def test_a_good_provider_is_asked_thrice_and_closed_twice() -> None:
    provider = Good()
    assert check_provider(provider) == []
    assert (provider.asked, provider.closed) == (3, 2)


def test_offline_steps_ask_nothing() -> None:
    provider = Good()
    assert check_provider(provider, steps=OFFLINE_STEPS) == []
    assert (provider.asked, provider.closed) == (0, 2)


def test_a_check_may_be_made_from_within_a_running_loop() -> None:
    async def inside() -> list[str]:
        return check_provider(Good())

    assert asyncio.run(inside()) == []


def test_a_provider_that_merely_matches_lacks_nothing_silently() -> None:
    class Half:
        def identity(self) -> Mapping[str, Any]:
            return {"kind": "half"}

        async def complete(self, call: Call) -> Completion:
            return Completion("x")

    problems = check_provider(Half())  # type: ignore[arg-type]  # what this test is about
    assert any("has no method probe()" in p for p in problems)
    assert any("has no method aclose()" in p for p in problems)
    assert any(p.startswith("synthetic is None") for p in problems)


@pytest.mark.parametrize(
    ("identity", "problem"),
    [
        ({}, "a mapping that is not empty"),
        ("good", "a mapping that is not empty"),
        ({"stop": {"x"}}, "identity()['stop'] is a set"),
        ({"a": {"b": [1, float("nan")]}}, "identity()['a']['b'][1] is nan"),
        ({1: "x"}, "has the key 1"),
        ({"kind": "x", "timeout": 3}, "holds 'timeout', which shapes no completion"),
    ],
)
def test_identity_must_be_json(identity: Any, problem: str) -> None:
    assert any(problem in p for p in check_provider(_identified(identity), steps=OFFLINE_STEPS))


def test_a_cyclic_identity_ends() -> None:
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    assert any("nested deeper" in p for p in check_provider(_identified(cycle), steps=["identity"]))


@pytest.mark.parametrize("name", ["SOME_API_KEY", "HF_TOKEN", "my_secret", "DB_PASSWORD"])
def test_a_secret_is_found_wherever_it_hides_and_not_repeated(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "hunter2-hunter2")
    hidden = "Bearer hunter2-hunter2"
    leaks = [
        _identified({"kind": "x", "headers": [{"authorization": hidden}]}),
        _raising(CallError(Cause.CONNECT, f"refused with {hidden}")),
        _returning(Completion("x", extra={"sent": {"headers": hidden}})),
        _returning({"sent": hidden}),
        _raising(ValueError(hidden)),
    ]
    for provider in leaks:
        problems = check_provider(provider)
        assert any(name in p for p in problems), problems
        assert not any("hunter2" in p for p in problems)


def test_an_identity_that_changes_is_found() -> None:
    class Counting(Good):
        def identity(self) -> Mapping[str, Any]:
            return {"kind": "x", "asked": self.asked}

    assert any("identity() changed" in p for p in check_provider(Counting()))


def test_two_providers_with_different_identities_are_found() -> None:
    numbers = iter(range(9))

    class Contract(ProviderContract):
        def make(self) -> Provider:
            return _identified({"kind": "x", "number": next(numbers)})

    with pytest.raises(AssertionError, match=r"'number': 0.*'number': 1"):
        Contract().test_identity_is_the_same_for_a_second_provider()


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        ("text", "complete() returned 'text'"),
        (None, "complete() returned None"),
        (Completion(None), "Completion.text is None"),  # type: ignore[arg-type]
        (Completion("x", finish="eos"), "Completion.finish is 'eos'"),
        (Completion("x", prompt_tokens=-1), "Completion.prompt_tokens is -1"),
        (Completion("x", completion_tokens=True), "Completion.completion_tokens is True"),
        (Completion("x", latency_s=float("nan")), "Completion.latency_s is nan"),
        (Completion("x", cost=-0.1), "Completion.cost is -0.1"),
        (Completion("x", attempts=0), "Completion.attempts is 0"),
        (Completion("x", extra={"t": object()}), "Completion.extra['t'] is a object"),
        (Completion("x", scores={"s": float("inf")}), "Completion.scores['s'] is inf"),
    ],
)
def test_fields_of_a_completion_are_checked(made: Any, problem: str) -> None:
    problems = check_provider(_returning(made))
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ValueError("bad"), "complete() raised ValueError: bad; allowed: promptreg.CallError"),
        (CallError("dns", "x"), "CallError.cause is 'dns'; allowed: cancelled, connect"),
        (CallError("timeout", ""), "CallError.detail is ''"),
        (CallError("timeout", "a\nb"), "CallError.detail has several lines"),
        (CallError("timeout", "x", retry_after_s=-1.0), "CallError.retry_after_s is -1.0"),
        (PromptregError("NVIDIA_API_KEY is not set"), "cannot work with these settings"),
    ],
)
def test_what_complete_raises_is_checked(error: BaseException, problem: str) -> None:
    problems = check_provider(_raising(error))
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_call_that_fails_properly_is_no_problem() -> None:
    refused = CallError(Cause.CONNECT, "connection refused", retryable=True, retry_after_s=2.0)
    assert check_provider(_raising(refused)) == []


def test_swallowing_a_cancellation_is_found() -> None:
    class Swallows(Good):
        async def complete(self, call: Call) -> Completion:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                return Completion("never mind")
            return Completion("x")

    class Disguises(Good):
        async def complete(self, call: Call) -> Completion:
            try:
                await asyncio.sleep(0.01)
            except BaseException as e:
                raise CallError(Cause.NETWORK, "broken") from e
            return Completion("x")

    assert any(
        "returned a completion when it was cancelled" in p for p in check_provider(Swallows())
    )
    assert any("raised CallError: broken when it was" in p for p in check_provider(Disguises()))


def test_a_call_that_hangs_is_left_behind() -> None:
    class Hangs(Good):
        async def complete(self, call: Call) -> Completion:
            await asyncio.Event().wait()
            return Completion("x")

    problems = check_provider(Hangs(), limit_s=0.05)
    assert problems == ["complete() did not end within 0.05 s"]


def test_a_provider_that_blocks_the_loop_for_good_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("promptreg.contracts.provider._CANCEL_S", 0.05)

    class Blocks(Good):
        async def complete(self, call: Call) -> Completion:
            time.sleep(3)
            return Completion("x")

    problems = check_provider(Blocks(), steps=["complete"], limit_s=0.05)
    assert any("does not end, and blocks the event loop" in p for p in problems)


def test_a_provider_that_blocks_the_loop_for_a_while_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("promptreg.contracts.provider._BLOCKED_S", 0.02)

    class Blocks(Good):
        async def complete(self, call: Call) -> Completion:
            time.sleep(0.05)
            return Completion("x")

    assert any("held the event loop for" in p for p in check_provider(Blocks()))


def test_methods_that_are_not_asynchronous_are_found() -> None:
    class Plain(Good):
        def complete(self, call: Call) -> Completion:  # type: ignore[override]
            return Completion("x")

        def probe(self) -> Probe:  # type: ignore[override]
            return Probe()

        def aclose(self) -> None:  # type: ignore[override]
            return None

    problems = check_provider(Plain())
    for name in ("complete", "probe", "aclose"):
        assert any(p.startswith(f"{name}()") and "async def" in p for p in problems)


def test_probe_must_return_a_probe_with_a_reason() -> None:
    class Silent(Good):
        async def probe(self) -> Probe:
            return Probe(ready=False)

    class Raises(Good):
        async def probe(self) -> Probe:
            raise OSError("refused")

    class Wrong(Good):
        async def probe(self) -> Probe:
            return True  # type: ignore[return-value]

    assert any("not why" in p for p in check_provider(Silent(), steps=["probe"]))
    assert any("probe() raised OSError: refused" in p for p in check_provider(Raises()))
    assert any("probe() returned True" in p for p in check_provider(Wrong()))


def test_a_second_aclose_must_not_fail() -> None:
    class Fragile(Good):
        async def aclose(self) -> None:
            await super().aclose()
            if self.closed > 1:
                raise RuntimeError("already closed")

    problems = check_provider(Fragile())
    assert problems == ["aclose() raised RuntimeError: already closed when called a second time"]
