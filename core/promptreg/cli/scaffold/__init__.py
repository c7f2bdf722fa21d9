"""Writing the first files of somebody's own plug-in."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from promptreg.discovery import Plugins
from promptreg.errors import UsageError, did_you_mean

__all__ = ["KINDS", "Package", "plan_package", "write_package"]

KINDS = ("provider", "scorer", "reporter", "embedder", "generator", "history")
_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*\Z")
_LONGEST = 40
_FILES = {
    "pyproject.toml": "pyproject.toml.tmpl",
    "README.md": "README.md.tmpl",
    "{module}.py": "{kind}.py.tmpl",
    "tests/test_{name_}.py": "test_{kind}.py.tmpl",
}


@dataclass(frozen=True, slots=True)
class Package:
    """What is to be written: a package with one plug-in.

    Attributes:
        kind: one of `KINDS`.
        name: what a suite writes after `use:`.
    """

    kind: str
    name: str

    @property
    def module(self) -> str:
        """The module's name: `promptreg_shout`."""
        return f"promptreg_{self.name.replace('-', '_')}"

    @property
    def distribution(self) -> str:
        """The distribution's name: `promptreg-shout`."""
        return self.module.replace("_", "-")

    @property
    def class_name(self) -> str:
        """The class's name: `ShoutScorer`; the kind keeps it apart from what it imports."""
        words = [*re.split("[_-]", self.name), self.kind]
        return "".join(word.capitalize() for word in words)


def plan_package(kind: str, name: str, plugins: Plugins) -> Package:
    """Return the package to write.

    Raises:
        UsageError: the kind is unknown, or the name is malformed or taken.
    """
    if kind not in KINDS:
        raise UsageError(
            f"no kind of plug-in is called {kind!r}{did_you_mean(kind, KINDS)}; "
            f"there are: {', '.join(KINDS)}"
        )
    if not _NAME.match(name) or len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} is no name for a plug-in; allowed: at most {_LONGEST} lower-case letters, "
            "digits and single '_' or '-' between them, a letter first, such as 'word_count'"
        )
    for catalog in plugins.catalogs:
        if catalog.kind == kind and name in catalog:
            raise UsageError(
                f"{catalog.get(name).owner} already has a {kind} called {name!r}; "
                "choose another name"
            )
    package = Package(kind, name)
    if importlib.util.find_spec(package.module):
        raise UsageError(
            f"a module called {package.module} is already installed; choose another name"
        )
    return package


def write_package(package: Package, folder: Path) -> list[Path]:
    """Write the package's files into a new or empty folder, and return their paths.

    Raises:
        UsageError: there is something at that place already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not an empty folder; nothing was written")
    names = {
        "kind": package.kind,
        "name": package.name,
        "name_": package.name.replace("-", "_"),
        "module": package.module,
        "distribution": package.distribution,
        "class_name": package.class_name,
    }
    source = files(__name__)
    written = []
    for target, template in _FILES.items():
        text = (source / template.format(**names)).read_text("utf-8")
        path = folder / target.format(**names)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(names), "utf-8", newline="\n")
        written.append(path)
    return written
