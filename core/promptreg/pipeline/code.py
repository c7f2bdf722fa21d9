"""The code of a plug-in: what it does is its modules, not its name and version alone."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from importlib.util import resolve_name
from typing import Any

from promptreg.pipeline.keys import digest

__all__ = ["code_digest"]

_MOST = 200
"""Modules looked at; a plug-in inside a large package shall not read all of it."""


def code_digest(factory: Callable[..., Any]) -> str:
    """Return a hash of the source of a factory's module and of those of its package it imports.

    An edit to a helper changes what a scorer says as much as one to the scorer itself. Where there
    is no source (made in a console, compiled) the name stands in for it.
    """
    target: Any = factory
    while isinstance(target, functools.partial):
        target = target.func
    module = inspect.getmodule(target)
    if module is None or module.__name__ == "__main__":
        return digest(_source(target) or repr(getattr(target, "__qualname__", "")))
    root = module.__name__.partition(".")[0]
    found: dict[str, str] = {}
    todo = [module.__name__]
    while todo and len(found) < _MOST:
        name = todo.pop()
        loaded = sys.modules.get(name)
        if loaded is None or name in found:
            continue
        found[name] = _source(loaded)
        package = loaded.__package__ or ""
        todo += [n for n in _imports(found[name], package) if n.partition(".")[0] == root]
    if not any(found.values()):
        return digest(repr(getattr(target, "__qualname__", "")))
    return digest(sorted(found.items()))


def _source(target: Any) -> str:
    try:
        return inspect.getsource(target)
    except (OSError, TypeError):
        return ""


@functools.lru_cache(maxsize=2 * _MOST)
def _imports(source: str, package: str) -> tuple[str, ...]:
    """Return the modules that a source imports, as absolute names."""
    return tuple(_each_import(source, package))


def _each_import(source: str, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            try:
                name = resolve_name(base, package) if node.level else base
            except ImportError:
                continue
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
