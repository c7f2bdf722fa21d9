"""Scenarios that git-lfs keeps, read at an older revision: by the object, never by a filter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from promptreg.errors import TemplateError
from promptreg.stages.load.gitsource import Revision
from promptreg.store.fixture import is_pointer

FILTER = """
import hashlib, pathlib, sys
root, log, job = map(str, sys.argv[1:4])
pathlib.Path(log).open("a").write(job + "\\n")
data = sys.stdin.buffer.read()
if job == "clean":
    oid = hashlib.sha256(data).hexdigest()
    path = pathlib.Path(root, "objects", oid[:2], oid[2:4], oid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    words = f"version https://git-lfs.github.com/spec/v1\\noid sha256:{oid}\\nsize {len(data)}\\n"
    sys.stdout.buffer.write(words.encode())
else:
    oid = data.decode().split("sha256:")[1].split()[0]
    sys.stdout.buffer.write(pathlib.Path(root, "objects", oid[:2], oid[2:4], oid).read_bytes())
"""
"""What `git lfs clean` and `git lfs smudge` do, without git-lfs."""
OLD, NEW = b"PAR1\x00\xffold" * 400, b"PAR1\x00\xffnew" * 500


class Repository:
    """A repository whose Parquet files go through a filter called `lfs`."""

    def __init__(self, folder: Path, storage: str = "") -> None:
        self.folder, self.log = folder / "repo", folder / "log"
        self.objects = Path(storage) if storage else self.folder / ".git" / "lfs"
        self.folder.mkdir()
        self.git("init", "-q")
        program = folder / "filter.py"
        program.write_text(FILTER, "utf-8")
        for job in ("clean", "smudge"):
            command = f'"{sys.executable}" "{program}" "{self.objects}" "{self.log}" {job}'
            self.git("config", f"filter.lfs.{job}", command)
        if storage:
            self.git("config", "lfs.storage", storage)
        (self.folder / ".gitattributes").write_text("*.parquet filter=lfs -text\n", "utf-8")

    def git(self, *arguments: str) -> None:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def commit(self, data: bytes) -> None:
        (self.folder / "set.parquet").write_bytes(data)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")


@pytest.mark.parametrize("apart", [False, True])
def test_the_old_content_is_read_and_no_filter_is_run(tmp_path: Path, apart: bool) -> None:
    repository = Repository(tmp_path, str(tmp_path / "kept apart") if apart else "")
    repository.commit(OLD)
    repository.commit(NEW)
    repository.log.unlink()
    old = Revision.find(repository.folder, "HEAD~1")
    assert old.read("set.parquet", 10_000)[0] == OLD
    assert Revision.find(repository.folder, "HEAD").read("set.parquet", 10_000)[0] == NEW
    assert not repository.log.exists()
    with pytest.raises(TemplateError, match="larger than 3,000 bytes"):
        old.read("set.parquet", 3_000)


def test_what_was_not_fetched_is_said_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.commit(OLD)
    repository.commit(NEW)
    for path in sorted(repository.objects.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    repository.log.unlink()
    old = Revision.find(repository.folder, "HEAD~1")
    with pytest.raises(TemplateError) as caught:
        old.read("set.parquet", 10_000)
    assert "set.parquet at HEAD~1: is kept by git-lfs" in str(caught.value)
    assert f"git lfs fetch origin {old.commit}" in str(caught.value)
    assert not repository.log.exists()
    assert not is_pointer(repository.folder / "set.parquet")
