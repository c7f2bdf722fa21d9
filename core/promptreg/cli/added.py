"""Commands that plug-ins add; looked for only where they could be meant."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from promptreg.errors import PluginError, PromptregError

if TYPE_CHECKING:
    import typer

    from promptreg.discovery import Plugins

__all__ = ["add_commands", "with_commands"]


def with_commands(app: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """Return the application, with the commands of plug-ins where one of them may be meant.

    Loading plug-ins takes longer than most commands take to begin, so it is done for help and for
    words that are no command of promptreg's own.

    Args:
        app: the application with its own commands.
        arguments: what was typed.

    Raises:
        PluginError: the word is not known, and plug-ins contradict each other.
    """
    word = next((a for a in arguments if not a.startswith("-")), None)
    if word in _names(app) or (word is None and "--version" in arguments):
        return app
    from promptreg.discovery import load_plugins

    try:
        return add_commands(app, load_plugins())
    except PromptregError as e:
        if word is not None:
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
    owners = dict.fromkeys(_names(app), "promptreg")
    for impl in plugins.manager.hook.promptreg_register_commands.get_hookimpls():
        owner = plugins.owners.get(impl.plugin_name, impl.plugin_name)
        own = typer.Typer()
        try:
            impl.function(*(own for _ in impl.argnames))
        except Exception as e:  # noqa: BLE001 - a stranger's code
            _note(plugins, impl.plugin_name, owner, e)
            continue
        for name in _names(own):
            if name in owners:
                raise PluginError(
                    f"two plug-ins claim the command {name!r}: {owners[name]} and {owner}; "
                    "block one with PROMPTREG_DISABLE_PLUGINS"
                )
            owners[name] = owner
        whole.registered_commands += own.registered_commands
        whole.registered_groups += own.registered_groups
    return whole


def _names(app: typer.Typer) -> list[str]:
    commands = [_name(c.name, c.callback) for c in app.registered_commands]
    groups = [g.name if isinstance(g.name, str) else None for g in app.registered_groups]
    return [name for name in (*commands, *groups) if name]


def _name(given: Any, function: Any) -> str:
    if isinstance(given, str):
        return given
    return str(getattr(function, "__name__", "")).replace("_", "-")


def _note(plugins: Plugins, name: str, owner: str, error: Exception) -> None:
    from promptreg.discovery import Broken

    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    plugins.broken.append(Broken(name, owner, reason))
    print(f"promptreg: plug-in {name} of {owner} adds no command: {reason}", file=sys.stderr)
