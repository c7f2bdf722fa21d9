"""What can be wrong with one scenario in one template."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from promptreg.errors import TemplateError
from promptreg.stages.render.values import MAX_PROMPT

__all__ = ["Problem", "RenderError", "missing", "smuggling", "too_long"]

ProblemCode = Literal["missing", "null", "value", "role_token", "too_long", "template"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a prompt cannot be made.

    Attributes:
        code: `missing` (no such column), `null` (no value here), `value` (no text can be made of
            it), `role_token`, `too_long`, or `template` (its own code failed).
        scenario: the scenario's id; empty when it is true of every one.
        variable: the variable; empty where none is to blame.
        detail: what is wrong, without the scenario.
    """

    code: ProblemCode
    scenario: str
    variable: str
    detail: str

    @property
    def message(self) -> str:
        """The whole sentence."""
        return f"scenario {self.scenario!r}: {self.detail}" if self.scenario else self.detail


class RenderError(TemplateError):
    """A prompt cannot be made.

    Args:
        problems: why; at least one.
        where: the template version.
    """

    def __init__(self, problems: tuple[Problem, ...], where: str) -> None:
        super().__init__("\n".join(f"{where}: {p.message}" for p in problems))
        self.problems = problems


def missing(name: str, variables: Mapping[str, Any]) -> Problem | None:
    """Return the problem of a variable without a value, if it is without one."""
    if name not in variables:
        if name == "now":
            detail = "variable 'now' needs 'clock' in the suite; a running clock is never used"
        else:
            close = difflib.get_close_matches(name, list(variables), n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            detail = f"variable {name!r} is missing: no column is called so{hint}"
        return Problem("missing", "", name, detail)
    if variables[name] is None:
        return Problem("null", "", name, f"variable {name!r} is null")
    return None


def smuggling(name: str, token: str) -> Problem:
    """Return the problem of a value that holds a role token."""
    detail = (
        f"variable {name!r} holds the role token {token}, which would end or begin a turn; "
        "'allow_role_tokens: true' in the suite sends it as it is"
    )
    return Problem("role_token", "", name, detail)


def too_long(length: int) -> Problem:
    """Return the problem of a prompt that no limit allows."""
    detail = f"the prompt has {length:,} characters or more; allowed: {MAX_PROMPT:,}"
    return Problem("too_long", "", "", detail)
