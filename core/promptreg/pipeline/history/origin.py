"""Where the work tree stands: commit, branch, and whether files were edited."""

from __future__ import annotations

import os
from pathlib import Path

from promptreg.errors import TemplateError
from promptreg.past import Origin
from promptreg.stages.load.gitsource import run_git
from promptreg.store.problems import running_version

__all__ = ["origin"]

_BRANCH_VARIABLES = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BRANCH_NAME")


def origin(base: Path) -> Origin:
    """Return where the repository around a folder stands; all empty where there is none.

    CI jobs check commits out, not branches: there the job's variables name the branch.
    """
    options = ("--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all")
    try:
        found = run_git(base, "status", *options)
    except TemplateError:  # no git here, or it was slow
        return Origin(version=running_version())
    if found.returncode:
        return Origin(version=running_version())
    lines = found.stdout.decode("utf-8", "replace").splitlines()
    head = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    commit = head.get("branch.oid", "").strip()
    branch = head.get("branch.head", "").strip()
    if branch == "(detached)":
        branch = next((os.environ[v] for v in _BRANCH_VARIABLES if os.environ.get(v)), "")
    return Origin(
        commit="" if commit == "(initial)" else commit,
        branch=branch,
        dirty=any(not line.startswith("#") for line in lines),
        version=running_version(),
    )
