"""Which columns a prompt uses, and that each of them exists and can be made in time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from promptreg.errors import SuiteError, did_you_mean
from promptreg_plugins.generators.data_designer.columns import Column

__all__ = ["check_circles", "references"]

_FILTERS = (
    *("abs", "capitalize", "escape", "first", "float", "forceescape", "int", "items", "last"),
    *("length", "list", "lower", "max", "min", "random", "replace", "reverse", "round", "sort"),
    *("string", "title", "trim", "truncate", "unique", "upper"),
)
"""Those that Data Designer knows; it finds out about others when it is too late."""


def references(column: Column, known: Collection[str]) -> list[str]:
    """Return the columns that a prompt or expression uses.

    Raises:
        SuiteError: it is no valid Jinja, or names what does not exist.
    """
    from jinja2 import TemplateError, meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    where = f"{'own' if column.own else 'columns'}: {column.name}"
    environment = ImmutableSandboxedEnvironment()
    environment.filters = {k: v for k, v in environment.filters.items() if k in _FILTERS}
    found: dict[str, None] = {}
    for text in filter(None, (column.prompt, column.skip)):
        try:
            environment.compile(text)
            names = meta.find_undeclared_variables(environment.parse(text))
        except (TemplateError, RecursionError) as e:
            raise SuiteError(f"{where}: {text!r:.60}: {e}") from e
        for name in sorted(names):
            if name not in known:
                raise SuiteError(
                    f"{where}: {{{{ {name} }}}} is no column{did_you_mean(name, known)}; "
                    f"there are: {', '.join(sorted(known))}"
                )
            found[name] = None
    return list(found)


def check_circles(made: Sequence[Column]) -> None:
    """Raise SuiteError where columns need each other, so that none can be the first."""
    names = {column.name for column in made}
    waiting = {
        m.name: {n for n in references(m, _Anything()) if n in names} - {m.name} for m in made
    }
    while free := [name for name, needs in waiting.items() if not needs & waiting.keys()]:
        for name in free:
            del waiting[name]
    if waiting:
        raise SuiteError(f"own: {', '.join(sorted(waiting))} need each other")


class _Anything(Collection[str]):
    """Holds every name: for references that were checked already."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0
