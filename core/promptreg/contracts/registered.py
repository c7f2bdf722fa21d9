"""Checking what is registered: each plug-in is made from settings and held to its contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptreg.contracts.embedder import check_embedder
from promptreg.contracts.generator import OFFLINE_STEPS as OFFLINE_GENERATION
from promptreg.contracts.generator import STEPS as GENERATION
from promptreg.contracts.generator import check_generator
from promptreg.contracts.history import check_address
from promptreg.contracts.provider import OFFLINE_STEPS, STEPS, check_provider
from promptreg.contracts.reporter import check_reporter
from promptreg.contracts.scorer import check_scorer
from promptreg.contracts.values import one_line, shown
from promptreg.discovery import Plugins
from promptreg.errors import MissingPackageError, PluginError, SuiteError, did_you_mean
from promptreg.protocols import Generator, Provider
from promptreg.registry import Catalog, Entry

__all__ = ["Result", "check_registered"]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of checking one plug-in.

    Attributes:
        kind, name, owner: which one.
        status: `ok`, `failed` or `not checked`.
        problems: what it does wrong, one line each; empty unless failed.
        note: what was not checked, and why; may be empty.
        named: whether it was asked for by name.
    """

    kind: str
    name: str
    owner: str
    status: str
    problems: tuple[str, ...] = ()
    note: str = ""
    named: bool = False


def check_registered(
    plugins: Plugins, names: Sequence[str] = (), settings: Mapping[str, Any] | None = None
) -> list[Result]:
    """Return one result per plug-in, those named or all.

    Without being named, a provider that asks a model is not called: a check must not spend money
    that nobody mentioned.

    Args:
        plugins: what is registered.
        names: names, or `kind:name` where several kinds share a name; empty: all.
        settings: settings to make each of them with.

    Raises:
        PluginError: a name is unknown.
    """
    given = dict(settings or {})
    if not names:
        return [_check(catalog, entry, given, False) for catalog, entry in _all(plugins)]
    return [
        _check(catalog, entry, given, True)
        for name in dict.fromkeys(names)
        for catalog, entry in _named(plugins, name)
    ]


def _all(plugins: Plugins) -> Iterator[tuple[Catalog[Any], Entry[Any]]]:
    for catalog in plugins.catalogs:
        for entry in catalog:
            yield catalog, entry


def _named(plugins: Plugins, name: str) -> list[tuple[Catalog[Any], Entry[Any]]]:
    kind, colon, rest = name.rpartition(":")
    found = [
        (catalog, entry)
        for catalog, entry in _all(plugins)
        if entry.name == rest and (not colon or catalog.kind == kind)
    ]
    if not found:
        known = [f"{catalog.kind}:{entry.name}" for catalog, entry in _all(plugins)]
        near = did_you_mean(name, [*known, *(word.partition(":")[2] for word in known)])
        raise PluginError(
            f"no plug-in is called {name!r}{near}; there are: {', '.join(known) or 'none'}"
        )
    return found


def _check(
    catalog: Catalog[Any], entry: Entry[Any], settings: Mapping[str, Any], named: bool
) -> Result:
    def result(status: str, problems: Sequence[str] = (), note: str = "") -> Result:
        return Result(catalog.kind, entry.name, entry.owner, status, tuple(problems), note, named)

    needs = [
        name
        for name, parameter in entry.settings().items()
        if parameter.default is parameter.empty and name not in settings
    ]
    if needs:
        return result("not checked", note=f"needs {', '.join(needs)}")
    try:
        plugin = catalog.create(entry.name, settings)
    except SuiteError as e:
        if settings:
            return result("failed", [str(e)])
        return result("not checked", note=f"needs settings: {e}")
    except MissingPackageError as e:
        return result("not checked", note=str(e))
    except PluginError as e:
        return result("failed", [str(e)])
    problems, note = _problems(catalog, entry, plugin, settings, named)
    return result("failed" if problems else "ok", problems, note)


def _problems(
    catalog: Catalog[Any],
    entry: Entry[Any],
    plugin: Any,
    settings: Mapping[str, Any],
    named: bool,
) -> tuple[list[str], str]:
    """Return the problems of a plug-in, and what was left out."""
    if catalog.kind == "scorer":
        return check_scorer(plugin), ""
    if catalog.kind == "reporter":
        return check_reporter(plugin), ""
    if catalog.kind == "embedder":
        return check_embedder(plugin), ""
    if catalog.kind == "history":
        return check_address(plugin), "not written to; HistoryContract in promptreg.testing does"
    if catalog.kind == "generator":
        return _generator(plugin, catalog.create(entry.name, settings), named=named)
    local = bool(getattr(plugin, "synthetic", False)) or not getattr(plugin, "cacheable", True)
    steps = STEPS if named or local else OFFLINE_STEPS
    note = "" if steps is STEPS else "not called; name it to have calls made"
    problems = check_provider(plugin, steps=steps)
    if not problems:
        problems = _same_identity(plugin, catalog.create(entry.name, settings))
    return problems, note


def _generator(plugin: Generator, other: Generator, *, named: bool) -> tuple[list[str], str]:
    called = named or not getattr(plugin, "asks_model", False)
    problems = check_generator(plugin, steps=GENERATION if called else OFFLINE_GENERATION)
    if not problems and plugin.identity() != other.identity():
        problems = ["identity() differs between two generators of the same settings"]
    return problems, "" if called else "asked for no scenario; name it to have some made"


def _same_identity(one: Provider, other: Provider) -> list[str]:
    try:
        first, second = one.identity(), other.identity()
    except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
        return [f"identity() raised {one_line(e)} for a second provider"]
    finally:
        check_provider(other, steps=())  # closes it
    if first == second:
        return []
    return [
        f"identity() is {shown(first)} and {shown(second)} for the same settings; "
        "stored completions would never be found again"
    ]
