"""The form that asks for a comparison: its fields, the request they make, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from promptreg_plugins.web.model import JobKind, JobRequest
from promptreg_plugins.web.pages.asking import number_of
from promptreg_plugins.web.plan import PlanOut
from promptreg_plugins.web.problems import ConflictError, InvalidError

__all__ = ["Wish", "plan_of", "request_of", "wish_of", "wished"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What stands in the form's fields, as text."""

    kind: str = "compare"
    template: str = ""
    baseline: str = ""
    candidate: str = ""
    where: str = ""
    repeats: str = ""
    limit: str = ""
    budget: str = ""


def wish_of(fields: Mapping[str, str]) -> Wish:
    """Return what the form is to show, so that nobody types it twice."""
    return Wish(**{name: fields[name][:200] for name in Wish.__slots__ if name in fields})


def wished(fields: Mapping[str, Sequence[str]]) -> Wish:
    """Return what a form that was sent is to show again."""
    return wish_of({name: values[0] for name, values in fields.items()})


def plan_of(said: Mapping[str, Any]) -> PlanOut:
    """Return a plan to be shown.

    Raises:
        ConflictError: it is none.
    """
    try:
        return PlanOut.model_validate(said)
    except ValidationError as error:
        raise ConflictError("the plan cannot be read: it is of another release") from error


def request_of(suite: str, fields: Mapping[str, Sequence[str]]) -> JobRequest:
    """Return the request that a form makes; versions, attributes and amounts are checked later.

    Raises:
        InvalidError: a field says what it may not.
    """
    flat = {name: values[0] for name, values in fields.items()}
    kind = flat.get("kind", "compare")
    if kind not in ("compare", "gate"):
        raise InvalidError(f"kind is {kind[:40]!r}; allowed are compare, gate", field="kind")
    for side in ("baseline", "candidate"):
        if side not in flat:
            raise InvalidError(f"say which version is the {side}", field=side)
    options: dict[str, Any] = {}
    if "template" in flat:
        options["template"] = [flat["template"]]
    if where := _where(fields.get("where", ())):
        options["where"] = where
    for name in ("repeats", "limit"):
        if name in flat:
            number = number_of(flat, name, 0, 1_000_000)
            if number < 1:
                raise InvalidError(f"{name} is {flat[name][:40]!r}; the least is 1", field=name)
            options[name] = number
    if "budget" in flat:
        options["budget"] = flat["budget"]
    return JobRequest(JobKind(kind), suite, (flat["baseline"], flat["candidate"]), options)


def _where(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (sign and name and value):
            raise InvalidError(
                f"filter is {text[:80]!r}; it is written as attribute=value", field="where"
            )
        found[name] = value
    return found
