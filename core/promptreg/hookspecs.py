"""The hooks a plug-in may implement, and the marker it implements them with.

    from promptreg import hookimpl

    @hookimpl
    def promptreg_register_scorers(catalog):
        catalog.add("shout", Shout)

Registering must import nothing heavy: put imports of large packages inside the factory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from promptreg.registry import Catalog

if TYPE_CHECKING:
    import typer

    from promptreg.protocols import Embedder, Generator, History, Provider, Reporter, Scorer
    from promptreg.records import Run, Trial
    from promptreg.verdicts import Comparison

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "promptreg"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def promptreg_register_providers(catalog: Catalog[Provider]) -> None:
    """Add factories of providers to the catalogue."""


@hookspec
def promptreg_register_scorers(catalog: Catalog[Scorer]) -> None:
    """Add factories of scorers to the catalogue."""


@hookspec
def promptreg_register_reporters(catalog: Catalog[Reporter]) -> None:
    """Add factories of reporters to the catalogue."""


@hookspec
def promptreg_register_embedders(catalog: Catalog[Embedder]) -> None:
    """Add factories of embedders to the catalogue."""


@hookspec
def promptreg_register_generators(catalog: Catalog[Generator]) -> None:
    """Add factories of generators to the catalogue."""


@hookspec
def promptreg_register_histories(catalog: Catalog[History]) -> None:
    """Add factories of histories to the catalogue."""


@hookspec
def promptreg_register_commands(app: typer.Typer) -> None:
    """Add commands, or groups of them, to the command line.

    Asked for help and for words that promptreg itself does not know, not at every start.
    """


@hookspec
def promptreg_run_started(suite: str, planned: int) -> None:
    """Hear that trials are about to be made, and how many; some may already be in the store."""


@hookspec
def promptreg_trial_finished(trial: Trial) -> None:
    """Hear that a trial is finished, answered or failed. Must not change it."""


@hookspec
def promptreg_run_finished(run: Run) -> None:
    """Hear that a run is complete and stored."""


@hookspec
def promptreg_comparison_finished(comparison: Comparison, purpose: str) -> None:
    """Hear the decision. An exception here is reported and changes nothing.

    Args:
        comparison: what was decided, and by what.
        purpose: what for: `decision` (`compare`, `gate`), `promotion` (`templates promote`) or
            `tests` (pytest, which may make several of one suite).
    """


@hookspec
def promptreg_comparison_failed(
    suite: str, suite_file: str, error: Exception, purpose: str
) -> None:
    """Hear that a comparison came to no decision, before the process ends with an exit code.

    Args:
        suite: the suite's name; empty where the suite file could not be read.
        suite_file: the suite file's path; empty where there is none.
        error: why; the exit code is its `exit_code`, or 5 for what is no `PromptregError`.
        purpose: what it was for, as of a finished one.
    """
