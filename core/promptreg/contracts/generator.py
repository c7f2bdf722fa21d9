"""The contract of generators."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from promptreg.contracts.values import json_problems, one_line, secret_problems, shown
from promptreg.protocols import Generated, GenerationPlan, GenerationRequest, Generator
from promptreg.stages.generate import ID, row_problem, slot_problem

__all__ = ["OFFLINE_STEPS", "STEPS", "check_generator"]

STEPS = ("identity", "plan", "rows", "again", "resume", "close")
"""The steps of the contract, in order."""
OFFLINE_STEPS = ("identity", "plan")
"""The steps that ask no model."""
_METHODS = ("identity", "plan", "generate")
_KNOBS = ("timeout", "concurrency", "retries", "budget", "seed", "size", "output")
_FEW = 4


def check_generator(
    generator: Generator,
    request: GenerationRequest | None = None,
    *,
    steps: Collection[str] = STEPS,
) -> list[str]:
    """Return what a generator does wrong, one line each; empty if it keeps the contract.

    Args:
        generator: the generator.
        request: what it is asked for; default: the first four scenarios of seed 7.
        steps: which steps to take, of `STEPS`; `OFFLINE_STEPS` generate nothing.
    """
    missing = [m for m in _METHODS if not callable(getattr(generator, m, None))]
    if missing:
        return [f"has no method {name}()" for name in missing]
    asked = request or GenerationRequest(seed=7, limit=_FEW)
    checks: dict[str, Callable[[], Iterator[str]]] = {
        "identity": lambda: _identity(generator),
        "plan": lambda: _plan(generator, asked),
        "rows": lambda: _rows(generator, asked),
        "again": lambda: _again(generator, asked),
        "resume": lambda: _resume(generator, asked),
        "close": lambda: _close(generator, asked),
    }
    for step in STEPS:
        if step in steps:
            try:
                problems = list(checks[step]())
            except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
                problems = [f"{step}: raised {one_line(e)}"]
            if problems:
                return problems  # what follows rests on it
    return []


def _identity(generator: Generator) -> Iterator[str]:
    first, second = generator.identity(), generator.identity()
    if not isinstance(first, Mapping):
        yield f"identity() is {shown(first)}; allowed: a mapping"
        return
    yield from json_problems(first, "identity()")
    yield from secret_problems(first, "identity()")
    if first != second:
        yield f"identity() is {shown(first)}, and then {shown(second)}"
    for knob in _KNOBS:
        if knob in first:
            yield f"identity() holds {knob!r}, which does not belong there"


def _plan(generator: Generator, request: GenerationRequest) -> Iterator[str]:
    plan: Any = generator.plan(request)  # a stranger may return anything
    if not isinstance(plan, GenerationPlan):
        yield f"plan() returned a {type(plan).__name__}; allowed: GenerationPlan"
        return
    slots: Any = plan.slots
    if isinstance(slots, str) or not slots or not all(isinstance(s, str) and s for s in slots):
        yield f"plan().slots is {shown(slots)}; allowed: a list of at least one name"
        return
    if len(set(slots)) < len(slots):
        yield "plan().slots names a slot twice"
    if request.limit is not None and len(slots) > request.limit:
        yield f"plan() has {len(slots)} slots; the limit of the request is {request.limit}"
    for name, values in plan.attributes.items():
        if isinstance(values, str) or not values or not all(isinstance(v, str) for v in values):
            yield f"plan().attributes[{name!r}] is {shown(values)}; allowed: a list of texts"
    if not 0 <= plan.strength <= len(plan.attributes):
        yield f"plan().strength is {plan.strength}; allowed: 0 to the number of attributes"
    for rule in plan.forbidden:
        if unknown := sorted(set(rule) - set(plan.attributes)):
            yield f"plan().forbidden names {', '.join(unknown)}, which are no attributes"
    if plan.calls < 0 or plan.tokens < 0 or (plan.cost is not None and not plan.cost >= 0):
        yield "plan() says that calls, tokens or cost are negative"
    if generator.plan(request) != plan:
        yield "plan() differs from one call to the next"


def _rows(generator: Generator, request: GenerationRequest) -> Iterator[str]:
    plan = generator.plan(request)
    made: dict[str, Generated] = {}
    ids: dict[str, str] = {}
    for one in generator.generate(request):
        problem = slot_problem(one, plan.slots, made)
        if problem:
            yield f"generate() {problem}"
            return
        made[one.slot] = one
        if one.row is not None:
            problem = row_problem(one.row, plan, ids)
            if problem:
                yield f"generate(): slot {one.slot!r}: {problem}"
                return
            ids[str(one.row[ID])] = one.slot
            yield from secret_problems(one.row, f"generate(): slot {one.slot!r}")
        reasons: Any = one.reasons
        if isinstance(reasons, str) or not all(isinstance(r, str) and r for r in reasons):
            yield f"generate(): slot {one.slot!r}: reasons is {shown(one.reasons)}; allowed: texts"
        if one.calls < 0 or one.tokens < 0 or not one.cost >= 0:
            yield f"generate(): slot {one.slot!r}: calls, tokens or cost are negative"
    if left := [slot for slot in plan.slots if slot not in made]:
        yield f"generate() left out {', '.join(left)}; a slot is made or fails with a reason"


def _again(generator: Generator, request: GenerationRequest) -> Iterator[str]:
    if not getattr(generator, "deterministic", True):
        return
    first, second = _by_slot(generator, request), _by_slot(generator, request)
    for slot, one in first.items():
        if one != second.get(slot):
            yield (
                f"generate() made slot {slot!r} differently the second time; take what is random "
                "from request.seed, or say deterministic = False"
            )
            return


def _by_slot(generator: Generator, request: GenerationRequest) -> dict[str, Any]:
    return {one.slot: one.row for one in generator.generate(request)}


def _resume(generator: Generator, request: GenerationRequest) -> Iterator[str]:
    slots: Sequence[str] = generator.plan(request).slots
    done = frozenset(slots[: len(slots) // 2])
    rest = GenerationRequest(
        seed=request.seed, size=request.size, limit=request.limit, done=done, folder=request.folder
    )
    again = [one.slot for one in generator.generate(rest) if one.slot in done]
    if again:
        yield f"generate() made {', '.join(again)} again, although request.done names them"


def _close(generator: Generator, request: GenerationRequest) -> Iterator[str]:
    rows = generator.generate(request)
    next(iter(rows), None)
    close = getattr(rows, "close", None)
    if close is not None:
        try:
            close()
        except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
            yield f"generate() raised {one_line(e)} when it was closed before its end"
