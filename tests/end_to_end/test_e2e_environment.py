"""Damaged stores, full disks, missing homes, odd locales, odd paths, few file descriptors."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from command_line import Promptreg, essence, stored_keys
from fake_model import ModelServer
from suite_factory import answer_text, good_score, scenarios, write_suite

N = 30
PAGE = 4096


def flipped(path: Path) -> None:
    """Flip bytes all over the pages behind the first."""
    data = bytearray(path.read_bytes())
    for place in range(2 * PAGE + 100, len(data), 3 * PAGE):
        for i in range(place, min(place + 64, len(data))):
            data[i] ^= 0xFF
    path.write_bytes(data)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 3 // 4)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "all_lost"),
    [
        (flipped, False),
        (truncated, False),
        (emptied, True),
    ],
)
def test_a_damaged_store_is_salvaged(
    tmp_path: Path, server: ModelServer, damage: Callable[[Path], None], all_lost: bool
) -> None:
    promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
    whole = promptreg("compare", "v1", "v2", "--json").json
    every = stored_keys(tmp_path)
    store = tmp_path / ".promptreg" / "calls.sqlite"
    damage(store)
    server.forget()
    for arguments in (["compare", "v1", "v2"], ["doctor"]):
        refused = promptreg(*arguments)
        assert refused.code == 5, refused
        assert "calls.sqlite" in refused.err + refused.out
        assert "doctor --salvage" in " ".join((refused.err + refused.out).split())
        assert not any(ord(c) < 32 and c != "\n" for c in refused.out)
    assert server.calls == []
    damaged = store.read_bytes()
    salvaged = promptreg("doctor", "--salvage")
    assert salvaged.code == 0, salvaged.err
    kept = stored_keys(tmp_path)
    assert kept < every
    assert bool(kept) is not all_lost
    assert f"kept {len(kept)} completions" in salvaged.out
    (aside,) = (tmp_path / ".promptreg").glob("calls.damaged-*.sqlite")
    assert aside.read_bytes() == damaged, "nothing is deleted"
    again = promptreg("compare", "v1", "v2", "--json")
    assert again.code == 0, again.err
    assert set(server.keys) == every - kept
    assert server.repeated == {}
    assert essence(again.json) == essence(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may not mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_disk_full_at_the_store(small_disk: Path, server: ModelServer) -> None:
    server.answer = lambda scenario, version: answer_text(good_score(scenario), "x" * 60_000)
    promptreg = Promptreg(write_suite(small_disk, server.url, n=N))
    full = promptreg("compare", "v1", "v2")
    assert full.code == 5
    assert "no space left; everything committed before is kept" in full.err
    assert len(full.err.splitlines()) == 1
    kept = stored_keys(small_disk)
    assert 0 < len(kept) < 2 * N
    assert len(server.calls) - len(kept) <= 4
    server.forget()
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    finished = promptreg("compare", "v1", "v2", "--json")
    assert finished.code == 0, finished.err
    assert finished.json["trials"]["cached"] == len(kept)
    assert not kept & set(server.keys)


@pytest.mark.slow
def test_disk_full_at_the_runs(small_disk: Path, server: ModelServer) -> None:
    subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    promptreg = Promptreg(write_suite(small_disk, server.url, n=200))
    assert promptreg("compare", "v1", "v2", "-q").code == 0
    server.forget()
    runs = small_disk / ".promptreg" / "runs"
    for spare in (8, 24, 48):  # too little for the store's index, for the first run, for both
        shutil.rmtree(runs)
        seen = os.statvfs(small_disk)
        size = (seen.f_blocks - seen.f_bfree) * seen.f_bsize // 1024 + spare
        subprocess.run(["mount", "-o", f"remount,size={size}k", str(small_disk)], check=True)
        full = promptreg("compare", "v1", "v2")
        assert full.code == 5, (spare, full)
        assert ".promptreg" in full.err
        assert not list(runs.glob(".writing-*"))
        subprocess.run(["mount", "-o", "remount,size=40m", str(small_disk)], check=True)
    assert promptreg("compare", "v1", "v2", "-q").code == 0
    assert server.calls == []


@pytest.mark.slow
def test_disk_full_at_the_report(small_disk: Path, tmp_path: Path, server: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path / "suite", server.url, n=N))
    filler = small_disk / "filler"
    report = small_disk / "report.html"
    report.write_text("the report of yesterday", "utf-8")
    number = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(number, b"x" * PAGE):
            pass
    os.close(number)
    full = promptreg("compare", "v1", "v2", "-o", str(report), "-o", "other.json")
    assert full.code == 5
    assert "report.html was not written" in full.err
    assert "the run itself is kept" in full.err
    assert report.read_text("utf-8") == "the report of yesterday"
    assert (tmp_path / "suite" / "other.json").exists()
    assert {p.name for p in small_disk.iterdir()} == {"filler", "report.html"}
    filler.unlink()
    server.forget()
    assert promptreg("compare", "v1", "v2", "-o", str(report), "-q").code == 0
    assert server.calls == []
    assert "</html>" in report.read_text("utf-8")


@pytest.mark.slow
def test_folders_that_cannot_be_written(tmp_path: Path, server: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path, server.url, n=N))
    # /proc refuses everybody, root too.
    refused = promptreg("compare", "v1", "v2", "-o", "/proc/report.json")
    assert refused.code == 5
    assert "/proc/report.json" in refused.err
    write_suite(tmp_path, server.url, n=N, store="/proc/store")
    server.forget()
    refused = promptreg("compare", "v1", "v2")
    assert refused.code == 5
    assert "/proc/store" in refused.err
    assert "a folder that can be written" in refused.err
    assert server.calls == []


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"HOME": ""}, id="no home", marks=pytest.mark.slow),
        pytest.param({"LC_ALL": "C"}, id="C", marks=pytest.mark.slow),
        pytest.param(
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="truly ASCII"
        ),
        pytest.param({"LC_ALL": "tr_TR.UTF-8"}, id="Turkish", marks=pytest.mark.slow),
        pytest.param({"PYTHONIOENCODING": "latin-1"}, id="Latin", marks=pytest.mark.slow),
        pytest.param({"TERM": "dumb", "COLUMNS": "20"}, id="narrow", marks=pytest.mark.slow),
        pytest.param({"TZ": "Pacific/Kiritimati"}, id="far away", marks=pytest.mark.slow),
    ],
)
def test_odd_environments(tmp_path: Path, server: ModelServer, env: dict[str, str]) -> None:
    data = scenarios(N)
    data[0]["detections"] = "Ein Bär vor der Tür, İstanbul'dan ışık, 犬"
    server.answer = lambda scenario, version: answer_text(
        good_score(scenario), "Tür → \U0001f4e6 ı"
    )
    promptreg = Promptreg(write_suite(tmp_path, server.url, rows=data), env)
    finished = promptreg("compare", "v1", "v2", "-o", "r.json", "-o", "r.html", "-o", "r.md")
    assert finished.code == 0, finished.err
    assert finished.err == ""
    assert "INCONCLUSIVE" in finished.out
    assert promptreg("compare", "v1", "v2", "--json").json["trials"]["called"] == 0
    assert len(server.calls) == 2 * N
    assert "Tür → \U0001f4e6 ı" in (tmp_path / "r.json").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ein Ordner mit Ä", "-dash", pytest.param("a'b\"c $(x)%")])
def test_odd_paths(tmp_path: Path, server: ModelServer, name: str) -> None:
    folder = write_suite(tmp_path / name, server.url, n=6)
    config = f"{name}/promptreg.yaml"
    promptreg = Promptreg(tmp_path)
    finished = promptreg("compare", "v1", "v2", "-c", config, "-o", f"{name}/{name}.json", "-q")
    assert finished.code == 0, finished.err
    assert (folder / f"{name}.json").exists()
    assert len(stored_keys(folder)) == 12


@pytest.mark.slow
def test_few_file_descriptors(tmp_path: Path, server: ModelServer) -> None:
    folder = write_suite(tmp_path, server.url, n=60, provider={"retries": 0})
    promptreg = Promptreg(folder, wrapper=("sh", "-c", 'ulimit -n 64; exec "$0" "$@"'))
    finished = promptreg("compare", "v1", "v2", "--json", "-j", "16")
    assert finished.code == 0, finished.err
    assert finished.json["trials"]["failed"] == {}


@pytest.mark.slow
def test_more_calls_at_once_than_file_descriptors(tmp_path: Path, server: ModelServer) -> None:
    server.delay_s = 0.05
    folder = write_suite(tmp_path, server.url, n=200)
    promptreg = Promptreg(folder, wrapper=("sh", "-c", 'ulimit -n 40; exec "$0" "$@"'))
    finished = promptreg("compare", "v1", "v2", "--json", "-j", "64", within_s=120)
    assert finished.code in (0, 4, 5), finished.err
    if finished.code:
        assert "Too many open files" in finished.err or "connect" in finished.err
    again = Promptreg(folder)("compare", "v1", "v2", "--json")
    assert again.json["trials"]["failed"] == {}
