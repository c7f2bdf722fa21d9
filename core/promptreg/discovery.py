"""Finding, checking and loading plug-ins. Nothing here is global: each call makes its own set."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, Any

import pluggy

from promptreg import hookspecs
from promptreg.errors import PluginError
from promptreg.registry import Catalog

if TYPE_CHECKING:
    from promptreg.protocols import Provider, Reporter, Scorer

__all__ = ["DISABLE_VARIABLE", "Broken", "Plugins", "load_plugins"]

GROUP = "promptreg"
DISABLE_VARIABLE = "PROMPTREG_DISABLE_PLUGINS"
"""Comma-separated names of entry points or distributions not to load; `*` blocks all strangers."""
_OWN = "promptreg-gate"


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
    broken: list[Broken] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Exceptions raised by event hooks, one line each; reported at the end, never fatal."""

    @property
    def catalogs(self) -> tuple[Catalog[Any], ...]:
        """All catalogues."""
        return (self.providers, self.scorers, self.reporters)

    def listens(self, hook: str) -> bool:
        """Whether anybody implements the event."""
        return bool(getattr(self.manager.hook, hook).get_hookimpls())

    def emit(self, hook: str, **facts: Any) -> None:
        """Tell every plug-in that implements `hook`; what one raises is noted, not raised."""
        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*(facts[name] for name in impl.argnames))
            except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
                line = f"plug-in {impl.plugin_name} raised in {hook}: {type(e).__name__}: {e}"
                if line not in self.complaints:
                    self.complaints.append(line)


def load_plugins(extra: Sequence[Any] = (), *, entry_points: bool = True) -> Plugins:
    """Return every plug-in that is installed, and those in `extra`.

    Args:
        extra: plug-in objects (modules or instances) to register besides, for tests and embedding.
        entry_points: whether to look at installed distributions at all.

    Raises:
        PluginError: a hook is misspelt or its arguments are wrong, or two plug-ins claim one name.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager, Catalog("provider"), Catalog("scorer"), Catalog("reporter"))
    owners: dict[int, str] = {}
    if entry_points:
        _load_installed(plugins, owners)
    for plugin in extra:
        name = getattr(plugin, "__name__", type(plugin).__name__)
        _register(plugins, plugin, name, owners, owner=name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as e:
        who = owners.get(id(e.plugin), "a plug-in")
        raise PluginError(f"{who}: {e}; hooks are listed by 'promptreg plugins list'") from e
    _fill(plugins, owners)
    for catalog in plugins.catalogs:
        catalog.missing = {b.owner: b.reason for b in plugins.broken}
    return plugins


def _load_installed(plugins: Plugins, owners: dict[int, str]) -> None:
    disabled = {w.strip() for w in os.environ.get(DISABLE_VARIABLE, "").split(",") if w.strip()}
    seen: set[tuple[str, str]] = set()
    for dist in distributions():
        for entry in _entry_points(dist):
            key = (entry.name, entry.value)
            if key in seen:  # the same distribution may be found twice on sys.path
                continue
            seen.add(key)
            dist_name = dist.metadata["Name"]
            owner = f"{dist_name} {dist.version}"
            if {entry.name, dist_name} & disabled or ("*" in disabled and dist_name != _OWN):
                plugins.blocked.append(f"{entry.name} ({owner})")
                continue
            try:
                plugin = entry.load()
            except Exception as e:  # noqa: BLE001 - a stranger's module may raise anything
                plugins.broken.append(Broken(entry.name, owner, f"{type(e).__name__}: {e}"))
                continue
            _register(plugins, plugin, entry.name, owners, owner=owner)


def _entry_points(dist: Distribution) -> list[Any]:
    """Return our entry points of one distribution, reading no more than needed."""
    text = dist.read_text("entry_points.txt")
    if not text or f"[{GROUP}]" not in text:  # spares parsing hundreds of unrelated files
        return []
    return [e for e in dist.entry_points if e.group == GROUP]


def _register(
    plugins: Plugins, plugin: Any, name: str, owners: dict[int, str], *, owner: str
) -> None:
    try:
        plugins.manager.register(plugin, name=name)
    except pluggy.PluginValidationError as e:
        raise PluginError(f"{owner}: {e}") from e
    except ValueError as e:
        other = owners.get(id(plugins.manager.get_plugin(name)), "another distribution")
        raise PluginError(
            f"two distributions claim the plug-in {name!r}: {other} and {owner}"
        ) from e
    owners[id(plugin)] = owner


def _fill(plugins: Plugins, owners: dict[int, str]) -> None:
    hooks = plugins.manager.hook
    for hook, catalog in (
        (hooks.promptreg_register_providers, plugins.providers),
        (hooks.promptreg_register_scorers, plugins.scorers),
        (hooks.promptreg_register_reporters, plugins.reporters),
    ):
        for impl in hook.get_hookimpls():
            owner = owners.get(id(impl.plugin), impl.plugin_name)
            catalog.owned_by(owner)
            try:
                impl.function(catalog)
            except PluginError:
                raise
            except Exception as e:  # noqa: BLE001 - a stranger's code may raise anything
                reason = f"{type(e).__name__}: {e}"
                plugins.broken.append(Broken(impl.plugin_name, owner, reason))
                print(f"promptreg: plug-in {owner} is broken: {reason}", file=sys.stderr)
