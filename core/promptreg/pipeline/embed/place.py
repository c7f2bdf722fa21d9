"""Who embeds: the embedder that a suite, or a file that generates scenarios, names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promptreg.discovery import Plugins
from promptreg.errors import SuiteError
from promptreg.pipeline.project import Project
from promptreg.protocols import Embedder
from promptreg.suite import EmbedderEntry

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """An embedder as it is named in a file.

    Attributes:
        path: the file.
        entry: its section `embedder`.
        store: where vectors are kept.
    """

    path: Path
    entry: EmbedderEntry
    plugins: Plugins
    store: Path

    @classmethod
    def of(cls, project: Project) -> Place:
        """Return the suite's.

        Raises:
            SuiteError: it names none.
        """
        entry = project.suite.embedder
        if entry is None:
            known = ", ".join(e.name for e in project.plugins.embedders) or "none"
            raise SuiteError(
                f"{project.path}: no embedder is named; add, for example, 'embedder: {{use: "
                f"sentence_transformers, model: minilm}}' (there are: {known})"
            )
        return cls(project.path, entry, project.plugins, project.store)

    @property
    def owner(self) -> str:
        """Distribution and version that brings the embedder."""
        return self.plugins.embedders.get(self.entry.use).owner

    def make(self) -> Embedder:
        """Return the embedder.

        Raises:
            SuiteError: its settings are wrong.
            PluginError: it is unknown, or a package it needs is not installed.
        """
        settings = self.entry.settings
        model, base = settings.get("model"), self.path.resolve().parent
        if isinstance(model, str) and (base / model).is_dir():
            settings["model"] = str(base / model)  # relative to the suite, as all paths are
        return self.plugins.embedders.create(self.entry.use, settings, f"{self.path}: embedder")
