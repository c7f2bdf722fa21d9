"""A scenario's images are part of what it is: their bytes, not only their names."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from promptreg.errors import DataError
from promptreg.records import ScenarioSet
from promptreg.stages.load import image_sha256, load_scenarios
from promptreg.stages.load.content import MAX_IMAGE_BYTES


def scenarios(folder: Path, **images: object) -> ScenarioSet:
    path = folder / "s.jsonl"
    rows = [{"id": name, "images": value} for name, value in images.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return load_scenarios(path)


def test_another_picture_under_the_same_name_is_another_scenario(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    before = scenarios(tmp_path, one=["a.png"], two=["b.png"])
    assert scenarios(tmp_path, one=["a.png"], two=["b.png"]).sha256 == before.sha256
    (tmp_path / "b.png").write_bytes(b"c")
    after = scenarios(tmp_path, one=["a.png"], two=["b.png"])
    assert after.sha256 != before.sha256
    assert scenarios(tmp_path, one=["b.png"], two=["a.png"]).sha256 != after.sha256


def test_a_picture_of_the_same_size_and_time_is_not_taken_for_the_one_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    first = image_sha256(str(path))
    path.write_bytes(b"two")
    os.utime(path, ns=(10**18, 10**18))
    assert image_sha256(str(path)) == hashlib.sha256(b"two").hexdigest() != first


def test_it_is_read_once_where_nothing_can_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    later = path.stat().st_ctime_ns + 60 * 10**9
    monkeypatch.setattr("promptreg.stages.load.content.time.time_ns", lambda: later)
    found = image_sha256(str(path))

    def refuse(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("hashlib.file_digest", refuse)
    assert image_sha256(str(path)) == found


def test_all_that_are_missing_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        scenarios(tmp_path, **{f"s{i}": [f"no{i}.png"] for i in range(7)})
    told = str(caught.value)
    assert "scenario 's0': no image" in told
    assert "no0.png" in told
    assert "and 2 more" in told


def test_what_is_no_picture_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "big.png").touch()
    os.truncate(tmp_path / "big.png", MAX_IMAGE_BYTES + 1)
    with pytest.raises(DataError, match=r"big\.png: larger than 50,000,000 bytes"):
        scenarios(tmp_path, one=["big.png"])
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match=r"no image .*folder\.png"):
        scenarios(tmp_path, one=["folder.png"])


def test_an_edited_picture_is_told_from_one_that_git_never_held(tmp_path: Path) -> None:
    import subprocess

    from promptreg.stages.load import Revision, edited_files

    def git(*arguments: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q")
    for name in ("same", "edited", "new"):
        (tmp_path / f"{name}.png").write_bytes(b"before")
    git("add", "same.png", "edited.png")
    git("commit", "-qm", "pictures")
    (tmp_path / "edited.png").write_bytes(b"after")
    paths = [str(tmp_path / f"{name}.png") for name in ("same", "edited", "new")]
    assert edited_files(Revision.find(tmp_path, "HEAD"), paths) == ("edited.png",)
