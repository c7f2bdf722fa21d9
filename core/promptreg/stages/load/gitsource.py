"""Files as they are in a git revision, never as they are in the work tree."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from promptreg.errors import TemplateError

__all__ = ["Revision", "is_shallow", "run_git"]

_TIMEOUT_S = 30
_LFS_OBJECT = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class Revision:
    """A commit of the repository around a folder.

    Attributes:
        base: the folder paths are relative to.
        name: the revision as it was asked for.
        commit: its hash.
        prefix: where the folder lies below the top of the repository.
    """

    base: Path
    name: str
    commit: str
    prefix: str

    @classmethod
    def find(cls, base: Path, name: str) -> Revision:
        """Return the commit that a revision names.

        Raises:
            TemplateError: no git, no repository, or no such revision.
        """
        if not name or not name.isprintable() or name.startswith((":", "-")) or len(name) > 200:
            raise TemplateError(f"{name!r:.80} is no git revision")
        prefix = _text(run_git(base, "rev-parse", "--show-prefix"), base)
        found = run_git(
            base, "rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"
        )
        if found.returncode:
            hint = (
                "; this clone is shallow: fetch the history (git fetch --unshallow, or "
                "fetch-depth: 0 in a CI checkout)"
                if is_shallow(base)
                else "; see 'git log' and 'git branch -a'"
            )
            raise TemplateError(f"git knows no revision {name!r} in {base}{hint}")
        return cls(base, name, found.stdout.decode("ascii").strip(), prefix.rstrip("\n"))

    def read(self, path: str, limit: int, *, exact: bool = False) -> tuple[bytes, str]:
        """Return a file's bytes and its path from the top of the repository.

        The path is taken relative to the suite's folder, then to the top of the repository.

        Args:
            path: with slashes.
            limit: bytes.
            exact: relative to the suite's folder only.

        Raises:
            TemplateError: not in this revision, no plain file, or above `limit` bytes.
        """
        found = self._find(path, exact)
        if found is None:
            raise TemplateError(
                f"{path}: not in revision {self.name} ({self.commit[:10]}){self._submodule(path)}"
            )
        entry, full = found
        return self._blob(entry, full, limit), full

    def holds(self, path: str, *, exact: bool = False) -> bool:
        """Return whether the revision has something of that name."""
        return self._find(path, exact) is not None

    def _find(self, path: str, exact: bool = False) -> tuple[str, str] | None:
        """Return the tree's entry and the path from the top."""
        for start in (self.prefix,) if exact else dict.fromkeys((self.prefix, "")):
            full = self._full(start, path)
            if full is not None and (entry := self._entry(full)):
                return entry, full
        return None

    @staticmethod
    def _full(start: str, path: str) -> str | None:
        full = posixpath.normpath(posixpath.join(start, path.replace("\\", "/")))
        return None if full.startswith(("../", "/")) or full in ("..", ".") else full

    def _entry(self, full: str) -> str:
        listed = run_git(self.base, "ls-tree", "-z", "--full-tree", self.commit, "--", full)
        return "" if listed.returncode else listed.stdout.split(b"\0")[0].decode("utf-8", "replace")

    def _submodule(self, path: str) -> str:
        """Return why a path below a submodule is not found, for messages; else nothing."""
        full = self._full(self.prefix, path) or ""
        parents = full.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            folder = "/".join(parents[:depth])
            if self._entry(folder).startswith("160000 "):
                return (
                    f"; {folder} is a submodule, whose files this repository does not hold: keep "
                    "the suite in the same repository as its templates and scenarios"
                )
        return ""

    def _blob(self, entry: str, full: str, limit: int) -> bytes:
        mode, kind, blob = entry.partition("\t")[0].split()
        where = f"{full} at {self.name}"
        if mode == "120000" or kind != "blob":
            what = "a symbolic link" if mode == "120000" else f"a {kind}"
            raise TemplateError(f"{where}: is {what}; allowed: plain files")
        size = int(_text(run_git(self.base, "cat-file", "-s", blob), self.base))
        if size > limit:
            raise TemplateError(f"{where}: {size:,} bytes; at most {limit:,} are read")
        found = run_git(self.base, "cat-file", "blob", blob)
        if found.returncode:
            raise TemplateError(f"{where}: {_reason(found)}")
        if found.stdout.startswith(b"version https://git-lfs"):
            return self._lfs_object(found.stdout, limit, where)
        return found.stdout

    def _lfs_storage(self) -> Path:
        """Return git-lfs's folder: `lfs.storage` of the repository, else `lfs` in its own folder.

        git-lfs itself is not asked: its filter is a program that a configuration names, and it
        would download what is missing.
        """
        common = run_git(self.base, "rev-parse", "--git-common-dir").stdout.decode().strip()
        told = run_git(self.base, "config", "--type=path", "--get", "lfs.storage")
        return self.base / common / (told.stdout.decode().rstrip("\n") or "lfs")

    def _lfs_object(self, pointer: bytes, limit: int, where: str) -> bytes:
        """Return the file that git-lfs keeps beside the repository; it is never downloaded."""
        match = _LFS_OBJECT.search(pointer)
        oid = match[1].decode() if match else ""
        path = self._lfs_storage() / "objects" / oid[:2] / oid[2:4] / oid
        if not oid or not path.is_file():
            raise TemplateError(
                f"{where}: is kept by git-lfs, only its pointer is in git; "
                f"'git lfs fetch origin {self.commit}' brings it"
            )
        if path.stat().st_size > limit:
            raise TemplateError(f"{where}: larger than {limit:,} bytes, as kept by git-lfs")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != oid:
            raise TemplateError(f"{where}: its git-lfs object is damaged; 'git lfs fsck' checks it")
        return data


def is_shallow(base: Path) -> bool:
    """Return whether the clone around a folder lacks a part of its history."""
    return run_git(base, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def run_git(base: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Return what git says in a folder; it asks nothing, fetches nothing and runs no helper.

    Raises:
        TemplateError: git is missing, cannot be run, or takes too long.
    """
    # A hook exports GIT_DIR and friends, relative to another folder; and git must never ask,
    # fetch, or run a helper on the way.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
    }
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    try:
        return subprocess.run(  # noqa: S603 - fixed program, no shell, options end before data
            command,
            cwd=base,
            env=environment,
            input=stdin,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as e:
        if not base.is_dir():
            raise TemplateError(f"{base}: is no folder") from e
        raise TemplateError("a git: source needs the program 'git', which is not installed") from e
    except subprocess.TimeoutExpired as e:
        raise TemplateError(f"git {arguments[0]} took longer than {_TIMEOUT_S} s") from e
    except OSError as e:
        raise TemplateError(f"git cannot be run: {e}") from e


def _text(done: subprocess.CompletedProcess[bytes], base: Path) -> str:
    if done.returncode:
        raise TemplateError(f"{base}: {_reason(done)}")
    return done.stdout.decode("utf-8", "replace")


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "git: " + (lines[0].removeprefix("fatal: ") if lines else "failed without a word")
