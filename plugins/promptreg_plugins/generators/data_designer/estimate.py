"""What a generation takes: its limits, and what it is going to ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from promptreg.errors import SuiteError, did_you_mean
from promptreg_plugins.generators.data_designer.models import Model
from promptreg_plugins.generators.data_designer.settings import Chosen

__all__ = ["Estimate", "Limits", "estimate"]

_BUDGET = ("requests", "tokens")
_SIGNS_PER_TOKEN = 4
_FILLED_IN = 600
"""Signs that a prompt grows by when the values are put in, about."""
_IMAGE_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked, and how."""

    rounds: int
    corrections: int
    least_written: float
    requests: int | None
    tokens: int | None
    parallel: int
    timeout_s: float

    @classmethod
    def of(
        cls,
        rounds: int,
        corrections: int,
        least_written: float,
        budget: Mapping[str, Any] | None,
        parallel: int,
        timeout: float,
    ) -> Self:
        """Return the limits.

        Raises:
            SuiteError: one is out of range.
        """
        for name, value, low, high in (
            ("rounds", rounds, 1, 20),
            ("corrections", corrections, 0, 5),
            ("least_written", least_written, 0, 1),
            ("max_parallel_requests", parallel, 1, 64),
            ("timeout", timeout, 1, 3600),
        ):
            if not low <= value <= high:
                raise SuiteError(f"{name}: found {value:g}; allowed: {low} to {high}")
        given = dict(budget or {})
        for key, value in given.items():
            if key not in _BUDGET:
                raise SuiteError(
                    f"budget: unknown key {key!r}{did_you_mean(str(key), _BUDGET)}; "
                    f"allowed: {', '.join(_BUDGET)}"
                )
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise SuiteError(
                    f"budget.{key}: must be a whole number from 1, found {value!r:.60}"
                )
        most = given.get("requests"), given.get("tokens")
        return cls(rounds, corrections, least_written, *most, parallel, timeout)

    @property
    def stall_s(self) -> float:
        """The longest silence of a worker that is still at work: two timeouts and their waiting."""
        return 2 * self.timeout_s + 120

    def job(self, calls: int | None, tokens: int | None) -> dict[str, Any]:
        """Return what the worker is told, with what may be spent now."""
        return {
            "requests": calls,
            "tokens": tokens,
            "whole": {"requests": self.requests, "tokens": self.tokens},
            "parallel": self.parallel,
            "timeout": max(1, round(self.timeout_s)),
            "corrections": self.corrections,
        }


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is going to be asked if each answer is valid at once."""

    calls: int
    tokens: int
    cost: float | None
    notes: Sequence[str]


def estimate(
    bases: Sequence[Mapping[str, Any]],
    chosen: Chosen,
    models: Mapping[str, Model],
    limits: Limits,
    columns: Sequence[Mapping[str, Any]],
) -> Estimate:
    """Return what writing these rows takes: each prompt once, each answer as long as it may be."""
    calls = tokens_in = tokens_out = 0
    cost = 0.0
    told = {column["name"]: column for column in columns}
    no_context = sum(row.get("enrichment_context") is None for row in bases)
    for column in chosen.asked:
        n = len(bases) - (no_context if column.skip else 0)
        signs = len(column.prompt) + _FILLED_IN
        if column.schema is not None:
            signs += len(json.dumps(column.schema))
        one_in = signs // _SIGNS_PER_TOKEN + (_IMAGE_TOKENS if column.image else 0)
        one_out = told[column.name]["sampling"]["max_tokens"]
        calls += n
        tokens_in += n * one_in
        tokens_out += n * one_out
        cost += n * models[column.model].cost(one_in, one_out)
    priced = all(models[c.model].prices is not None for c in chosen.asked)
    most = limits.rounds * (limits.corrections + 1)
    notes = [
        f"{calls:,} requests if each answer is valid at once, up to {calls * most:,} with "
        "corrections and further rounds",
        f"about {tokens_in + tokens_out:,} tokens ({tokens_in:,} in, up to {tokens_out:,} out)"
        + ("" if priced else "; no prices are given, so no cost is known"),
    ]
    if limits.requests or limits.tokens:
        parts = [
            f"{most:,} {name}"
            for name, most in (("requests", limits.requests), ("tokens", limits.tokens))
            if most is not None
        ]
        notes.append(f"the budget is {' and '.join(parts)}")
    return Estimate(calls, tokens_in + tokens_out, cost if priced else None, notes)
