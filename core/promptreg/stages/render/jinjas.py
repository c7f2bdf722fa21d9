"""The `jinja` engine: a sandbox, a list of what is allowed, and a budget.

Three walls: only the syntax listed here is compiled (no macros, imports, blocks, method calls but
a few; includes are texts by then); the sandbox refuses attributes that begin with an underscore and
anything that could be called; and whatever is left is charged to a budget (see `guard`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from promptreg.errors import TemplateError
from promptreg.records import Template
from promptreg.stages.render import guard
from promptreg.stages.render.problems import Problem, RenderError, missing, smuggling, too_long
from promptreg.stages.render.syntax import LOOP, SIZED, restrict
from promptreg.stages.render.tokens import count_tokens, first_token, texts_in
from promptreg.stages.render.values import MAX_PROMPT, TooLongError

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["JinjaRenderer"]


class JinjaRenderer:
    """A compiled `jinja` template.

    Args:
        template: the version.
        where: names it in messages.
        clock: what `now` says; None: only a column of that name does.

    Raises:
        TemplateError: with the line, at a syntax error or at syntax that is not allowed.
    """

    def __init__(self, template: Template, where: str, clock: str | None) -> None:
        from jinja2 import TemplateError as JinjaError
        from jinja2 import meta

        self.where = where
        environment = _environment()
        if clock is not None:
            environment.globals["now"] = clock
        try:
            tree = environment.parse(template.text)
            self.variables = frozenset(meta.find_undeclared_variables(tree)) - set(
                environment.globals
            )
            restrict(tree, environment, where)
            self._template = environment.from_string(tree)
        except JinjaError as e:
            line = getattr(e, "lineno", None)
            spot = f"line {line}: " if line else ""
            raise TemplateError(f"{where}: {spot}{e.message or e}") from e
        except (RecursionError, MemoryError, OverflowError, SyntaxError) as e:
            raise TemplateError(f"{where}: nested too deeply to be compiled") from e
        self._own_tokens = count_tokens(template.text) > 0
        self._text = template.text

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the prompt's text.

        Raises:
            RenderError: a variable is missing, null where text is needed, or the template failed.
        """
        from jinja2 import UndefinedError
        from jinja2.exceptions import SecurityError
        from jinja2.exceptions import TemplateError as JinjaError

        given = {name: variables[name] for name in self.variables if name in variables}
        guard.start()
        parts: list[str] = []
        length = 0
        try:
            for part in self._template.generate(given):
                length += len(part)
                if length > MAX_PROMPT:
                    raise RenderError((too_long(length),), self.where)
                parts.append(part)
        except UndefinedError as e:
            raise RenderError(self._undefined(variables, str(e)), self.where) from e
        except _NullError as e:
            raise RenderError(self._nulls(variables), self.where) from e
        except (guard.BudgetExceededError, TooLongError) as e:
            problem = Problem("too_long", "", "", f"the template {e}")
            raise RenderError((problem,), self.where) from e
        except SecurityError as e:
            problem = Problem("template", "", "", f"not allowed in a template: {e}")
            raise RenderError((problem,), self.where) from e
        except (
            JinjaError,
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
        ) as e:
            problem = Problem("template", "", "", f"the template's code failed: {e}")
            raise RenderError((problem,), self.where) from e
        except (RecursionError, MemoryError) as e:
            problem = Problem("too_long", "", "", "the template needs too much memory")
            raise RenderError((problem,), self.where) from e
        return "".join(parts)

    def _undefined(self, variables: Mapping[str, Any], detail: str) -> tuple[Problem, ...]:
        """Return every variable without a column, if the one that failed is among them."""
        gone = [
            p for n in sorted(self.variables) if n not in variables and (p := missing(n, variables))
        ]
        if any(repr(p.variable) in detail for p in gone):
            return tuple(gone)
        return (Problem("template", "", "", f"the template's code failed: {detail}"),)

    def _nulls(self, variables: Mapping[str, Any]) -> tuple[Problem, ...]:
        null = [
            p for n in sorted(self.variables) if (p := missing(n, variables)) and p.code == "null"
        ]
        return tuple(null) or (Problem("null", "", "", "a value that is to be shown is null"),)

    def smuggled(self, variables: Mapping[str, Any], text: str) -> Problem | None:
        """Return the role token that a value brought into the prompt, if one did."""
        for name in self.variables:
            value = variables.get(name)
            if value is None:
                continue
            for plain in (value,) if type(value) is str else texts_in(value):
                token = first_token(plain)
                if token is not None:
                    return smuggling(name, token)
        # Loops repeat the template's own tokens, so only foreign ones can be told.
        token = first_token(text) if not self._own_tokens else None
        if token is not None:
            detail = f"values and the text around them make up the role token {token}"
            return Problem("role_token", "", "", detail)
        return None


class _NullError(Exception):
    pass


def _finalize(context: Any, value: Any) -> str:
    """Turn what is to be shown into text, by the rules that hold for every engine."""
    from jinja2 import Undefined

    from promptreg.stages.render.values import text_of

    if type(value) is str:
        return value
    if value is None:
        raise _NullError
    if isinstance(value, Undefined):
        return str(value)  # raises, with its name
    guard.current().charge(guard.size_of(value))
    return text_of(value)


def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined, pass_context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    from promptreg.stages.render.filters import allowed_filters, allowed_tests, safe_range

    class Environment(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            guard.current().charge(guard.size_of(left) + guard.size_of(right))
            _check_operands(operator, left, right)
            made = self.binop_table[operator](left, right)
            guard.size_of(made)
            return made

    environment = Environment(
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        optimized=False,  # or constants would be computed, without a budget, while compiling
        finalize=pass_context(_finalize),
        cache_size=0,
    )
    environment.globals.clear()
    environment.globals["range"] = safe_range
    filters = allowed_filters(environment.filters)
    tests = allowed_tests(environment.tests)
    environment.tests.clear()
    environment.tests.update(tests)
    environment.filters.clear()
    environment.filters.update(filters)
    environment.filters[LOOP] = lambda items, cost: guard.current().loop(items, cost)
    environment.filters[SIZED] = _sized
    return environment


def _sized(value: Any) -> Any:
    guard.current().charge(guard.size_of(value))
    return value


def _check_operands(operator: str, left: Any, right: Any) -> None:
    numbers = all(isinstance(x, (int, float)) for x in (left, right))
    if operator in ("*", "**", "%") and not numbers:
        raise TypeError(f"{operator!r} takes two numbers here")
    if operator == "**" and isinstance(left, int) and abs(left) > 1 and not -64 <= right <= 64:
        raise guard.BudgetExceededError("raises to a power above 64")
