"""A file that says how scenarios are made, opened: its generator is ready to be asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptreg.discovery import Plugins, load_plugins
from promptreg.errors import SuiteError, did_you_mean
from promptreg.pipeline.embed import Place
from promptreg.pipeline.generate.asking import AskedProvider
from promptreg.protocols import GenerationPlan, GenerationRequest, Generator
from promptreg.records import Json
from promptreg.suite import GenerateEntry, Suite, find_suite, load_generation

__all__ = ["Generation", "make_generator", "open_generation"]


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation that was read and checked: who makes what, and where it goes.

    Attributes:
        path: the file that says so.
        entry: its section `generate`, with what the command line says instead.
        suite: the suite, where the file is one.
        generator: ready to be asked.
        owner: distribution and version that brings it.
        target: the fixture's folder.
        store: the run store's folder, for the journal.
        embedding: who embeds the scenarios, where the file names an embedder.
    """

    path: Path
    entry: GenerateEntry
    suite: Suite | None
    plugins: Plugins
    generator: Generator
    owner: str
    target: Path
    store: Path
    embedding: Place | None = None

    def request(self, **more: Any) -> GenerationRequest:
        """Return what the generator is asked for."""
        return GenerationRequest(seed=self.entry.seed, size=self.entry.size, **more)

    def plan(self, limit: int | None = None) -> GenerationPlan:
        """Return what is going to be made.

        Raises:
            SuiteError: settings contradict each other; names the file.
        """
        where = f"{self.path}: generate"
        try:
            return self.generator.plan(self.request(limit=limit))
        except SuiteError as e:
            raise type(e)(str(e) if where in str(e) else f"{where}: {e}") from e

    def shaped_by(self) -> dict[str, Json]:
        """Return everything that shapes the scenarios."""
        identity = json.loads(json.dumps(self.generator.identity(), allow_nan=False))
        return {
            "use": self.entry.use,
            "seed": self.entry.seed,
            "size": self.entry.size,
            "prompts": self.entry.prompts,
            "identity": identity,
        }


def open_generation(
    config: str | None,
    *,
    seed: int | None = None,
    output: str | None = None,
    plugins: Plugins | None = None,
) -> Generation:
    """Find and read the file, and make its generator.

    Raises:
        SuiteError: the file has no generation, or says something it may not.
        PluginError: there is no such generator.
    """
    path = find_suite(config)
    found = load_generation(path)
    entry, base = found.generate, path.resolve().parent
    if entry is None:
        raise SuiteError(f"{path}: has no section 'generate'")
    if seed is not None:
        entry = entry.model_copy(update={"seed": seed})
    plugins = plugins or load_plugins()
    return Generation(
        path=path,
        entry=entry,
        suite=found if isinstance(found, Suite) else None,
        plugins=plugins,
        generator=make_generator(plugins, entry, path),
        owner=plugins.generators.get(entry.use).owner,
        target=base / entry.output if output is None else Path(output),
        store=base / found.store,
        embedding=None
        if found.embedder is None
        else Place(path, found.embedder, plugins, base / found.store),
    )


def make_generator(plugins: Plugins, entry: GenerateEntry, path: Path) -> Generator:
    """Return the generator of a section `generate`; paths of its files start at the suite.

    Raises:
        SuiteError: a setting is unknown or wrong.
        PluginError: there is no such generator.
    """
    where = f"{path}: generate"
    registered = plugins.generators.get(entry.use, where)
    settings = dict(entry.settings)
    own = [name for name in GenerateEntry.model_fields if name != "use"]
    for key in settings:
        if key not in registered.settings() and not registered.open:
            allowed = [*registered.settings(), *own]
            raise SuiteError(
                f"{where}: unknown key {key!r}{did_you_mean(key, allowed)}; allowed: use, "
                f"{', '.join(own)}; for {entry.use!r} also "
                f"{', '.join(registered.settings()) or 'nothing'}"
            )
    for key in ("path", "stories", "images", "prompt", "review"):
        if isinstance(settings.get(key), str):
            settings[key] = str(path.resolve().parent / settings[key])
    if "asked" in registered.settings():
        # How providers are called, retried and paced is the same everywhere; who, it says itself.
        base = path.resolve().parent
        settings["asked"] = lambda given: AskedProvider(plugins, given, base, f"{where}.provider")
    try:
        return plugins.generators.create(entry.use, settings, where)
    except SuiteError as e:
        raise type(e)(str(e) if where in str(e) else f"{where}: {e}") from e
