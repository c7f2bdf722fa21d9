"""Claims: each call belongs to one living process at a time."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from promptreg.records import Cause, Failure
from promptreg.store.calls import CallStore
from promptreg.store.owners import Owner, alive, started
from store_samples import completion, key, keys


def change_owner(store: CallStore, change: str) -> None:
    """Make the first owner of a store look like another process."""
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"UPDATE owners SET {change} WHERE id = 1")
    connection.close()


def test_two_stores_never_get_the_same_key(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as one, CallStore.open(tmp_path) as two:
        mine = one.claim(keys(300))
        theirs = two.claim(keys(600))
        assert mine == set(keys(300))
        assert theirs == set(keys(600)) - mine
        assert one.claim(keys(600)) == set()


async def test_put_fail_release_and_close_end_a_claim(tmp_path: Path) -> None:
    a, b, c, d = keys(4)
    two = CallStore.open(tmp_path)
    with CallStore.open(tmp_path) as one:
        assert one.claim([a, b, c, d]) == {a, b, c, d}
        await one.put(a, "", completion(a))
        await one.fail(b, Failure(Cause.NETWORK, "broken"))
        one.release([c])
        two.release([d])  # not its own
        assert two.claim([a, b, c, d]) == {b, c}
    assert two.claim([d]) == {d}
    two.close()


async def test_what_was_completed_meanwhile_cannot_be_claimed(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as one, CallStore.open(tmp_path) as two:
        one.claim([key(1)])
        assert two.get_many([key(1)]) == {}
        await one.put(key(1), "", completion(key(1)))
        assert two.claim([key(1), key(2)]) == {key(2)}


async def test_wait_ends_when_the_other_has_finished(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as one, CallStore.open(tmp_path) as two:
        one.claim(keys(3))
        waiting = asyncio.create_task(two.wait(keys(3), poll_s=0.01))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        for name in keys(3):
            await one.put(name, "", completion(name))
        assert set(await waiting) == set(keys(3))
        assert await two.wait([]) == {}


async def test_wait_ends_when_a_key_is_free_again(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as one, CallStore.open(tmp_path) as two:
        one.claim(keys(2))
        waiting = asyncio.create_task(two.wait(keys(2), poll_s=0.01))
        await asyncio.sleep(0.05)
        await one.fail(key(0), Failure(Cause.TIMEOUT, "slow"))
        assert await waiting == {}
        assert two.claim(keys(2)) == {key(0)}


@pytest.mark.parametrize(
    "change",
    ["pid = 4194999", "started = '1'", "boot = 'earlier'", "heartbeat = heartbeat - 31"],
)
async def test_claims_of_the_dead_are_taken_over(tmp_path: Path, change: str) -> None:
    with CallStore.open(tmp_path) as one, CallStore.open(tmp_path) as two:
        one.claim(keys(2))
        change_owner(one, change)
        assert await two.wait([key(0)], poll_s=0.01) == {}
        assert two.claim([key(0)]) == {key(0)}
        # The one that was given up on wakes up: what it brings is harmless, and shared.
        await one.put(key(0), "", completion(key(0)))
        other = replace(completion(key(0)), text="later")
        assert (await two.put(key(0), "", other)).text == completion(key(0)).text
        await one.put(key(1), "", completion(key(1)))
        assert len(two.get_many(keys(2))) == 2


def test_a_process_of_another_container_is_believed_while_it_beats(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as one, CallStore.open(tmp_path) as two:
        one.claim([key(0)])
        change_owner(one, "host = 'elsewhere', pid = 4194999")
        assert two.claim([key(0)]) == set()
        change_owner(one, "heartbeat = heartbeat - 31")
        assert two.claim([key(0)]) == {key(0)}


async def test_the_sign_of_life_is_renewed_even_if_the_row_was_dropped(tmp_path: Path) -> None:
    with CallStore.open(tmp_path, lease_s=0.3) as one, CallStore.open(tmp_path) as two:
        with sqlite3.connect(one.path) as connection:
            connection.execute("DELETE FROM owners WHERE id = 1")
            connection.commit()
            async with asyncio.timeout(30):
                while not connection.execute("SELECT 1 FROM owners WHERE id = 1").fetchone():
                    await asyncio.sleep(0.01)
        connection.close()
        assert one.claim([key(0)]) == {key(0)}
        assert two.claim([key(0)]) == set()


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
def test_setting_the_clock_ends_no_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    with CallStore.open(tmp_path) as one, CallStore.open(tmp_path) as two:
        one.claim([key(0)])
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + jump_s)
        assert two.claim([key(0)]) == set()


def test_who_is_alive() -> None:
    here = Owner.here()
    now = time.monotonic()
    assert alive(here, now, 30)
    assert not alive(replace(here, heartbeat=now - 31), now, 30)
    assert not alive(replace(here, heartbeat=now + 31), now, 30)  # read before a reboot
    assert not alive(replace(here, pid=4_194_999), now, 30)
    assert started(os.getpid()) == here.started
    assert started(4_194_999) is None


def test_a_zombie_is_dead() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        deadline = time.monotonic() + 30
        while started(child) is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert started(child) is None
    finally:
        os.waitpid(child, 0)
