"""Whatever is imported is declared: another package must not be what brings it along."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = ("core", "providers", "scorers", "plugins")
PACKAGES = {
    *("promptreg", "promptreg_providers", "promptreg_scorers", "promptreg_plugins"),
    "pytest_promptreg",
}
LOADED_BY = {"pytest_promptreg": {"pytest"}}
"""Packages that only their host imports, and the hosts, which need not be declared."""


def sources() -> Iterator[Path]:
    for folder in OWN:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the top-level names that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def hosts(path: Path) -> set[str]:
    """Return the packages without which a file is never imported."""
    package = path.relative_to(ROOT).parts[1]
    return LOADED_BY.get(package, set())


def dependable() -> set[str]:
    """Return what pyproject.toml names, extras included, and what the rest always needs itself.

    Extras need not be installed here, so that what they import must be named itself.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {normal(word) for word in project["dependencies"]}
    needed = (requirement for name in named for requirement in requires(name) or ())
    extras = {normal(word) for words in project["optional-dependencies"].values() for word in words}
    return named | extras | {normal(word) for word in needed if ";" not in word}


def normal(requirement: str) -> str:
    """Return the one spelling of a requirement's distribution."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def test_everything_imported_is_a_declared_dependency() -> None:
    brought_by = packages_distributions()
    allowed = dependable()
    undeclared = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in sorted(imported(path) - sys.stdlib_module_names - PACKAGES - hosts(path))
        if not {normal(d) for d in brought_by.get(name, [name])} & allowed
    ]
    assert undeclared == []
