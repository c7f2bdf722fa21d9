"""A suite's files as they were when a branch left another one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from promptreg.errors import DataError, NotComparableError, TemplateError
from promptreg.records import ScenarioSet, Template
from promptreg.stages.load.gitsource import Revision, is_shallow, run_git
from promptreg.stages.load.scenarios import load_scenarios
from promptreg.stages.load.sources import parse_source, read_source
from promptreg.stages.load.table import MAX_FILE_BYTES
from promptreg.stages.load.templates import own_source
from promptreg.stages.load.text import decode
from promptreg.suite import TemplateEntry

__all__ = [
    "edited_files",
    "is_tracked",
    "merge_base",
    "past_bytes",
    "past_scenarios",
    "past_template",
    "past_text",
    "uncommitted",
]


def merge_base(base: Path, ref: str) -> Revision:
    """Return the commit at which HEAD left another branch.

    Args:
        base: a folder of the repository; paths will be relative to it.
        ref: a branch, tag or commit, such as `origin/main`.

    Raises:
        TemplateError: no repository, no such revision, or a clone too shallow to tell.
        NotComparableError: HEAD and `ref` share no history.
    """
    theirs, ours = Revision.find(base, ref), Revision.find(base, "HEAD")
    found = run_git(base, "merge-base", ours.commit, theirs.commit)
    commit = found.stdout.decode("ascii", "replace").strip()
    if found.returncode or not commit:
        if is_shallow(base):
            raise TemplateError(
                f"{ref} and HEAD have no common commit in this shallow clone; fetch more of the "
                "history (git fetch --deepen=200, or fetch-depth: 0 in a CI checkout)"
            )
        raise NotComparableError(
            f"not comparable: {ref} ({theirs.commit[:10]}) and HEAD ({ours.commit[:10]}) share no "
            "history, so nothing says what the change started from"
        )
    return Revision(base, f"merge base of {ref} and HEAD", commit, ours.prefix)


def uncommitted(base: Path) -> int | None:
    """Return how many tracked files differ from HEAD; None where git does not tell."""
    try:
        options = ("--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all")
        found = run_git(base, "status", "--no-renames", *options)
    except TemplateError:  # git was slow: no reason to stop
        return None
    return None if found.returncode else found.stdout.count(b"\0")


def is_tracked(base: Path, path: str) -> bool:
    """Return whether git knows a file of the work tree."""
    return run_git(base, "ls-files", "--error-unmatch", "--", path).returncode == 0


def edited_files(revision: Revision, paths: Sequence[str]) -> tuple[str, ...]:
    """Return which of some files differ from what the revision holds; those it lacks do not count.

    Args:
        revision: with the folder that shown names start from.
        paths: as they can be opened.
    """
    wanted = {os.path.realpath(path): path for path in paths}
    if not wanted:
        return ()
    options = ("--name-only", "-z", "--no-renames", "--diff-filter=MDT", "--no-ext-diff")
    found = run_git(revision.base, "diff", *options, "--relative", revision.commit, "--", ".")
    names = [os.fsdecode(name) for name in found.stdout.split(b"\0") if name]
    here = os.path.realpath(revision.base)
    return tuple(sorted(n for n in names if os.path.realpath(f"{here}/{n}") in wanted))


def past_text(revision: Revision, path: str, limit: int) -> str | None:
    """Return the text of a file beside the suite; None where the revision lacks it.

    Raises:
        TemplateError: it is no plain file, above `limit` bytes, or no UTF-8.
    """
    if not revision.holds(path, exact=True):
        return None
    data, full = revision.read(path, limit, exact=True)
    return decode(data, f"{full} at {revision.name}", TemplateError)


def past_bytes(revision: Revision, path: str) -> bytes | None:
    """Return the bytes of a data file beside the suite; None where the revision lacks it.

    Raises:
        TemplateError: it is no plain file, or larger than data files may be.
    """
    if not revision.holds(path, exact=True):
        return None
    return revision.read(path, MAX_FILE_BYTES, exact=True)[0]


def past_template(name: str, label: str, entry: TemplateEntry, revision: Revision) -> Template:
    """Return one labelled version of a template as it was; its label names the commit as well.

    Args:
        name: the template's name in the suite.
        label: one of the entry's labels.
        entry: the entry of the suite at that revision, which may name another file than today's.
        revision: where files are read; a source that names a revision keeps its own.

    Raises:
        TemplateError: the source is not in the revision, or no readable text.
    """
    where = f"templates.{name}.{label} at {revision.commit[:10]}"
    source = parse_source(entry.versions[label], where)
    if source.kind == "same":
        own = own_source(name, entry)
        source = type(own)(own.kind, own.path, own.selector, source.revision)
    found = read_source(source, revision.base, where, entry.engine, revision)
    short = f"{label}@{revision.commit[:10]}"
    return Template(name, short, entry.engine, found.text, source=found.origin)


def past_scenarios(
    revision: Revision,
    path: str,
    *,
    cluster: str | None = None,
    attributes: Sequence[str] | None = None,
) -> ScenarioSet | None:
    """Return the scenarios of a file as they were; None where the revision lacks the file.

    Images are named by scenarios, not held: they are those of the work tree.

    Raises:
        DataError: the file cannot be read as promised.
    """
    name = _relative(revision.base, path)
    if name is None or not revision.holds(name, exact=True):
        return None
    try:
        data, _ = revision.read(name, MAX_FILE_BYTES, exact=True)
    except TemplateError as e:
        raise DataError(str(e)) from e
    now = revision.base / name
    shown = now.with_name(f"{now.name} at {revision.commit[:10]}")
    if now.is_file() and now.stat().st_size == len(data) and now.read_bytes() == data:
        return load_scenarios(now, cluster=cluster, attributes=attributes)
    with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:
        copy = Path(folder) / f"scenarios{now.suffix}"
        copy.write_bytes(data)
        try:
            return load_scenarios(copy, cluster=cluster, attributes=attributes, stands_for=shown)
        except DataError as e:
            raise DataError(str(e).replace(str(copy), str(shown))) from e


def _relative(base: Path, path: str) -> str | None:
    """Return a path of a suite relative to its folder; None where it is on another drive."""
    try:
        return os.path.relpath(base / path, base).replace(os.sep, "/")
    except ValueError:
        return None
