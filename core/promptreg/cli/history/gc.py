"""`promptreg history gc`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import options as o
from promptreg.cli.history import asking as a
from promptreg.clock import to_minute
from promptreg.errors import UsageError

if TYPE_CHECKING:
    from promptreg.past import Past

__all__ = ["gc"]


def gc(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Comparisons, runs, bisections to remove."),
    ] = None,
    config: o.Config = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="WHEN", help="30d, or 2026-10-01.")
    ] = None,
    template: a.TemplateName = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Only runs of a part of the scenarios.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove; without it, only say what would be.")
    ] = False,
    no_sync: a.NoSync = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Say which runs, comparisons and bisections would be removed; remove them with --yes.

    Several conditions must all hold. A run that a comparison which stays speaks of is kept, and so
    are promotions and rollbacks: the template registry would bring them back. On a
    server they are deleted as MLflow does it: 'mlflow gc' there frees the space.
    """
    from promptreg.cli.show import print_json, print_table
    from promptreg.past import PastRun, Wanted

    if not (ids or older_than or template or partial):
        raise UsageError("say what to remove: ids, --older-than, --template or --partial")
    o.read_env_file(env_file)
    before = a.moment(older_than, "--older-than")
    project, history = a.open_history(config, no_sync=no_sync)
    wanted = Wanted(project.suite.suite, template)
    named = {a.find_one(project, history, id_).id for id_ in ids or []}

    def chosen(one: Past) -> bool:
        if named and one.id not in named:
            return False
        if before and one.created_at >= before:
            return False
        return not partial or (isinstance(one, PastRun) and one.partial)

    comparisons = [c for c in history.comparisons(wanted) if chosen(c)]
    gone = {c.id for c in comparisons}
    every = history.comparisons(Wanted(project.suite.suite))
    kept = {
        run
        for c in every
        if c.id not in gone
        for run in (*c.baseline_runs.values(), *c.candidate_runs.values())
    }
    runs = [r for r in history.runs(wanted) if chosen(r) and r.id not in kept]
    events = [e for e in history.events(wanted) if chosen(e) and e.kind == "bisection"]
    found: list[Past] = [*comparisons, *runs, *events]
    removed = history.remove(found) if yes else 0
    if as_json:
        print_json({"found": [one.id for one in found], "removed": removed})
        return 0
    rows = [
        ["comparison", c.id[:10], to_minute(c.created_at), f"{c.baseline} > {c.candidate}"]
        for c in comparisons
    ]
    rows += [["run", r.id[:24], to_minute(r.created_at), f"{r.template}@{r.label}"] for r in runs]
    rows += [[e.kind, e.id[:10], to_minute(e.created_at), e.summary[:60]] for e in events]
    if rows:
        print_table(["kind", "id", "finished", "what"], rows, set())
    held = [id_ for id_ in named if id_ in kept]
    for id_ in held:
        print(f"run {id_} is kept: a comparison that stays speaks of it")
    if yes:
        print(f"removed {removed} from {history.where()}")
    else:
        print(f"{len(found)} would be removed; --yes removes them")
    return 0
