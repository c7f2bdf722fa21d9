"""`promptreg plugins list`, `check` and `new`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o
from promptreg.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from inspect import Parameter

    from promptreg.contracts import Result
    from promptreg.discovery import Broken, Plugins

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="List what is registered, check it, or begin a plug-in of your own."
)

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Such as 'key_points' or 'provider:recorded'."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting for the plug-ins named, JSON or plain text; repeatable.",
    ),
]


@app.command(name="list")
def list_(as_json: o.AsJson = False) -> int:
    """List plug-ins and who brings them.

    Shows kind, name, distribution and version, and what it does; with --json also settings and
    defaults. Broken and blocked plug-ins are named, and so are the presets that a suite's policy
    may start from.
    """
    from promptreg.cli.show import print_json, print_table
    from promptreg.discovery import load_plugins

    facts = _describe(load_plugins())
    if as_json:
        print_json(facts)
        return 0
    rows = [[p["kind"], p["name"], p["owner"], _clean(p["summary"])] for p in facts["plugins"]]
    if rows:
        print_table(["kind", "name", "from", "what it does"], rows, set())
    else:
        print("No plug-in is registered: promptreg itself is not installed as a distribution.")
    for found in facts["presets"]:
        criteria = ", ".join(found["criteria"])
        print(f"policy preset {found['name']}: {found['summary']} (criteria: {criteria})")
    for listener in facts["listeners"]:
        print(f"{listener['plugin']} ({listener['owner']}) hears {', '.join(listener['events'])}")
    for broken in facts["broken"]:
        print(f"broken: {broken['name']} ({broken['owner']}): {_clean(broken['reason'])}")
    for blocked in facts["blocked"]:
        print(f"blocked: {blocked}")
    return 0


@app.command()
def check(names: Names = None, settings: Settings = None, as_json: o.AsJson = False) -> int:
    """Hold plug-ins to their contracts.

    Each plug-in is made and put through the checks of its kind; exits 2 if one breaks them.
    Plug-ins that need settings are left out unless they are named and given them. Providers that
    ask a model are called (three short prompts at most) only if they are named.
    """
    from promptreg.cli.show import print_json
    from promptreg.contracts import check_registered
    from promptreg.discovery import load_plugins

    given = _settings(settings or [])
    if given and not names:
        raise UsageError("--set needs the name of the plug-in that takes the settings")
    plugins = load_plugins()
    results = check_registered(plugins, names or [], given)
    broken = [] if names else plugins.broken
    failed = bool(broken) or any(map(_failed, results))
    if as_json:
        print_json(
            {
                "results": [_as_dict(result) for result in results],
                "broken": [_broken(b) for b in broken],
            }
        )
    else:
        _show(results, broken)
    return int(ExitCode.USAGE if failed else ExitCode.OK)


@app.command()
def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="provider, scorer, reporter, embedder, generator or history."
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What a suite shall write after 'use:'.")
    ],
    folder: Annotated[
        str | None, typer.Argument(metavar="DIR", help="Default: promptreg-NAME.")
    ] = None,
) -> int:
    """Begin a plug-in of your own.

    Writes a package with one module, one test and an entry point. What is written works as it is;
    nothing that exists is overwritten.
    """
    from pathlib import Path

    from promptreg.cli.scaffold import plan_package, write_package
    from promptreg.discovery import load_plugins

    package = plan_package(kind, name, load_plugins())
    target = Path(folder or package.distribution)
    for path in write_package(package, target):
        print(f"wrote {path}")
    print(f"next: pip install -e {target} pytest && pytest {target}\nthen: promptreg plugins list")
    return 0


def _describe(plugins: Plugins) -> dict[str, Any]:
    from promptreg.discovery import EVENTS
    from promptreg.suite import preset, preset_names

    presets = [preset(name, "promptreg") for name in preset_names()]
    hears: dict[str, list[str]] = {}
    for event in EVENTS:
        for impl in getattr(plugins.manager.hook, event).get_hookimpls():
            hears.setdefault(impl.plugin_name, []).append(event)
    return {
        "plugins": [
            {
                "kind": catalog.kind,
                "name": entry.name,
                "owner": entry.owner,
                "summary": entry.summary,
                "settings": [_setting(p) for p in entry.settings().values()],
                "other_settings": entry.open,
            }
            for catalog in plugins.catalogs
            for entry in catalog
        ],
        "presets": [
            {
                "name": found.name,
                "summary": found.summary,
                "criteria": list(found.criteria),
                "settings": found.gate.model_dump(mode="json", exclude_defaults=True),
            }
            for found in presets
        ],
        "listeners": [
            {"plugin": name, "owner": plugins.owners.get(name, name), "events": events}
            for name, events in hears.items()
        ],
        "events": list(EVENTS),
        "broken": [_broken(b) for b in plugins.broken],
        "blocked": list(plugins.blocked),
    }


def _broken(broken: Broken) -> dict[str, str]:
    return {"name": broken.name, "owner": broken.owner, "reason": broken.reason}


def _setting(parameter: Parameter) -> dict[str, Any]:
    """Describe one setting; a default that JSON cannot hold is shown as Python writes it."""
    from inspect import formatannotation

    hint, empty = parameter.annotation, parameter.empty
    words = "" if hint is empty else hint if isinstance(hint, str) else formatannotation(hint)
    facts = {"name": parameter.name, "type": words, "required": parameter.default is empty}
    if parameter.default is not empty:
        try:
            json.dumps(parameter.default, allow_nan=False)
            facts["default"] = parameter.default
        except (TypeError, ValueError, RecursionError):
            facts["default"] = repr(parameter.default)
    return facts


def _settings(items: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        key, sign, text = item.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {item!r}: must be KEY=VALUE")
        if key in found:
            raise UsageError(f"--set {key}: given twice")
        try:
            found[key] = json.loads(text)
        except (ValueError, RecursionError):
            found[key] = text
    return found


def _failed(result: Result) -> bool:
    return result.status == "failed" or (result.named and result.status != "ok")


def _show(results: Sequence[Result], broken: Sequence[Broken]) -> None:
    for r in results:
        note = f": {r.note}" if r.note else ""
        print(f"{r.status}: {r.kind} {r.name} ({r.owner}){_clean(note)}")
        for problem in r.problems:
            print(f"  {r.kind} {r.name}: {_clean(problem)}")
    for b in broken:
        print(f"failed: {b.name} ({b.owner}) could not be loaded: {_clean(b.reason)}")
    if not results:
        print("No plug-in is registered; nothing was checked.")


def _as_dict(result: Result) -> dict[str, Any]:
    return {
        "kind": result.kind,
        "name": result.name,
        "owner": result.owner,
        "status": result.status,
        "problems": list(result.problems),
        "note": result.note,
    }


def _clean(text: str) -> str:
    """Return one line that no terminal obeys: problems quote what a stranger's code returned."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
