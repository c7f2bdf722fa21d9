"""What came of a generation: taken from the generator slot by slot, checked and kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from promptreg.errors import BudgetError, PluginError, PromptregError
from promptreg.pipeline.generate.opened import Generation
from promptreg.protocols import Generated, GenerationPlan, GenerationRequest
from promptreg.stages.call import Budget
from promptreg.stages.generate import ID, Journal, row_problem, slot_problem

__all__ = ["Made", "collect"]

Row = dict[str, Any]


@dataclass(slots=True)
class Made:
    """What came of a generation.

    Attributes:
        rows: the scenarios in the order of the plan.
        planned: how many there were to be.
        failed: slots without a scenario.
        replaced: rows that were thrown away for a better one.
        reasons: why, with how often each.
        kept: rows that an earlier, interrupted generation had made.
        calls, tokens, cost: what was spent, earlier attempts included.
        checks: what the generator found out about slots: name to how often true, and of how many.
    """

    planned: int = 0
    rows: list[Row] = field(default_factory=list)
    failed: int = 0
    replaced: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    checks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def count(self, made: Generated) -> None:
        """Add what was spent on a slot, and why rows of it were thrown away."""
        self.calls += made.calls
        self.tokens += made.tokens
        self.cost += made.cost
        self.replaced += len(made.reasons) - (made.row is None)
        self.failed += made.row is None
        self.reasons.update(str(reason)[:300] for reason in made.reasons)
        for name, found in made.checks.items():
            true, of = self.checks.get(name, (0, 0))
            self.checks[name] = true + bool(found), of + 1


def collect(
    opened: Generation,
    plan: GenerationPlan,
    request: GenerationRequest,
    journal: Journal | None,
    budget: Budget,
    progress: Callable[[int, int, int], None],
) -> Made:
    """Take every slot from the generator, check it and keep it."""
    made = Made(planned=len(plan.slots))
    slots = frozenset(plan.slots)
    seen: dict[str, Generated] = {}
    ids: dict[str, str] = {}
    for old in (journal.made if journal else {}).values():
        if old.slot in slots and old.row is not None:
            seen[old.slot] = old
            ids[str(old.row.get(ID))] = old.slot
            made.count(old)
    made.kept = len(seen)
    spent = _Spent()
    rows = opened.generator.generate(request)
    for one in _guarded(rows, opened):
        problem = slot_problem(one, slots, seen)
        if problem:
            raise PluginError(f"generator {opened.entry.use!r} ({opened.owner}) {problem}")
        if one.row is not None and (why := row_problem(one.row, plan, ids)):
            one = replace(one, row=None, reasons=(*one.reasons, why))
        seen[one.slot] = one
        made.count(one)
        if one.row is not None:
            ids[str(one.row[ID])] = one.slot
            if journal is not None:
                journal.add(one)
        spent.add(one)
        progress(len(seen), made.planned, made.failed)
        if spent.over(budget) and len(seen) < made.planned:
            close = getattr(rows, "close", None)
            if close is not None:
                close()
            raise BudgetError(
                f"the budget is spent: {len(seen)} of {made.planned} scenarios are decided and "
                "kept; the same command goes on"
            )
    for slot in plan.slots:
        if slot not in seen:  # never silently missing
            made.count(Generated(slot, None, ("the generator left the slot out",)))
    made.rows = [dict(row) for slot in plan.slots if slot in seen and (row := seen[slot].row)]
    return made


def _guarded(rows: Any, opened: Generation) -> Any:
    """Yield from a stranger's iterator; what it raises becomes an error that names it."""
    try:
        yield from rows
    except PromptregError:
        raise
    except Exception as e:
        raise PluginError(
            f"generator {opened.entry.use!r} ({opened.owner}) raised {type(e).__name__}: {e}"
        ) from e


@dataclass(slots=True)
class _Spent:
    calls: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, one: Generated) -> None:
        self.calls += one.calls
        self.tokens += one.tokens
        self.cost += one.cost

    def over(self, budget: Budget) -> bool:
        return any(
            most is not None and spent >= most
            for spent, most in (
                (self.calls, budget.calls),
                (self.tokens, budget.tokens),
                (self.cost, budget.cost),
            )
        )
