"""Finding, checking and loading plug-ins. Nothing here is global: each call makes its own set."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, Any

import pluggy

from promptreg import hookspecs
from promptreg.errors import PluginError, did_you_mean
from promptreg.registry import Catalog

if TYPE_CHECKING:
    from promptreg.protocols import Embedder, Generator, History, Provider, Reporter, Scorer

__all__ = ["DISABLE_VARIABLE", "EVENTS", "Broken", "Plugins", "load_plugins"]

GROUP = "promptreg"
DISABLE_VARIABLE = "PROMPTREG_DISABLE_PLUGINS"
"""Comma-separated names of entry points or distributions not to load; `*` blocks all strangers."""
_OWN = "promptreg-gate"
EVENTS = (
    "promptreg_run_started",
    "promptreg_trial_finished",
    "promptreg_run_finished",
    "promptreg_comparison_finished",
    "promptreg_comparison_failed",
)
"""The hooks that tell what happens; all others register."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry point that could not be loaded."""

    name: str
    owner: str
    reason: str


@dataclass(slots=True)
class Plugins:
    """What is registered, and the manager that delivers events."""

    manager: pluggy.PluginManager
    providers: Catalog[Provider]
    scorers: Catalog[Scorer]
    reporters: Catalog[Reporter]
    embedders: Catalog[Embedder] = field(default_factory=lambda: Catalog("embedder"))
    generators: Catalog[Generator] = field(default_factory=lambda: Catalog("generator"))
    histories: Catalog[History] = field(default_factory=lambda: Catalog("history"))
    broken: list[Broken] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Exceptions raised by event hooks, one line each; reported at the end, never fatal."""
    owners: dict[str, str] = field(default_factory=dict)
    """Plug-in to the distribution and version that brings it."""
    _noted: set[tuple[str, str, type[BaseException]]] = field(default_factory=set)

    @property
    def catalogs(self) -> tuple[Catalog[Any], ...]:
        """All catalogues."""
        return (
            *(self.providers, self.scorers, self.reporters),
            *(self.embedders, self.generators, self.histories),
        )

    def listens(self, hook: str) -> bool:
        """Whether anybody implements the event."""
        return bool(getattr(self.manager.hook, hook).get_hookimpls())

    def emit(self, hook: str, **facts: Any) -> None:
        """Tell every plug-in that implements `hook`; what one raises is noted, not raised.

        Noted once per plug-in, hook and type of exception: a run has many trials.
        """
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*(facts[name] for name in impl.argnames))
            except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code
                key = (impl.plugin_name, hook, type(e))
                if key not in self._noted:
                    self._noted.add(key)
                    self.complaints.append(
                        f"plug-in {impl.plugin_name} raised in {hook}: {_one_line(e)}"
                    )


def load_plugins(
    extra: Sequence[Any] = (), *, entry_points: bool = True, catalogs: bool = True
) -> Plugins:
    """Return every plug-in that is installed, and those in `extra`.

    Args:
        extra: plug-in objects (modules or instances) to register besides, for tests and embedding.
        entry_points: whether to look at installed distributions at all.
        catalogs: whether to ask what they register; the command line, looking for commands, does
            without.

    Raises:
        PluginError: a hook is misspelt or its arguments are wrong, or two plug-ins claim one name.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager, Catalog("provider"), Catalog("scorer"), Catalog("reporter"))
    if entry_points:
        _load_installed(plugins)
    for plugin in extra:
        name = getattr(plugin, "__name__", type(plugin).__name__)
        _register(plugins, plugin, name, owner=name)
    if catalogs:
        _fill(plugins)
    for catalog in plugins.catalogs:
        catalog.missing = {b.owner: b.reason for b in plugins.broken}
    return plugins


def _load_installed(plugins: Plugins) -> None:
    words = os.environ.get(DISABLE_VARIABLE, "").split(",")
    disabled = {_normal(word.strip()) for word in words if word.strip()}
    seen: set[str] = set()
    for dist in distributions():
        try:
            entries = _entry_points(dist)
            if not entries:
                continue
            name = str(dist.metadata["Name"])
            owner = f"{name} {dist.version}"
        except Exception as e:  # noqa: BLE001 - damaged metadata may raise anything
            where = str(getattr(dist, "_path", "a distribution"))
            plugins.broken.append(Broken(where, where, _one_line(e)))
            continue
        if _normal(name) in seen:  # found twice on sys.path: the first one is the one imported
            continue
        seen.add(_normal(name))
        for entry in entries:
            strange = _normal(name) != _OWN
            if {_normal(entry.name), _normal(name)} & disabled or ("*" in disabled and strange):
                plugins.blocked.append(f"{entry.name} ({owner})")
                continue
            try:
                plugin = entry.load()
            except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's module
                plugins.broken.append(Broken(entry.name, owner, _one_line(e)))
                continue
            _register(plugins, plugin, entry.name, owner=owner)


def _normal(name: str) -> str:
    """Return a distribution's name as indexes compare them: `My_Plug.in` is `my-plug-in`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _one_line(error: BaseException) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 300 else f"{text[:297]}..."


def _entry_points(dist: Distribution) -> list[Any]:
    """Return our entry points of one distribution, reading no more than needed."""
    text = dist.read_text("entry_points.txt")
    if not text or f"[{GROUP}]" not in text:  # spares parsing hundreds of unrelated files
        return []
    return [e for e in dist.entry_points if e.group == GROUP]


def _register(plugins: Plugins, plugin: Any, name: str, *, owner: str) -> None:
    manager = plugins.manager
    if manager.has_plugin(name):
        other = plugins.owners.get(name, "another distribution")
        raise PluginError(
            f"two distributions claim the plug-in {name!r}: {other} and {owner}; "
            f"block one with {DISABLE_VARIABLE}"
        )
    if manager.is_registered(plugin):
        other = manager.get_name(plugin) or "another name"
        raise PluginError(f"{owner} registers one plug-in twice, as {other!r} and {name!r}")
    misfit = _misfit(plugin, owner, name)
    if misfit:
        plugins.broken.append(Broken(name, owner, misfit))
        return
    try:
        manager.register(plugin, name=name)
    except pluggy.PluginValidationError as e:
        raise PluginError(
            f"{owner}: {_one_line(e)}; {DISABLE_VARIABLE}={name} blocks this plug-in"
        ) from e
    plugins.owners[name] = owner


def _misfit(plugin: Any, owner: str, plugin_name: str) -> str:
    """Return why a plug-in would silently do nothing; empty if it is sound.

    Raises:
        PluginError: it implements a hook that does not exist.
    """
    known = [name for name in vars(hookspecs) if name.startswith("promptreg_")]
    marker = f"{hookspecs.PROJECT}_impl"  # how pluggy's marker leaves its mark
    for name in dir(plugin):
        function = getattr(plugin, name, None) if name.startswith("promptreg_") else None
        if not inspect.isroutine(function):
            continue
        options = getattr(function, marker, None)
        if options is None:
            if name in known:
                return f"{name} lacks the decorator @hookimpl, so it would never be called"
            continue
        if (options.get("specname") or name) not in known and not options.get("optionalhook"):
            raise PluginError(
                f"{owner}, plug-in {plugin_name!r}: there is no hook {name!r}"
                f"{did_you_mean(name, known)}; there are: {', '.join(known)}; "
                f"{DISABLE_VARIABLE}={plugin_name} blocks this plug-in"
            )
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            return f"{name} must be a plain function: neither 'async def' nor with 'yield'"
    return ""


def _fill(plugins: Plugins) -> None:
    hooks = plugins.manager.hook
    for hook, catalog in (
        (hooks.promptreg_register_providers, plugins.providers),
        (hooks.promptreg_register_scorers, plugins.scorers),
        (hooks.promptreg_register_reporters, plugins.reporters),
        (hooks.promptreg_register_embedders, plugins.embedders),
        (hooks.promptreg_register_generators, plugins.generators),
        (hooks.promptreg_register_histories, plugins.histories),
    ):
        for impl in hook.get_hookimpls():
            owner = plugins.owners.get(impl.plugin_name, impl.plugin_name)
            catalog.owned_by(owner)
            try:
                impl.function(*(catalog for _ in impl.argnames))
            except PluginError:
                raise
            except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code
                plugins.broken.append(Broken(impl.plugin_name, owner, _one_line(e)))
