"""Commands that take groups of options: a group is one parameter here and many options there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

__all__ = ["spread"]


def spread(command: Callable[..., int]) -> Callable[..., int]:
    """Return a command in whose signature each field of a group is a parameter of its own.

    A group is a parameter whose type is a dataclass with annotated fields that have defaults;
    Typer reads options from signatures, and so sees the fields where the group stood.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _parameters_of(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name]))

    @functools.wraps(command)
    def call(**given: Any) -> int:
        for name, group in groups.items():
            given[name] = group(**{f.name: given.pop(f.name) for f in fields(group)})
        return command(**given)

    del call.__wrapped__  # else its signature would be read instead
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # PEP 362
    call.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": int}
    return call


def _parameters_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
        )
        for f in fields(group)
    ]
