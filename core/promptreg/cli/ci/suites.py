"""What CI has to know of a suite: where it lies, and how it is gated."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promptreg.errors import PromptregError, TemplateError, UsageError

if TYPE_CHECKING:
    from promptreg.suite import Suite

__all__ = ["Wanted", "standing_suite", "starter_suite", "suite_file_in"]

_NAMES = ("promptreg.yaml", "promptreg.yml", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A suite as CI sees it.

    Attributes:
        top: the checkout's top folder.
        file: the suite file's path below it, with slashes.
        name: the suite's name.
        versions: two labels to compare; empty: what the change touches is compared with its base.
        data: paths below the suite's folder that `validate` looks at.
    """

    top: Path
    file: str
    name: str
    versions: tuple[str, ...]
    data: tuple[str, ...] = ("scenarios.jsonl", "templates/", "promptreg.registry.jsonl")

    @property
    def folder(self) -> str:
        """The suite's folder below the top, with a slash at its end; empty for the top itself."""
        return self.file.rpartition("/")[0] + "/" if "/" in self.file else ""

    @property
    def slug(self) -> str:
        """A name for files and jobs: of the folder, so that suites of one repository differ."""
        words = re.sub(r"[^a-z0-9]+", "-", self.folder.lower()).strip("-")
        return f"promptreg-{words}" if words else "promptreg"

    @property
    def config(self) -> str:
        """The option that names the suite, with a space before it; empty where it is found."""
        return "" if self.file in _NAMES else f" -c {shlex.quote(self.file)}"


def suite_file_in(folder: Path) -> Path | None:
    """Return the suite file that lies in a folder, None: there is none."""
    for name in _NAMES:
        path = folder / name
        if path.is_file() and (
            path.suffix != ".toml" or "[tool.promptreg]" in path.read_text("utf-8", "replace")
        ):
            return path
    return None


def starter_suite(folder: Path, *, at_top: bool) -> Wanted:
    """Return the suite that `init` writes, which compares two labels.

    Args:
        folder: where it is written.
        at_top: take the repository's top for the checkout's, else the folder itself.
    """
    top = _top(folder) if at_top else folder
    return _wanted(top, folder / "promptreg.yaml", "demo", ("v1", "v2"))


def standing_suite(path: Path) -> Wanted:
    """Return a suite that is there already.

    Raises:
        SuiteError: the suite file is wrong.
        UsageError: its path cannot stand in a workflow, or its completions are recorded and no
            template has two versions to compare.
    """
    from promptreg.pipeline.parts import make_provider
    from promptreg.pipeline.project import open_project

    project = open_project(str(path))
    suite = project.suite
    try:
        live = all(make_provider(project, n).cacheable for n in suite.providers or ("",))
    except PromptregError:  # it needs a key or a file that is not here; then it answers prompts
        entries = suite.providers.values() or [suite.provider]
        live = all(entry.use != "recorded" for entry in entries)
    versions: tuple[str, ...] = ()
    if not live:
        versions = next(
            (tuple(t.versions)[:2] for t in suite.templates.values() if len(t.versions) > 1), ()
        )
        if not versions:
            raise UsageError(
                f"{path}: completions of the provider {suite.provider.use} are found by label, and "
                "no template has two versions to compare; a gate needs a second one"
            )
    return _wanted(_top(path.parent), path, suite.suite, versions, tuple(_data(suite, path.parent)))


def _data(suite: Suite, base: Path) -> list[str]:
    """Return what `validate` reads besides the suite file: paths below its folder."""
    from promptreg.stages.load.sources import parse_source, read_source

    found = [suite.scenarios, suite.registry]
    if suite.generate is not None:
        found.append(f"{suite.generate.output.rstrip('/')}/")
    for name, template in suite.templates.items():
        for label, text in template.versions.items():
            source = parse_source(text, f"{name}@{label}")
            stem = source.path.replace(".", "/")
            places = [source.path, f"{stem}.py", f"src/{stem}.py", f"{stem}/__init__.py"]
            there = [p for p in places if not source.revision and (base / p).is_file()]
            found += there[:1]
            with suppress(TemplateError):  # 'validate' says what is wrong with it
                looked = read_source(source, base, name, template.engine).looked if there else ()
                found += [p for p in looked if (base / p).is_file()]
    kept = [p for p in dict.fromkeys(found) if not Path(p).is_absolute() and ".." not in p]
    folders = tuple(p for p in kept if p.endswith("/"))
    return [p for p in kept if p in folders or not p.startswith(folders)]


def _wanted(
    top: Path, path: Path, name: str, versions: tuple[str, ...], data: tuple[str, ...] = ()
) -> Wanted:
    file = path.resolve().relative_to(top.resolve()).as_posix()
    for text in (file, name, *versions):
        if "${{" in text or not text.isprintable():
            raise UsageError(
                f"{text!r} cannot stand in a workflow; allowed: printable signs without '${{{{'"
            )
    return Wanted(top, file, name, versions, data) if data else Wanted(top, file, name, versions)


def _top(folder: Path) -> Path:
    """Return the top of the repository around a folder, or the folder where there is none."""
    from promptreg.stages.load.gitsource import run_git

    place = folder.resolve()
    while not place.is_dir():  # it is still to be made
        place = place.parent
    try:
        done = run_git(place, "rev-parse", "--show-toplevel")
    except PromptregError:
        return folder
    found = done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")
    return Path(found) if not done.returncode and found else folder
