"""`promptreg history sync`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from promptreg.cli import options as o
from promptreg.errors import ExitCode

if TYPE_CHECKING:
    from promptreg.pipeline.history.sync import Synced

__all__ = ["sync", "told"]

_PATIENCE_S = 20.0


def sync(
    config: o.Config = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    env_file: o.EnvFile = None,
) -> int:
    """Record what waits in the outbox.

    What is recorded already is left alone, so that it can be killed and called again at any time.
    Aliases of the template registry are brought to where they point now. Exits 5 if the history
    cannot be reached; everything is kept then.
    """
    from promptreg.cli.show import complain, print_json
    from promptreg.pipeline.history.sync import make_history
    from promptreg.pipeline.history.sync import sync as record_waiting
    from promptreg.pipeline.project import open_project
    from promptreg.stages.report.text import clean

    o.read_env_file(env_file)
    project = open_project(config)
    done = record_waiting(project, make_history(project), patience_s=_PATIENCE_S)
    if as_json:
        print_json(asdict(done))
    elif not quiet or done.problem:
        print(clean(told(done)))
        for note in done.notes:
            print(clean(f"note: {note}"))
    complain(project.plugins)
    return int(ExitCode.EXECUTION if done.problem else ExitCode.OK)


def told(done: Synced) -> str:
    """Return what came of recording, in one line."""
    from promptreg.numbers import count

    if done.busy:
        return f"another process is recording into {done.where}"
    if done.problem:
        held = "entry is" if done.waiting == 1 else "entries are"
        return f"not recorded: {done.problem}; {done.waiting} {held} kept in the outbox"
    parts = [f"recorded {count(done.recorded, 'entry')} in {done.where}"]
    if done.known:
        parts.append(f"{done.known} already there")
    if done.moves:
        parts.append(f"{count(done.moves, 'move')} of aliases recorded")
    if done.moved:
        parts.append(f"{done.moved} {'alias' if done.moved == 1 else 'aliases'} brought up to date")
    if done.waiting:
        parts.append(f"{done.waiting} still waiting")
    return "; ".join(parts)
