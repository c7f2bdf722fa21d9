"""Files as they are in a git revision, never as they are in the work tree."""

from __future__ import annotations

import os
import posixpath
import subprocess
from dataclasses import dataclass
from pathlib import Path

from promptreg.errors import TemplateError

__all__ = ["Revision"]

_TIMEOUT_S = 30


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
        prefix = _text(_git(base, "rev-parse", "--show-prefix"), base)
        found = _git(
            base, "rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}"
        )
        if found.returncode:
            shallow = _git(base, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
            hint = (
                "; this clone is shallow: fetch the history (git fetch --unshallow, or "
                "fetch-depth: 0 in a CI checkout)"
                if shallow
                else "; see 'git log' and 'git branch -a'"
            )
            raise TemplateError(f"git knows no revision {name!r} in {base}{hint}")
        return cls(base, name, found.stdout.decode("ascii").strip(), prefix.rstrip("\n"))

    def read(self, path: str, limit: int) -> tuple[bytes, str]:
        """Return a file's bytes and its path from the top of the repository.

        The path is taken relative to the suite's folder, then to the top of the repository.

        Raises:
            TemplateError: not in this revision, no plain file, or above `limit` bytes.
        """
        found = self._find(path)
        if found is None:
            raise TemplateError(f"{path}: not in revision {self.name} ({self.commit[:10]})")
        entry, full = found
        return self._blob(entry, full, limit), full

    def holds(self, path: str) -> bool:
        """Return whether the revision has something of that name."""
        return self._find(path) is not None

    def _find(self, path: str) -> tuple[str, str] | None:
        """Return the tree's entry and the path from the top."""
        for start in dict.fromkeys((self.prefix, "")):
            full = posixpath.normpath(posixpath.join(start, path.replace("\\", "/")))
            if full.startswith(("../", "/")) or full in ("..", "."):
                continue
            listed = _git(self.base, "ls-tree", "-z", "--full-tree", self.commit, "--", full)
            entry = listed.stdout.split(b"\0")[0]
            if listed.returncode == 0 and entry:
                return entry.decode("utf-8", "replace"), full
        return None

    def _blob(self, entry: str, full: str, limit: int) -> bytes:
        mode, kind, blob = entry.partition("\t")[0].split()
        where = f"{full} at {self.name}"
        if mode == "120000" or kind != "blob":
            what = "a symbolic link" if mode == "120000" else f"a {kind}"
            raise TemplateError(f"{where}: is {what}; allowed: plain files")
        size = int(_text(_git(self.base, "cat-file", "-s", blob), self.base))
        if size > limit:
            raise TemplateError(f"{where}: {size:,} bytes; at most {limit:,} are read")
        found = _git(self.base, "cat-file", "blob", blob)
        if found.returncode:
            raise TemplateError(f"{where}: {_reason(found)}")
        if found.stdout.startswith(b"version https://git-lfs"):
            raise TemplateError(f"{where}: is kept by git-lfs, only its pointer is in git")
        return found.stdout


def _git(base: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
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
            command, cwd=base, env=environment, capture_output=True, timeout=_TIMEOUT_S, check=False
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
