"""Commands that plug-ins add; looked for only where they could be meant."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any

from promptreg.errors import PluginError, PromptregError

if TYPE_CHECKING:
    import typer

    from promptreg.discovery import Plugins

__all__ = ["add_commands", "alone", "with_commands"]


def alone(app: typer.Typer, name: str) -> Any:
    """Return what reads one command of an application; None where it has none of this name."""
    import typer.main

    commands = [c for c in app.registered_commands if c.name == name]
    groups = [g for g in app.registered_groups if g.name == name]
    if not commands and not groups:
        return None
    part = copy.copy(app)
    part.registered_commands, part.registered_groups = commands, groups
    return typer.main.get_command(part)


def with_commands(app: typer.Typer, word: str) -> typer.Typer:
    """Return the application with the commands of plug-ins, for help and for unknown words.

    Loading plug-ins takes longer than most commands take to begin: it is done for nothing else.

    Raises:
        PluginError: the word may be a command, and plug-ins contradict each other.
    """
    from promptreg.discovery import load_plugins

    try:
        return add_commands(app, load_plugins(catalogs=False))
    except PromptregError as e:
        if word and not word.startswith("-"):
            raise
        print(f"promptreg: {e}", file=sys.stderr)  # help is there all the same
        return app


def add_commands(app: typer.Typer, plugins: Plugins) -> typer.Typer:
    """Return a copy of an application with the commands that plug-ins register.

    A plug-in that raises while it registers is noted among those that are broken.

    Raises:
        PluginError: two claim one name.
    """
    import typer

    whole = copy.copy(app)
    whole.registered_commands = list(app.registered_commands)
    whole.registered_groups = list(app.registered_groups)
    owners = dict.fromkeys(_named(app), "promptreg")
    for impl in plugins.manager.hook.promptreg_register_commands.get_hookimpls():
        owner = plugins.owners.get(impl.plugin_name, impl.plugin_name)
        own = typer.Typer()
        try:
            impl.function(*(own for _ in impl.argnames))
        except Exception as e:  # noqa: BLE001 - a stranger's code
            _note(plugins, impl.plugin_name, owner, e)
            continue
        for name in _named(own):
            if name in owners:
                raise PluginError(
                    f"two plug-ins claim the command {name!r}: {owners[name]} and {owner}; "
                    "block one with PROMPTREG_DISABLE_PLUGINS"
                )
            owners[name] = owner
        whole.registered_commands += own.registered_commands
        whole.registered_groups += own.registered_groups
    return whole


def _named(app: typer.Typer) -> list[str]:
    """Return the names of commands and groups; one that goes by its function's name gets it."""
    for command in app.registered_commands:
        if not isinstance(command.name, str):
            command.name = getattr(command.callback, "__name__", "").replace("_", "-")
    groups = [str(g.name) for g in app.registered_groups]
    return [*(str(c.name) for c in app.registered_commands), *groups]


def _note(plugins: Plugins, name: str, owner: str, error: Exception) -> None:
    from promptreg.discovery import Broken

    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    plugins.broken.append(Broken(name, owner, reason))
    print(f"promptreg: plug-in {name} of {owner} adds no command: {reason}", file=sys.stderr)
