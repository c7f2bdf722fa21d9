"""`promptreg doctor`: is everything there that a run needs?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from promptreg.cli import options as o
from promptreg.errors import ExitCode, MissingPackageError, PromptregError

if TYPE_CHECKING:
    from promptreg.discovery import Plugins
    from promptreg.pipeline.project import Project

__all__ = ["doctor"]


@dataclass(frozen=True, slots=True)
class _Check:
    """One thing looked at; `ok` None means it was not looked at, which is no fault."""

    name: str
    ok: bool | None
    detail: str
    code: ExitCode = ExitCode.EXECUTION


def doctor(
    config: o.Config = None,
    salvage: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Copy what is readable of a damaged store into a new one; the old file is kept.",
        ),
    ] = False,
    as_json: o.AsJson = False,
    env_file: o.EnvFile = None,
) -> int:
    """Check Python, plug-ins, the suite, the provider, judges, the run store and the history.

    Exits 0 if all is well, 2 if the suite or a plug-in is wrong, 5 if provider or store is.
    """
    from promptreg.cli.show import print_json, print_table
    from promptreg.pipeline.project import open_project
    from promptreg.store.salvage import salvage as salvage_store

    o.read_env_file(env_file)
    if salvage:
        report = salvage_store(open_project(config).store)
        print(
            f"kept {report.completions:,} completions and {report.failures:,} failed calls, "
            f"lost {report.lost:,} completions (they are asked again) and {report.bodies_lost:,} "
            f"raw bodies; the damaged file is {report.damaged}"
        )
        return 0
    checks = list(_look(config))
    bad = [c for c in checks if c.ok is False]
    if as_json:
        print_json([{"check": c.name, "ok": c.ok, "detail": c.detail} for c in checks])
    else:
        words = {True: "ok", False: "FAULT", None: "-"}
        print_table(
            ["check", "", "found"], [[c.name, words[c.ok], c.detail] for c in checks], set()
        )
    return int(bad[0].code) if bad else 0


def _look(config: str | None) -> Iterator[_Check]:
    from promptreg import __version__
    from promptreg.discovery import load_plugins
    from promptreg.pipeline.project import open_project

    version = ".".join(map(str, sys.version_info[:3]))
    yield _Check("python", sys.version_info >= (3, 11), f"{version}, promptreg {__version__}")
    try:
        plugins = load_plugins()
    except PromptregError as e:
        yield _Check("plug-ins", False, str(e), ExitCode.USAGE)
        return
    yield _plugins(plugins)
    try:
        project = open_project(config, plugins)
    except PromptregError as e:
        yield _Check("suite", False, str(e), ExitCode.USAGE)
        return
    yield _suite(project)
    for name in project.suite.providers or ("",):
        yield _provider(project, name)
    yield from _models(project)
    yield _store(project)
    yield _history(project)


def _suite(project: Project) -> _Check:
    """Say whether the suite's scenarios can be read; 'validate' looks into them."""
    try:
        found = project.every_scenario()
    except PromptregError as e:
        return _Check("suite", False, str(e), ExitCode.USAGE)
    n = len(found.scenarios)
    where = f"{project.suite.suite} in {project.path}"
    return _Check("suite", True, f"{where}, {n:,} scenario{'' if n == 1 else 's'}")


def _plugins(plugins: Plugins) -> _Check:
    n = sum(len(c) for c in plugins.catalogs)
    if plugins.broken:
        listed = "; ".join(f"{b.name} of {b.owner}: {b.reason}" for b in plugins.broken)
        return _Check("plug-ins", False, f"{n} registered; broken: {listed}", ExitCode.USAGE)
    blocked = f"; blocked: {', '.join(plugins.blocked)}" if plugins.blocked else ""
    return _Check("plug-ins", True, f"{n} registered{blocked}")


def _provider(project: Project, name: str) -> _Check:
    from promptreg.cli.doctor_models import probe_of, probe_words
    from promptreg.pipeline.parts import make_provider

    use = project.suite.provider_of(name).use
    what = f"provider {name}" if name else "provider"
    try:
        probe = probe_of(make_provider(project, name))
    except PromptregError as e:
        return _Check(what, False, f"{use}: {e}", e.exit_code)
    return _Check(what, probe.ready, f"{use}: {probe_words(probe)}")


def _models(project: Project) -> Iterator[_Check]:
    """Look at the models besides the provider: those that scorers ask, and the embedder."""
    from promptreg.cli.doctor_models import embedder_found, scorers_models

    found = list(scorers_models(project))
    if project.suite.embedder is not None:
        found.append(embedder_found(project))
    for name, ok, detail, code in found:
        yield _Check(name, ok, detail, code)


def _history(project: Project) -> _Check:
    """Say whether the history can be reached; nothing that a run needs depends on it."""
    from promptreg.numbers import count
    from promptreg.pipeline.history.sync import make_history
    from promptreg.store.outbox import Outbox

    try:
        waiting = len(Outbox(project.store).waiting())
        history = make_history(project)
        probe = history.probe()
    except MissingPackageError as e:
        named = project.suite.history is not None
        return _Check("history", False if named else None, str(e), ExitCode.USAGE)
    except PromptregError as e:
        return _Check("history", False, str(e), e.exit_code)
    kept = f"; {count(waiting, 'entry')} to be recorded" if waiting else ""
    return _Check("history", probe.ready, f"{probe.detail or history.where()}{kept}")


def _store(project: Project) -> _Check:
    from promptreg.store.calls import CallStore
    from promptreg.store.salvage import verify

    try:
        existed = CallStore.exists(project.store)
        found = verify(project.store) if existed else []
        if found:
            told = found[:5] + ([f"{len(found) - 5} findings more"] if found[5:] else [])
            if not any("--salvage" in line for line in told):
                told.append("'promptreg doctor --salvage' keeps every readable row")
            return _Check("store", False, "; ".join(told))
        with CallStore.open(project.store) as store:
            stats = store.stats()
    except PromptregError as e:
        return _Check("store", False, str(e))
    return _Check("store", True, f"{project.store}: writable, {stats.completions:,} completions")
