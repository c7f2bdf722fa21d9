"""What a call may ask for besides the suite, by the names the command line has for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from promptreg.errors import UsageError, did_you_mean
from promptreg.pipeline.project import Options
from promptreg.stages.load.attributes import word_of

__all__ = ["Wishes", "options_of"]

Scalar = str | int | float | bool


class Wishes(TypedDict, total=False):
    """Keywords of calls that run or read trials; what is not given is the suite's word."""

    template: str | Sequence[str]
    """Only this template, or these."""
    where: Mapping[str, Scalar | Sequence[Scalar]]
    """Attribute to the value, or values, of the scenarios to keep; a part never passes a gate."""
    limit: int
    """Only that many scenarios, a seeded sample."""
    repeats: int
    seed: int
    concurrency: int
    cache: bool
    """False: ask everything anew."""
    budget: str
    """Such as `500` (calls), `200000tokens` or `5usd`."""
    alpha: float
    margins: Mapping[str, float]
    looks: int
    allow_unmatched: bool
    allow_mismatch: Sequence[str]


_AT_LEAST = {"limit": 1, "repeats": 1, "seed": 0, "concurrency": 1, "looks": 1}


def options_of(wishes: Mapping[str, Any], allowed: Sequence[str] = ()) -> Options:
    """Return the options as the pipeline takes them.

    Raises:
        UsageError: a keyword is unknown, or its value is of another kind.
    """
    known = list(allowed or Wishes.__annotations__)
    for name, value in wishes.items():
        if name not in known:
            raise UsageError(
                f"unknown keyword {name!r}{did_you_mean(name, known)}; allowed: {', '.join(known)}"
            )
        least = _AT_LEAST.get(name)
        if least is not None and (
            isinstance(value, bool) or not isinstance(value, int) or value < least
        ):
            raise UsageError(f"{name}={value!r:.80}: must be a whole number, at least {least}")
        if name in ("where", "margins") and not isinstance(value, Mapping):
            raise UsageError(f"{name}={value!r:.80}: must be a mapping, such as {{'name': value}}")
    more = {
        name: wishes[name]
        for name in (
            *("limit", "repeats", "seed", "concurrency", "cache", "budget", "alpha", "margins"),
            *("looks", "allow_unmatched"),
        )
        if name in wishes
    }
    return Options(
        templates=tuple(_several(wishes.get("template", ()))),
        filters={
            str(name): [word_of(v) for v in _several(value)]
            for name, value in wishes.get("where", {}).items()
        },
        allow_mismatch=tuple(_several(wishes.get("allow_mismatch", ()))),
        **more,
    )


def _several(value: Any) -> list[Any]:
    return [value] if isinstance(value, (str, int, float, bool)) else list(value)
