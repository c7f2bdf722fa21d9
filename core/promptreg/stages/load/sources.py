"""Where a template's text comes from: the grammar of sources in a suite."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from promptreg.errors import TemplateError
from promptreg.stages.load.constants import MAX_TEMPLATE, constant_of, text_constants, value_at
from promptreg.stages.load.gitsource import Revision
from promptreg.stages.load.includes import with_includes
from promptreg.stages.load.jsonfile import parse_json
from promptreg.stages.load.places import Places
from promptreg.stages.load.text import decode, read_bytes
from promptreg.stages.load.yamlfile import parse_yaml

__all__ = ["Source", "SourceText", "parse_source", "read_source"]

_CONSTANT = re.compile(r"(?P<file>[^:]{1,500}):(?P<name>[A-Za-z_][A-Za-z0-9_]{0,200})\Z")
_MODULE = re.compile(r"[A-Za-z_]\w{0,100}(?:\.[A-Za-z_]\w{0,100}){0,20}\Z")
_DATA_FILES = (".json", ".yaml", ".yml")


class _Files(Protocol):
    def holds(self, path: str) -> bool: ...

    def read(self, path: str, limit: int) -> tuple[bytes, str]: ...


class _WorkTree:
    """Files as they are now: beside the suite, then at the top of the repository."""

    def __init__(self, base: Path, where: str) -> None:
        self._places = Places(base)
        self._where = where

    def _find(self, path: str) -> Path:
        """Return the file beside the suite, or where it would have to be."""
        beside = self._places.inside(Path(path), self._where)
        if beside.is_file():
            return beside
        top = self._places.inside(self._places.root / path, self._where)
        return top if top.is_file() else beside

    def holds(self, path: str) -> bool:
        return self._find(path).is_file()

    def read(self, path: str, limit: int) -> tuple[bytes, str]:
        return read_bytes(self._find(path), limit, TemplateError), path


@dataclass(frozen=True)
class Source:
    """One place a text is read from.

    Attributes:
        kind: `file`, `constant` (of a Python file or module) or `key` (of JSON or YAML).
        path: file, or module with dots.
        selector: the constant's name or the key's path.
        revision: a git revision; empty: the work tree.
    """

    kind: Literal["file", "constant", "key", "same"]
    path: str
    selector: str = ""
    revision: str = ""


def parse_source(text: str, where: str) -> Source:
    """Return what a source says; `git:REV` alone has the kind `same`.

    Raises:
        TemplateError: it says nothing that can be read.
    """
    if not text.strip() or not text.isprintable() or len(text) > 1000:
        raise TemplateError(f"{where}: {text!r:.80} is no source of a template")
    if text.startswith("prompts:/"):
        raise TemplateError(
            f"{where}: {text}: needs a prompt registry, and none is connected here; allowed: a "
            "text file, module:CONSTANT, file.yaml#key.path, git:REV:path"
        )
    if text.startswith("git:"):
        revision, _, rest = text[4:].partition(":")
        if not revision:
            raise TemplateError(f"{where}: {text}: the revision is missing; allowed: git:REV:path")
        if not rest:
            return Source("same", "", revision=revision)
        inner = parse_source(rest, where)
        if inner.revision:
            raise TemplateError(f"{where}: {text}: names two revisions")
        return Source(inner.kind, inner.path, inner.selector, revision)
    file, mark, key = text.partition("#")
    if mark and file.lower().endswith(_DATA_FILES):
        if not key:
            raise TemplateError(f"{where}: {text}: the key after '#' is missing")
        return Source("key", file, key)
    match = _CONSTANT.match(text)
    if match and (match["file"].endswith(".py") or _MODULE.match(match["file"])):
        return Source("constant", match["file"], match["name"])
    return Source("file", text)


class SourceText(NamedTuple):
    """What a source holds.

    Attributes:
        text: with everything it includes.
        origin: where it came from, for people.
        looked: names under which included files were looked for, from the suite's folder.
    """

    text: str
    origin: str
    looked: tuple[str, ...] = ()


def read_source(
    source: Source, base: Path, where: str, engine: str, at: Revision | None = None
) -> SourceText:
    """Return what a source holds.

    Args:
        source: not of the kind `same`.
        base: the folder of the suite file.
        where: begins every message.
        engine: the template's; `jinja` may include files.
        at: where a source that names no revision itself is read; None: the work tree.

    Raises:
        TemplateError: missing, outside of the project, not readable as text.
    """
    try:
        files: _Files
        revision = Revision.find(base, source.revision) if source.revision else at
        if revision is not None:
            files, origin = revision, f" at {revision.name} ({revision.commit[:10]})"
        else:
            files, origin = _WorkTree(base, where), ""
        text, label, path = _extract(source, files, where, installed=revision is None)
        text = _normal(text, f"{where}: {label}")
        looked: tuple[str, ...] = ()
        if engine == "jinja":
            folder = posixpath.dirname(path.replace("\\", "/"))
            text, looked = with_includes(text, folder, _reader(files, where), f"{where}: {label}")
            text = _normal(text, f"{where}: {label}")
    except TemplateError as e:
        if str(e).startswith(where):
            raise
        raise TemplateError(f"{where}: {e}") from e
    return SourceText(text, label + origin, looked)


def _reader(files: _Files, where: str) -> Callable[[str], str | None]:
    def read(path: str) -> str | None:
        if not files.holds(path):
            return None
        data, shown = files.read(path, MAX_TEMPLATE)
        return _lines(decode(data, f"{where}: {shown}", TemplateError))

    return read


def _extract(source: Source, files: _Files, where: str, *, installed: bool) -> tuple[str, str, str]:
    """Return a text, what its place is called, and its file."""
    if source.kind == "constant":
        data, path = _module(source, files, where, installed=installed)
        text = decode(data, f"{where}: {path}", TemplateError)
        constant = constant_of(text, source.selector, f"{where}: {path}")
        return constant, f"{path}:{source.selector}", path
    data, path = files.read(source.path, MAX_TEMPLATE)
    text = decode(data, f"{where}: {path}", TemplateError)
    if source.kind == "key":
        parse = parse_json if path.lower().endswith(".json") else parse_yaml
        value = parse(text, f"{where}: {path}", TemplateError)
        text = value_at(value, source.selector, f"{where}: {path}")
        return text, f"{path}#{source.selector}", path
    suffix = Path(path).suffix.lower()
    if suffix == ".py":
        names = ", ".join(text_constants(text, f"{where}: {path}")[:20]) or "none in capitals"
        raise TemplateError(f"{where}: {path}: name a constant, as {path}:NAME; there are: {names}")
    return text, path, path


def _module(source: Source, files: _Files, where: str, *, installed: bool) -> tuple[bytes, str]:
    """Find a module's file without importing it or its parents."""
    if source.path.endswith(".py"):
        return files.read(source.path, MAX_TEMPLATE)
    stem = source.path.replace(".", "/")
    names = [f"{s}{end}" for s in (stem, f"src/{stem}") for end in (".py", "/__init__.py")]
    for name in names:
        if files.holds(name):
            return files.read(name, MAX_TEMPLATE)
    if installed:
        for entry in sys.path:
            for name in names[:2]:
                path = Path(entry or ".") / name
                if path.is_file():
                    return read_bytes(path, MAX_TEMPLATE, TemplateError), str(path)
    raise TemplateError(
        f"{where}: no module {source.path!r}; looked for {', '.join(names)} beside the suite and "
        "at the top of the repository" + (", and on the Python path" if installed else "")
    )


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _normal(text: str, where: str) -> str:
    text = _lines(text)
    if not text.strip():
        raise TemplateError(f"{where}: is empty")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TemplateError(f"{where}: line {line}: holds a NUL character; is this a text file?")
    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"{where}: longer than {MAX_TEMPLATE:,} characters")
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise TemplateError(f"{where}: holds half of a surrogate pair at {e.start}") from e
    return text
