"""`promptreg templates show REF`."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.pipeline.templates.listing import Shown

__all__ = ["show"]


def show(
    ref: Annotated[
        str, typer.Argument(metavar="REF", help="Such as v1, basic@v1, basic@production.")
    ],
    config: o.Config = None,
    template: o.TemplateNames = None,
    text: Annotated[
        bool, typer.Option("--text", help="The text and nothing else, exactly as it is.")
    ] = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Show a version: text, engine, variables, hash, aliases, and what became of it.

    On a terminal, control characters are made visible. With --text into a file (or a pipe) the text
    is untouched: 'promptreg templates show basic@production --text > prompt.txt'.
    """
    from promptreg.cli.show import print_json
    from promptreg.pipeline.project import open_project
    from promptreg.pipeline.templates.listing import show_versions
    from promptreg.stages.report.text import clean

    if text and as_json:
        raise UsageError("--text and --json exclude each other")
    o.read_env_file(env_file)
    found = show_versions(open_project(config), ref, o.make_options(template=template))
    if as_json:
        print_json([_as_json(x) for x in found])
    elif text:
        if len(found) > 1:
            names = ", ".join(x.template.name for x in found)
            raise UsageError(f"--text takes one version, and {ref!r} names several: {names}")
        content = found[0].template.text
        if sys.stdout.isatty():
            sys.stdout.write(clean(content, len(content)))
        elif os.environ.get("GITHUB_ACTIONS") == "true" and not _to_file():
            sys.stdout.write(content)  # a job's output must hold no command to its runner
        else:  # exactly: neither the locale's encoding nor its line ends
            sys.stdout.flush()
            sys.stdout.buffer.write(content.encode())
    else:
        for i, shown in enumerate(found):
            if i:
                print()
            _print(shown)
    return 0


def _to_file() -> bool:
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _as_json(shown: Shown) -> dict[str, Any]:
    from promptreg.cli.templates.words import move_json, registered_json

    t = shown.template
    return {
        "template": t.name,
        "label": t.label,
        "sha256": t.sha256,
        "engine": t.engine,
        "variables": list(t.variables),
        "characters": len(t.text),
        "source": t.source,
        "registered": registered_json(shown.registered),
        "aliases": list(shown.aliases),
        "moves": [move_json(m) for m in shown.moves],
        "problem": shown.problem or None,
        "text": t.text,
    }


def _print(shown: Shown) -> None:
    from rich.text import Text

    from promptreg.cli.show import console
    from promptreg.cli.templates.words import TOKENS_PER_CHARACTER, move_words
    from promptreg.stages.report.text import clean, one_line

    t, out = shown.template, console()

    def line(head: str, value: str, style: str = "") -> None:
        out.print(Text(f"{head:<11}", style="dim") + Text(value, style=style), soft_wrap=True)

    out.print(Text(f"{t.name}@{t.label}", style="bold"), soft_wrap=True)
    line("sha256", t.sha256)
    line("engine", t.engine)
    line("variables", ", ".join(t.variables) or ("unknown" if shown.problem else "none"))
    tokens = round(len(t.text) * TOKENS_PER_CHARACTER)
    line("length", f"{len(t.text):,} characters, about {tokens:,} tokens")
    line("source", one_line(t.source))
    if shown.registered is None:
        line("registered", "no")
    else:
        first = shown.registered.registered
        commit = f", commit {first.commit[:10]}" if first.commit else ""
        labels = ", ".join(shown.registered.labels)
        line("registered", one_line(f"as {labels} on {first.at} by {first.by}{commit}"))
    line("aliases", ", ".join(shown.aliases) or "none", "bold" if shown.aliases else "")
    for i, move in enumerate(shown.moves):
        style = "bold red" if move.override else ""
        line("" if i else "history", one_line(move_words(move), 500), style)
    if shown.problem:
        line("problem", one_line(shown.problem, 500), "bold red")
    out.print()
    out.print(Text(clean(t.text, len(t.text))), soft_wrap=True)
