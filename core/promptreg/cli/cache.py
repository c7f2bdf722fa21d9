"""`promptreg cache list/prune/clear`: what the run store holds, and making it smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from promptreg.store.calls import CallStore

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look after the run store: list, prune, clear.")


def _store(config: str | None, env_file: str | None) -> tuple[Path, CallStore | None]:
    from promptreg.pipeline.project import open_project
    from promptreg.store.calls import CallStore

    o.read_env_file(env_file)
    root = open_project(config).store
    return root, CallStore.open(root) if CallStore.exists(root) else None


@app.command("list")
def list_(config: o.Config = None, as_json: o.AsJson = False, env_file: o.EnvFile = None) -> int:
    """Show what is stored: completions, failed calls, runs."""
    from dataclasses import asdict

    from promptreg.cli.show import print_json, print_table
    from promptreg.store.runs import list_runs

    root, store = _store(config, env_file)
    runs = list_runs(root)
    stats = None
    if store is not None:
        with store:
            stats = store.stats()
    if as_json:
        print_json(
            {
                "store": str(root),
                "calls": None if stats is None else asdict(stats),
                "runs": [
                    {
                        "id": r.id,
                        "template": r.facts.template if r.facts else None,
                        "label": r.facts.label if r.facts else None,
                        "made": r.facts.created_at if r.facts else None,
                        "problem": r.problem,
                    }
                    for r in runs
                ],
            }
        )
        return 0
    print(f"store {root}")
    if stats is None:
        print("no completions are stored yet")
    else:
        print(
            f"{stats.completions:,} completions, {stats.failures:,} failed calls on record, "
            f"{stats.size_bytes / 1e6:.1f} MB"
        )
    if runs:
        rows = [
            [f"run:{r.id}", f"{r.facts.template}@{r.facts.label}", r.facts.created_at]
            if r.facts
            else [f"run:{r.id}", "unreadable", r.problem]
            for r in runs
        ]
        print_table(["run", "version", "finished"], rows, set())
    return 0


@app.command()
def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Such as 30d, 12h or 90m.")
    ],
    config: o.Config = None,
    env_file: o.EnvFile = None,
) -> int:
    """Remove completions older than an age; finished runs stay."""
    seconds = _age(older_than)
    _, store = _store(config, env_file)
    if store is None:
        print("no completions are stored; nothing to prune")
        return 0
    with store:
        gone = store.prune(seconds)
    print(f"removed {gone.completions:,} completions, {gone.freed_bytes / 1e6:.1f} MB freed")
    return 0


@app.command()
def clear(
    config: o.Config = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    env_file: o.EnvFile = None,
) -> int:
    """Remove every stored completion; finished runs stay. What was paid for is gone then."""
    root, store = _store(config, env_file)
    if store is None:
        print("no completions are stored; nothing to clear")
        return 0
    with store:
        if not yes:
            n = store.stats().completions
            typer.confirm(f"Remove {n:,} completions from {root}?", abort=True)
        gone = store.clear()
    print(f"removed {gone.completions:,} completions, {gone.freed_bytes / 1e6:.1f} MB freed")
    return 0


def _age(text: str) -> float:
    units = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
    try:
        number = float(text[:-1])
        factor = units[text[-1:]]
    except (ValueError, KeyError):
        number, factor = -1.0, 1.0
    if not 0 <= number < 1e6:
        raise UsageError(f"--older-than {text!r}: must be a number and a unit: 30d, 12h, 90m, 10s")
    return number * factor
