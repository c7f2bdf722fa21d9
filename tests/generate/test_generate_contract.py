"""The contract of generators finds what is wrong, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from generation import Told
from promptreg import Generated, GenerationPlan, GenerationRequest, Generator
from promptreg.contracts import check_generator
from promptreg.testing import GeneratorContract
from promptreg_plugins.generators.grid import Grid


class TestGrid(GeneratorContract):
    def make(self) -> Generator:
        return Grid()


class TestPlainGrid(GeneratorContract):
    def make(self) -> Generator:
        return Grid(recipe="plain", attributes={"a": [1, 2], "b": [1, 2, 3]})


class TestTold(GeneratorContract):
    def make(self) -> Generator:
        return Told(fail=["t1"])


class Good(Generator):
    """Keeps the contract."""

    def identity(self) -> Mapping[str, Any]:
        return {"generator": "good"}

    def plan(self, request: GenerationRequest) -> GenerationPlan:
        return GenerationPlan(["a", "b", "c"][: request.limit])

    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        for slot in self.plan(request).slots:
            if slot not in request.done:
                yield Generated(slot, {"scenario_id": slot})


_COUNTER = itertools.count()


class Unstable(Good):
    def identity(self) -> Mapping[str, Any]:
        return {"n": next(_COUNTER)}


class Seeded(Good):
    def identity(self) -> Mapping[str, Any]:
        return {"seed": 3}


class TooMany(Good):
    def plan(self, request: GenerationRequest) -> GenerationPlan:
        return GenerationPlan([f"s{i}" for i in range(9)])


class Twice(Good):
    def plan(self, request: GenerationRequest) -> GenerationPlan:
        return GenerationPlan(["a", "a"])


class Silent(Good):
    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        yield from list(super().generate(request))[:1]


class NoReason(Good):
    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        yield Generated("a", None)


class NoRow(Good):
    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        yield {"slot": "a"}  # type: ignore[misc]


class Random(Good):
    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        for one in super().generate(request):
            yield Generated(one.slot, {"scenario_id": one.slot, "n": next(_COUNTER)})


class Forgetful(Good):
    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        yield from super().generate(GenerationRequest(limit=request.limit))


class Clinging(Good):
    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        try:
            yield from super().generate(request)
        except GeneratorExit:
            raise RuntimeError("not now") from None


class Leaking(Good):
    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        for one in super().generate(request):
            yield Generated(one.slot, {"scenario_id": one.slot, "text": "key planted-7f3a9c"})


class Forbidden(Good):
    def plan(self, request: GenerationRequest) -> GenerationPlan:
        return GenerationPlan(["a"], {"x": ["1", "2"]}, 1, [{"x": ["1"]}])

    def generate(self, request: GenerationRequest) -> Iterator[Generated]:
        yield Generated("a", {"scenario_id": "a", "x": "1"})


@pytest.mark.parametrize(
    ("generator", "problem"),
    [
        (Unstable(), "identity() is {'n': "),
        (Seeded(), "identity() holds 'seed'"),
        (TooMany(), "has 9 slots; the limit of the request is 4"),
        (Twice(), "names a slot twice"),
        (Silent(), "left out b, c"),
        (NoReason(), "no row for the slot 'a', and no reason"),
        (NoRow(), "yielded a dict; allowed: Generated"),
        (Random(), "made slot 'a' differently the second time"),
        (Forgetful(), "made a again"),
        (Clinging(), "RuntimeError: not now when it was closed"),
        (Leaking(), "SOME_API_KEY"),
        (Forbidden(), "holds a forbidden combination (x: 1)"),
        (object(), "has no method identity()"),
    ],
)
def test_what_is_wrong_is_named(
    generator: Any, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "planted-7f3a9c")
    problems = check_generator(generator)
    assert any(problem in found for found in problems), problems
    assert "planted-7f3a9c" not in " ".join(problems)


def test_a_good_generator_has_no_problem() -> None:
    assert check_generator(Good()) == []
