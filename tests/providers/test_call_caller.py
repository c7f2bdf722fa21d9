"""The caller: retries, deadlines, concurrency, pacing, budgets, and the end of a run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from promptreg import Call, CallError, Cause, Completion, Failure, Probe, Prompt
from promptreg.errors import ProviderError, UsageError
from promptreg.records import Json
from promptreg.stages.call import Budget, Caller, StopKind

GOOD = Completion("fine", prompt_tokens=100, completion_tokens=20)
CALL = Call(Prompt("p"))


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Fake:
    """Plays a script of completions and exceptions; the last one for ever."""

    synthetic: ClassVar[bool] = False
    cacheable: ClassVar[bool] = True

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.calls = 0
        self.in_flight = 0
        self.most_in_flight = 0

    def identity(self) -> Mapping[str, Json]:
        return {}

    async def complete(self, call: Call) -> Completion:
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            if callable(step):
                step = await step()
            if isinstance(step, BaseException):
                raise step
            assert isinstance(step, Completion) or step is None
            return step  # type: ignore[return-value]  # None stands for a provider's mistake
        finally:
            self.in_flight -= 1

    async def probe(self) -> Probe:
        return Probe()

    async def aclose(self) -> None:
        return


def _error(cause: str = Cause.NETWORK, status: int | None = None, **facts: Any) -> CallError:
    return CallError(cause, "it broke", status=status, **({"retryable": True} | facts))


def _caller(provider: Any, clock: Clock | None = None, **settings: Any) -> Caller:
    clock = clock or Clock()
    known: dict[str, Any] = {"rng": random.Random(3), "sleep": clock.sleep, "clock": clock}
    return Caller(provider, **(known | settings))


async def _forever() -> Any:
    await asyncio.Event().wait()


async def _in_flight(fake: Fake, calls: int) -> None:
    async with asyncio.timeout(30):
        while fake.in_flight < calls:
            await asyncio.sleep(0)


async def test_completion_counts_its_attempts() -> None:
    caller = _caller(Fake(_error(), _error(), GOOD))
    outcome = await caller.call(CALL)
    assert isinstance(outcome, Completion)
    assert outcome.attempts == 3
    assert (caller.spent.calls, caller.spent.attempts) == (1, 3)


async def test_failure_after_all_attempts_says_what_happened() -> None:
    clock = Clock()
    fake = Fake(_error(Cause.HTTP_STATUS, 503))
    outcome = await _caller(fake, clock, retries=4).call(CALL)
    assert fake.calls == 5
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.status, outcome.attempts) == (Cause.HTTP_STATUS, 503, 5)
    assert outcome.detail == "it broke"
    assert outcome.duration_s == pytest.approx(sum(clock.slept))
    assert all(s <= cap for s, cap in zip(clock.slept, (0.5, 1, 2, 4), strict=True))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501])
async def test_some_statuses_are_never_retried_whatever_a_plugin_says(status: int) -> None:
    fake = Fake(_error(Cause.HTTP_STATUS, status))
    outcome = await _caller(fake).call(CALL)
    assert isinstance(outcome, Failure)
    assert (fake.calls, outcome.attempts, outcome.status) == (1, 1, status)


async def test_error_that_is_not_retryable_is_not_retried() -> None:
    fake = Fake(_error(Cause.PROTOCOL, retryable=False))
    await _caller(fake).call(CALL)
    assert fake.calls == 1


@pytest.mark.parametrize(
    ("asked", "low", "high"),
    [
        (30.0, 30.0, 31.0),
        (0.0, 0.0, 0.5),
        (-1.0, 0.0, 0.5),
        (float("inf"), 0.0, 0.5),
        (float("nan"), 0.0, 0.5),
        (None, 0.0, 0.5),
    ],
)
async def test_wait_is_what_the_server_asked_or_jitter(
    asked: float | None, low: float, high: float
) -> None:
    clock = Clock()
    fake = Fake(_error(Cause.HTTP_STATUS, 429, retry_after_s=asked), GOOD)
    outcome = await _caller(fake, clock, read_s=100).call(CALL)
    assert isinstance(outcome, Completion)
    assert low <= sum(clock.slept) <= high


async def test_wait_beyond_two_minutes_parks_the_run() -> None:
    fake = Fake(_error(Cause.HTTP_STATUS, 429, retry_after_s=121.0))
    caller = _caller(fake, now=lambda: 0.0)
    outcome = await caller.call(CALL)
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts) == (Cause.CANCELLED, 1)
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.PARKED
    assert caller.stopped.resume_at == 121.0
    assert "1970-01-01 00:02:01 UTC" in str(caller.stopped)


async def test_absurd_wait_parks_without_a_crash() -> None:
    caller = _caller(Fake(_error(Cause.HTTP_STATUS, 429, retry_after_s=1e300)))
    await caller.call(CALL)
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.PARKED


async def test_server_that_asks_to_wait_is_left_alone_by_all() -> None:
    clock = Clock()
    fake = Fake(_error(Cause.HTTP_STATUS, 429, retry_after_s=10.0), GOOD)
    caller = _caller(fake, clock, concurrency=1)
    outcomes = await asyncio.gather(caller.call(CALL), caller.call(CALL))
    assert all(isinstance(o, Completion) for o in outcomes)
    assert clock.now >= 1010.0


async def test_no_attempt_when_the_wait_would_outlast_the_deadline() -> None:
    clock = Clock()
    fake = Fake(_error(Cause.HTTP_STATUS, 503, retry_after_s=20.0))
    outcome = await _caller(fake, clock, total_s=5.0).call(CALL)
    assert isinstance(outcome, Failure)
    assert (fake.calls, outcome.status, clock.slept) == (1, 503, [])


async def test_hanging_provider_is_cut_off() -> None:
    fake = Fake(_forever)
    caller = Caller(fake, retries=1, connect_s=0.02, read_s=0.03, rng=random.Random(1), total_s=0.3)
    async with asyncio.timeout(30):
        outcome = await caller.call(CALL)
    assert isinstance(outcome, Failure)
    assert outcome.cause is Cause.TIMEOUT
    assert fake.in_flight == 0


async def test_provider_that_swallows_its_cancellation_is_left_behind() -> None:
    release = asyncio.Event()

    async def stubborn() -> Any:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return GOOD

    caller = Caller(Fake(stubborn), retries=0, connect_s=0.01, read_s=0.01)
    async with asyncio.timeout(30):
        outcome = await caller.call(CALL)
    release.set()
    await asyncio.sleep(0)
    assert isinstance(outcome, Failure)
    assert outcome.cause is Cause.TIMEOUT


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (ValueError("odd\nvalue"), ["Fake", "ValueError", "odd value"]),
        (CallError("no_such_cause", "hm"), ["no_such_cause", "hm"]),
        (None, ["NoneType", "Completion"]),
    ],
)
async def test_mistakes_of_a_plugin_are_named(step: Any, words: list[str]) -> None:
    fake = Fake(step)
    outcome = await _caller(fake).call(CALL)
    assert isinstance(outcome, Failure)
    assert (outcome.cause, fake.calls) == (Cause.PLUGIN, 1)
    assert all(word in outcome.detail for word in words)
    assert outcome.detail.isprintable()


async def test_provider_that_is_no_coroutine_is_named() -> None:
    class Plain(Fake):
        def complete(self, call: Call) -> Any:
            return GOOD

    outcome = await _caller(Plain(GOOD)).call(CALL)
    assert isinstance(outcome, Failure)
    assert outcome.cause is Cause.PLUGIN


async def test_long_message_is_cut_and_redacted() -> None:
    class Careful(Fake):
        def redact(self, text: str) -> str:
            return text.replace("hunter2", "***")

    outcome = await _caller(Careful(ValueError("hunter2 " * 1000))).call(CALL)
    assert isinstance(outcome, Failure)
    assert "hunter2" not in outcome.detail
    assert len(outcome.detail) <= 400


@pytest.mark.parametrize("error", [ProviderError("no key"), UsageError("bad file")])
async def test_error_of_the_whole_provider_stops_the_run(error: Exception) -> None:
    caller = _caller(Fake(error))
    outcome = await caller.call(CALL)
    assert isinstance(outcome, Failure)
    assert outcome.cause is Cause.CANCELLED
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.REFUSED
    assert str(error) in caller.stopped.reason


async def test_concurrency_is_never_exceeded() -> None:
    async def slow() -> Completion:
        await asyncio.sleep(0.001)
        return GOOD

    fake = Fake(slow)
    caller = _caller(fake, concurrency=3)
    await asyncio.gather(*(caller.call(CALL) for _ in range(20)))
    assert fake.most_in_flight == 3
    assert caller.in_flight == 0


async def test_requests_per_minute_are_spaced_evenly() -> None:
    clock = Clock()
    starts: list[float] = []

    async def note() -> Completion:
        starts.append(clock.now)
        return GOOD

    caller = _caller(Fake(note), clock, requests_per_minute=120, concurrency=4)
    await asyncio.gather(*(caller.call(CALL) for _ in range(8)))
    gaps = [b - a for a, b in pairwise(starts)]
    assert min(gaps) >= 0.5 - 1e-9


async def test_default_rate_is_the_providers() -> None:
    class Limited(Fake):
        default_requests_per_minute = 60.0

    clock = Clock()
    caller = _caller(Limited(GOOD), clock)
    for _ in range(3):
        await caller.call(CALL)
    assert clock.now == pytest.approx(1002.0)


async def test_provider_learns_the_limits() -> None:
    class Learner(Fake):
        learnt: ClassVar[dict[str, float]] = {}

        def limits(self, **values: float) -> None:
            self.learnt.update(values)

    _caller(Learner(GOOD), connect_s=1.0, read_s=2.0, concurrency=3)
    assert Learner.learnt == {"connect_s": 1.0, "read_s": 2.0, "connections": 3}


async def test_cost_comes_from_prices_unless_the_provider_knows_it() -> None:
    prices = {"prompt": 10.0, "completion": 100.0}
    caller = _caller(Fake(GOOD, Completion("x", cost=5.0), Completion("y")), prices=prices)
    costs = [getattr(await caller.call(CALL), "cost", "-") for _ in range(3)]
    assert costs == [pytest.approx(0.003), 5.0, None]
    assert caller.spent.cost == pytest.approx(5.003)


@pytest.mark.parametrize(
    ("budget", "made"), [("3", 3), ("250tokens", 3), ("0.005usd", 2), ("9calls,120tokens", 1)]
)
async def test_budget_ends_the_run(budget: str, made: int) -> None:
    fake = Fake(GOOD)
    prices = {"prompt": 10.0, "completion": 100.0}
    caller = _caller(fake, budget=Budget.parse(budget), prices=prices, concurrency=1)
    outcomes = [await caller.call(CALL) for _ in range(5)]
    assert fake.calls == made
    assert [isinstance(o, Completion) for o in outcomes] == [i < made for i in range(5)]
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.BUDGET
    assert "is spent" in caller.stopped.reason
    assert {o.cause for o in outcomes if isinstance(o, Failure)} == {Cause.CANCELLED}


async def test_budget_of_calls_holds_with_calls_in_flight() -> None:
    fake = Fake(GOOD)
    caller = _caller(fake, budget=Budget(calls=7), concurrency=5)
    await asyncio.gather(*(caller.call(CALL) for _ in range(30)))
    assert fake.calls == 7


@pytest.mark.parametrize("budget", ["1000tokens", "3usd"])
async def test_budget_that_cannot_be_kept_stops_at_once(budget: str) -> None:
    caller = _caller(Fake(Completion("x")), budget=Budget.parse(budget))
    outcome = await caller.call(CALL)
    assert isinstance(outcome, Completion)  # it was paid for, so it is kept
    assert caller.stopped is not None
    assert "cannot be kept" in caller.stopped.reason


@pytest.mark.parametrize("text", ["", "0", "-5", "five", "1.5calls", "5yen", "1,2", "nan", "inf"])
def test_budget_refuses_what_it_does_not_understand(text: str) -> None:
    with pytest.raises(UsageError, match="allowed are"):
        Budget.parse(text)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("500", Budget(calls=500)),
        ("500calls", Budget(calls=500)),
        ("1 call", Budget(calls=1)),
        ("200_000 Tokens", Budget(tokens=200_000)),
        ("5usd", Budget(cost=5.0)),
        ("10, 0.5eur", Budget(calls=10, cost=0.5)),
    ],
)
def test_budget_reads_numbers_and_units(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget


async def test_stop_cancels_those_who_wait_and_keeps_those_in_flight() -> None:
    gate = asyncio.Event()

    async def slow() -> Completion:
        await gate.wait()
        return GOOD

    fake = Fake(slow)
    caller = Caller(fake, concurrency=2)
    tasks = [asyncio.create_task(caller.call(CALL)) for _ in range(5)]
    await _in_flight(fake, 2)
    caller.stop("Ctrl-C")
    gate.set()
    outcomes = await asyncio.gather(*tasks)
    assert sum(isinstance(o, Completion) for o in outcomes) == fake.calls == 2
    cancelled = [o for o in outcomes if isinstance(o, Failure)]
    assert {(o.cause, o.attempts, o.duration_s) for o in cancelled} == {(Cause.CANCELLED, 0, None)}
    assert caller.stopped is not None
    assert str(caller.stopped) == "Ctrl-C"


async def test_stop_with_grace_breaks_off_those_in_flight() -> None:
    fake = Fake(_forever)
    caller = Caller(fake, concurrency=2)
    tasks = [asyncio.create_task(caller.call(CALL)) for _ in range(3)]
    await _in_flight(fake, 2)
    caller.stop("Ctrl-C", grace_s=0.01)
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*tasks)
    assert {o.cause for o in outcomes if isinstance(o, Failure)} == {Cause.CANCELLED}
    assert fake.in_flight == 0


async def test_stop_ends_a_wait_between_attempts() -> None:
    waits = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.set()
        await asyncio.sleep(seconds)

    caller = Caller(Fake(_error(Cause.HTTP_STATUS, 503, retry_after_s=60.0)), sleep=sleep)
    task = asyncio.create_task(caller.call(CALL))
    await waits.wait()
    caller.stop("Ctrl-C")
    async with asyncio.timeout(30):
        outcome = await task
    assert isinstance(outcome, Failure)
    assert (outcome.cause, outcome.attempts, outcome.status) == (Cause.CANCELLED, 1, 503)
    assert "it broke" in outcome.detail


async def test_cancelled_caller_cancels_the_provider_and_frees_the_slot() -> None:
    fake = Fake(_forever, GOOD)
    caller = Caller(fake, concurrency=1)
    task = asyncio.create_task(caller.call(CALL))
    waiting = asyncio.create_task(caller.call(CALL))
    await _in_flight(fake, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(await waiting, Completion)


async def test_nobody_there_stops_the_run_early() -> None:
    fake = Fake(_error(Cause.CONNECT))
    caller = _caller(fake, concurrency=2)
    outcomes = await asyncio.gather(*(caller.call(CALL) for _ in range(100)))
    assert 6 <= fake.calls <= 8
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.UNREACHABLE
    assert all(isinstance(o, Failure) for o in outcomes)


async def test_a_few_connect_failures_after_a_success_do_not_stop_the_run() -> None:
    caller = _caller(Fake(GOOD, _error(Cause.CONNECT)), concurrency=1)
    outcomes = [await caller.call(CALL) for _ in range(10)]
    assert caller.stopped is None
    assert {o.cause for o in outcomes[1:] if isinstance(o, Failure)} == {Cause.CONNECT}


async def test_server_that_died_at_work_stops_the_run_in_the_end() -> None:
    clock = Clock()
    fake = Fake(GOOD, _error(Cause.CONNECT))
    caller = _caller(fake, clock, concurrency=1)
    for _ in range(1000):
        await caller.call(CALL)
    assert fake.calls == 51  # the good one, and fifty in a row
    assert sum(clock.slept) > 5  # time to come back was given
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.UNREACHABLE
    assert "can no longer be reached (50 attempts in a row)" in caller.stopped.reason


@pytest.mark.parametrize("before", [[], [GOOD]], ids=["never answered", "died at work"])
async def test_server_that_errs_for_a_minute_on_every_call_stops_the_run(before: list[Any]) -> None:
    clock = Clock()
    fake = Fake(*before, _error(Cause.HTTP_STATUS, 500))
    caller = _caller(fake, clock, concurrency=1)
    for _ in range(1000):
        await caller.call(CALL)
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.UNREACHABLE
    assert "the provider answers no call (" in caller.stopped.reason
    assert 60 <= sum(clock.slept) < 75  # full jitter: three waits of 1.75 s in the mean for a call
    assert fake.calls % 4 == len(before)  # the last call had all its attempts too


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([*[_error(Cause.HTTP_STATUS, 503)] * 100, GOOD] * 6, "one success begins anew"),
        ([_error(Cause.TIMEOUT)] * 700, "a timeout measures the model"),
        ([_error(Cause.HTTP_STATUS, 400, retryable=False)] * 700, "the prompt's fault"),
    ],
)
async def test_failures_that_say_something_do_not_stop_the_run(script: list[Any], why: str) -> None:
    clock = Clock()
    caller = _caller(Fake(*script), clock, concurrency=5, retries=1)
    for _ in range(300):
        await caller.call(CALL)
        clock.now += 0.5
    assert caller.stopped is None, why


async def test_server_that_comes_back_in_between_is_not_given_up() -> None:
    script = [GOOD, *[_error(Cause.CONNECT)] * 49] * 3
    caller = _caller(Fake(*script), concurrency=1, retries=0)
    for _ in script:
        await caller.call(CALL)
    assert caller.stopped is None


@pytest.mark.parametrize(
    ("script", "made"),
    [
        ([_error(Cause.HTTP_STATUS, 401)], 1),
        ([_error(Cause.HTTP_STATUS, 403)], 1),
        ([GOOD, _error(Cause.HTTP_STATUS, 401)], 2),
        ([GOOD, _error(Cause.HTTP_STATUS, 403)], 4),
        ([_error(Cause.HTTP_STATUS, 402, retryable=False)], 1),
        ([_error(Cause.HTTP_STATUS, 429, retryable=False)], 1),
        ([_error(Cause.HTTP_STATUS, 404)], 6),
    ],
)
async def test_refusals_stop_the_run(script: list[Any], made: int) -> None:
    fake = Fake(*script)
    caller = _caller(fake, concurrency=2)
    for _ in range(20):
        await caller.call(CALL)
    assert fake.calls == made
    assert caller.stopped is not None
    assert caller.stopped.kind is StopKind.REFUSED


async def test_first_reason_to_stop_stays() -> None:
    caller = _caller(Fake(GOOD))
    caller.stop("first")
    caller.stop("second")
    assert str(caller.stopped) == "first"


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_every_call_ends_within_its_attempts(seed: int) -> None:
    rng = random.Random(seed)

    def step() -> Any:
        causes = [Cause.CONNECT, Cause.NETWORK, Cause.TIMEOUT, Cause.PROTOCOL]
        statuses = [400, 404, 408, 429, 500, 503]
        kind = rng.randrange(4)
        if kind == 0:
            return GOOD
        if kind == 1:
            return _error(rng.choice(causes), retryable=rng.random() < 0.7)
        if kind == 2:
            wait = rng.choice([None, 0.0, 3.0, -1.0])
            return _error(Cause.HTTP_STATUS, rng.choice(statuses), retry_after_s=wait)
        return RuntimeError("x")

    make: Callable[[], Any] = step
    fake = Fake(*(make() for _ in range(400)))
    retries = rng.randrange(4)
    caller = _caller(fake, concurrency=rng.randrange(1, 9), retries=retries)
    outcomes = await asyncio.gather(*(caller.call(CALL) for _ in range(60)))
    assert sum(o.attempts for o in outcomes) == fake.calls == caller.spent.attempts
    assert max(o.attempts for o in outcomes) <= retries + 1
    assert caller.in_flight == fake.in_flight == 0
