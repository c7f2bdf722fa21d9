"""The suite as it was where the change started."""

from __future__ import annotations

from dataclasses import dataclass

from promptreg.errors import SuiteError
from promptreg.pipeline.project import Project
from promptreg.stages.load import Revision, merge_base, past_text, uncommitted
from promptreg.suite import Suite, parse_suite

__all__ = ["Base", "open_base"]

_MAX_SUITE_BYTES = 256_000


@dataclass(frozen=True, slots=True)
class Base:
    """Where a change started.

    Attributes:
        ref: what was asked for, such as `origin/main`.
        revision: the merge base of that and HEAD.
        suite: the suite file there.
        uncommitted: tracked files that differ from HEAD; None where git did not tell.
    """

    ref: str
    revision: Revision
    suite: Suite
    uncommitted: int | None

    @property
    def commit(self) -> str:
        """The commit's hash, shortened for people."""
        return self.revision.commit[:10]

    @property
    def sides(self) -> str:
        """What is compared with what, in one sentence."""
        files = "file" if self.uncommitted == 1 else "files"
        dirty = f", with {self.uncommitted} uncommitted {files}" if self.uncommitted else ""
        return (
            f"baseline: {self.commit}, the merge base of {self.ref} and HEAD; "
            f"candidate: the work tree{dirty}"
        )


def open_base(project: Project, ref: str) -> Base:
    """Read the suite file at the merge base of `ref` and HEAD.

    Raises:
        TemplateError: no repository, no such revision, or a clone too shallow to tell.
        SuiteError: there was no such suite file, or it says something it may not.
        NotComparableError: HEAD and `ref` share no history.
    """
    revision = merge_base(project.base, ref)
    path = project.path.resolve()
    where = f"{path.name} at the {revision.name} ({revision.commit[:10]})"
    text = past_text(revision, path.name, _MAX_SUITE_BYTES)
    toml = path.suffix == ".toml"
    if text is None or (toml and "[tool.promptreg" not in text):
        raise SuiteError(
            f"{where}: there is no suite in {revision.prefix or 'the top folder'}, so there is no "
            "baseline and no policy to be held to. If this change adds or moves the suite, compare "
            "two versions ('promptreg gate v1 v2') until it is merged"
        )
    return Base(ref, revision, parse_suite(text, where, toml=toml), uncommitted(project.base))
