"""Bounds on what a Jinja template may cost: steps, time, and the size of what it makes.

A sandbox keeps a template away from the interpreter, not from the processor: `'x' * 300000000` or
three nested loops are harmless to it. So every loop step, filter, operator and list is charged to
the budget of the rendering at hand, by its size.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from promptreg.stages.render.values import MAX_PROMPT

__all__ = ["MAX_CPU_S", "MAX_STEPS", "Budget", "BudgetExceededError", "current", "size_of"]

MAX_STEPS = 1_000_000
MAX_CPU_S = 1.0
MAX_BITS = 4_096
MAX_ITEMS = 20_000


class BudgetExceededError(Exception):
    """The rendering costs more than any prompt needs."""


class Budget:
    """What one rendering has left."""

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        # Time of this thread, not of the wall: a busy machine must not fail a template.
        self._end = time.thread_time() + MAX_CPU_S

    def charge(self, steps: int) -> None:
        """Pay for work about to be done.

        Raises:
            BudgetExceededError: it is too much.
        """
        self.steps -= 1 + steps
        if self.steps < 0:
            raise BudgetExceededError(f"takes more than {MAX_STEPS:,} steps")
        if time.thread_time() > self._end:
            raise BudgetExceededError(f"takes more than {MAX_CPU_S:g} s of processor time")

    def loop(self, items: Iterable[Any], cost: int) -> Iterator[Any]:
        """Yield the items, each at the cost of the loop's body."""
        for item in items:
            self.charge(cost)
            yield item


_here = threading.local()


def current() -> Budget:
    """Return the budget of the rendering in this thread; a new one outside of any."""
    budget: Budget | None = getattr(_here, "budget", None)
    return budget if budget is not None else start()


def start() -> Budget:
    """Begin a rendering in this thread."""
    _here.budget = Budget()
    return _here.budget  # type: ignore[no-any-return]  # a thread's local has no types


def size_of(value: Any) -> int:
    """Return about how large a value is when written out, nested lists counted in full.

    Raises:
        BudgetExceededError: larger than any prompt may be.
    """
    total = 0
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            total += 1 + len(item) // 64
            if len(item) > MAX_PROMPT:
                raise BudgetExceededError(f"makes a text of more than {MAX_PROMPT:,} characters")
        elif isinstance(item, int):
            total += 1
            if item.bit_length() > MAX_BITS:
                raise BudgetExceededError(f"makes a number of more than {MAX_BITS} bits")
        elif isinstance(item, dict):
            total += 1
            todo += item.keys()
            todo += item.values()
        elif isinstance(item, (list, tuple, set, frozenset)):
            total += 1
            todo += item
        else:
            total += 1
        if total > MAX_ITEMS or len(todo) > MAX_ITEMS * 4:
            raise BudgetExceededError(f"makes a list of more than {MAX_ITEMS:,} items")
    return total
