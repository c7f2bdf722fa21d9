"""A store that was damaged says so, gives nothing wrong, and can be salvaged."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from promptreg.errors import StoreError
from promptreg.records import Cause, Completion, Failure
from promptreg.store import schema
from promptreg.store.calls import CallStore
from promptreg.store.salvage import salvage, verify
from store_samples import completion, key, keys

ROWS = 120


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A call store of 120 completions and one failure, as bytes."""
    root = tmp_path_factory.mktemp("sound")

    async def fill() -> None:
        with CallStore.open(root) as store:
            puts = (store.put(name, f"request {name}", completion(name)) for name in keys(ROWS))
            await asyncio.gather(*puts)
            await store.fail(key(999), Failure(Cause.TIMEOUT, "slow"))

    asyncio.run(fill())
    return (root / "calls.sqlite").read_bytes()


def stored(name: str) -> Completion:
    return replace(completion(name), cached=True, raw="")


def lay(root: Path, content: bytes) -> Path:
    root.mkdir(exist_ok=True)
    path = root / "calls.sqlite"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"hello, this is no database at all" * 200, "not a database"),
        (b"SQL", "not a database"),
    ],
)
def test_what_is_no_database_is_named(tmp_path: Path, content: bytes, found: str) -> None:
    path = lay(tmp_path, content)
    with pytest.raises(StoreError, match=found) as caught:
        CallStore.open(tmp_path)
    assert str(path) in str(caught.value)
    assert "doctor --salvage" in str(caught.value)
    assert path.read_bytes() == content
    assert any(found in line for line in verify(tmp_path))


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "calls.sqlite") as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    before = (tmp_path / "calls.sqlite").read_bytes()
    with pytest.raises(StoreError, match="another program"):
        CallStore.open(tmp_path)
    assert (tmp_path / "calls.sqlite").read_bytes() == before


def test_a_newer_schema_names_who_wrote_it(tmp_path: Path) -> None:
    CallStore.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "calls.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("UPDATE about SET value = '9.8.7' WHERE name = 'written_by'")
    connection.close()
    with pytest.raises(StoreError, match=r"version 99, written by promptreg 9\.8\.7"):
        CallStore.open(tmp_path)


def test_an_older_schema_is_brought_up_to_date(
    tmp_path: Path, sound: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, sound)
    step = ("ALTER TABLE completions ADD COLUMN more TEXT", "CREATE TABLE extra (a TEXT) STRICT")
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, step))
    with CallStore.open(tmp_path) as store, CallStore.open(tmp_path) as again:
        assert again.get_many(keys(ROWS)).keys() == set(keys(ROWS))
        assert store._side.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, sound: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, sound)
    step = ("CREATE TABLE extra (a TEXT) STRICT", "CREATE TABLE completions (a)")
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, step))
    with pytest.raises(StoreError):
        CallStore.open(tmp_path)
    monkeypatch.undo()
    with CallStore.open(tmp_path) as store:
        assert len(store.get_many(keys(ROWS))) == ROWS
        assert (
            store._side.execute("SELECT * FROM sqlite_schema WHERE name = 'extra'").fetchall() == []
        )


def test_a_missing_file_beside_its_journal_is_damage(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite-wal").write_bytes(b"x" * 100)
    with pytest.raises(StoreError, match="missing, while its journal"):
        CallStore.open(tmp_path)


def test_a_changed_text_is_never_served(tmp_path: Path, sound: bytes) -> None:
    place = sound.index(completion(key(7)).text.encode()) + 16
    changed = bytearray(sound)
    changed[place] ^= 1
    lay(tmp_path, bytes(changed))
    with CallStore.open(tmp_path) as store:
        assert len(store.get_many(keys(7))) == 7
        with pytest.raises(StoreError, match=key(7)):
            store.get_many(keys(ROWS))
    assert any(key(7) in line for line in verify(tmp_path))
    before = (tmp_path / "calls.sqlite").read_bytes()
    report = salvage(tmp_path)
    assert (report.completions, report.lost, report.failures) == (ROWS - 1, 1, 1)
    assert report.damaged.read_bytes() == before


def test_a_changed_body_is_found(tmp_path: Path, sound: bytes) -> None:
    place = sound.index(f"raw {key(7)}".encode())
    lay(tmp_path, sound[:place] + b"R" + sound[place + 1 :])
    with CallStore.open(tmp_path) as store, pytest.raises(StoreError, match="checksum"):
        store.raw(key(7))
    assert any(key(7) in line for line in verify(tmp_path))
    report = salvage(tmp_path)
    assert (report.completions, report.lost, report.bodies_lost) == (ROWS, 0, 1)
    assert verify(tmp_path) == []


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes_give_nothing_wrong(tmp_path: Path, sound: bytes, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(sound)
    # Every third time in the header and the list of tables.
    place = rng.randrange(200 if seed % 3 == 0 else len(content))
    for offset in range(rng.choice([1, 40])):
        content[(place + offset) % len(content)] ^= rng.randrange(1, 256)
    lay(tmp_path, bytes(content))
    told = False
    found: dict[str, Completion] = {}
    try:
        with CallStore.open(tmp_path) as store:
            for name in keys(ROWS):
                found |= store.get_many([name])
    except StoreError as error:
        told = "calls.sqlite" in str(error) or "stored completion" in str(error)
        assert told
    assert all(found[name] == stored(name) for name in found)
    findings = verify(tmp_path)
    if told or len(found) < ROWS:
        assert findings
    report = salvage(tmp_path)
    assert verify(tmp_path) == []
    with CallStore.open(tmp_path) as store:
        kept = store.get_many(keys(ROWS))
    assert report.completions == len(kept)
    assert len(kept) >= ROWS / 2
    assert all(kept[name] == stored(name) for name in kept)
    if told and not report.lost:
        assert len(kept) == ROWS


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_gives_what_is_left(tmp_path: Path, sound: bytes, share: float) -> None:
    lay(tmp_path, sound[: int(len(sound) * share)])
    with pytest.raises(StoreError, match=r"damaged.*doctor --salvage"):
        CallStore.open(tmp_path)
    assert verify(tmp_path)
    report = salvage(tmp_path)
    assert verify(tmp_path) == []
    with CallStore.open(tmp_path) as store:
        kept = store.get_many(keys(ROWS))
    assert report.completions == len(kept)
    assert all(kept[name] == stored(name) for name in kept)
    if share >= 0.6:
        assert kept


def test_salvage_keeps_what_is_only_in_the_journal(tmp_path: Path, sound: bytes) -> None:
    lay(tmp_path / "a", sound)
    with CallStore.open(tmp_path / "a") as store:
        asyncio.run(_put(store, "late"))
        shutil.copytree(tmp_path / "a", tmp_path / "b")  # as after a crash
    with sqlite3.connect(tmp_path / "b" / "calls.sqlite") as connection:
        connection.execute("DELETE FROM owners")  # of this test, which is alive
        connection.commit()
        shutil.copytree(tmp_path / "b", tmp_path / "c")
    connection.close()
    report = salvage(tmp_path / "c")
    assert (report.completions, report.lost) == (ROWS + 1, 0)
    assert (tmp_path / "c" / (report.damaged.name + "-wal")).exists()
    with CallStore.open(tmp_path / "c") as store:
        assert store.get_many(["late"])


async def _put(store: CallStore, name: str) -> None:
    await store.put(name, "", completion(key(1)))


def test_salvage_refuses_a_store_at_work_and_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing to salvage"):
        salvage(tmp_path)
    with CallStore.open(tmp_path), pytest.raises(StoreError, match="works on it"):
        salvage(tmp_path)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("x")
    with pytest.raises(StoreError, match="store"):
        CallStore.open(tmp_path / "store")
    with pytest.raises(StoreError, match="store"):
        CallStore.open(tmp_path / "store" / "deeper")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "promptreg-test", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_keeps_what_was_committed(small_disk: Path) -> None:
    with CallStore.open(small_disk / "s") as store:
        long = "x" * 3000
        kept = []
        error = None
        for start in range(0, 1000, 50):
            names = keys(1000)[start : start + 50]
            puts = [store.put(name, long, completion(name)) for name in names]
            done = await asyncio.gather(*puts, return_exceptions=True)
            errors = [e for e in done if isinstance(e, BaseException)]
            kept += [n for n, e in zip(names, done, strict=True) if isinstance(e, Completion)]
            if errors:
                assert len(errors) == 50  # the whole group is told
                error = errors[0]
                break
        assert isinstance(error, StoreError)
        assert "no space left" in str(error)
        assert kept
        assert store.get_many(keys(1000)).keys() == set(kept)
    assert verify(small_disk / "s") == []


def test_no_room_for_a_new_store_is_told(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * (1024 * 1024 - 4096))
    with pytest.raises(StoreError):
        CallStore.open(small_disk / "s")
    (small_disk / "filler").unlink()
    CallStore.open(small_disk / "s").close()


def test_a_read_only_folder_is_told(small_disk: Path) -> None:
    CallStore.open(small_disk).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for root in (small_disk, small_disk / "new"):
        with pytest.raises(StoreError, match="disk"):
            CallStore.open(root)
