"""Distributions that are installed by writing their metadata into a folder on sys.path."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


class FakeSite:
    """A folder on sys.path; what is added there counts as installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules: list[str] = []

    def add(
        self,
        name: str,
        entries: Mapping[str, str],
        modules: Mapping[str, str] | None = None,
        version: str = "1.0",
    ) -> None:
        """Install a distribution with entry points of promptreg, and its modules."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8"
        )
        lines = [f"{key} = {value}\n" for key, value in entries.items()]
        (info / "entry_points.txt").write_text("[promptreg]\n" + "".join(lines), "utf-8")
        for module, source in (modules or {}).items():
            (self.folder / f"{module}.py").write_text(dedent(source), "utf-8")
            self._modules.append(module)
        importlib.invalidate_caches()

    def forget(self) -> None:
        """Drop what was imported from here, so that no other test sees it."""
        for module in self._modules:
            sys.modules.pop(module, None)
