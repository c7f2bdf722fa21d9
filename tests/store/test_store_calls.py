"""The call store in one process: what goes in comes out, durable and first-come."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptreg.errors import StoreError
from promptreg.records import Cause, Completion, Failure
from promptreg.store.calls import CallStore
from promptreg.store.codec import body_checksum, pack, pack_body, text_of, unpack
from store_samples import completion, key, keys, names


async def fill(store: CallStore, names: list[str]) -> None:
    await asyncio.gather(*(store.put(n, f"request {n}", completion(n)) for n in names))


async def test_a_completion_comes_back_cached_and_without_its_body(tmp_path: Path) -> None:
    name = key(1)
    with CallStore.open(tmp_path / "deep" / "store") as store:
        assert await store.put(name, "asked", completion(name)) == completion(name)
        found = store.get_many([name, key(2)])
    assert found == {name: replace(completion(name), cached=True, raw="")}


async def test_body_and_request_are_kept_beside_it(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        await fill(store, keys(3))
        assert store.raw(key(1)) == f"raw {key(1)}"
        assert store.request(key(2)) == f"request {key(2)}"
        with pytest.raises(StoreError, match=key(9)):
            store.raw(key(9))


async def test_what_was_stored_is_there_after_opening_again(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        await fill(store, keys(700))
    with CallStore.open(tmp_path) as store:
        found = store.get_many(keys(700))
    assert {name: c.text for name, c in found.items()} == {
        name: completion(name).text for name in keys(700)
    }


async def test_the_first_completion_counts_for_everybody(tmp_path: Path) -> None:
    name, other = key(1), Completion("another text", raw="another body")
    with CallStore.open(tmp_path) as mine, CallStore.open(tmp_path) as theirs:
        await mine.put(name, "asked", completion(name))
        told = await theirs.put(name, "asked", other)
        assert told.text == completion(name).text
        assert told.cached
        assert theirs.raw(name) == f"raw {name}"


async def test_close_commits_what_nobody_waited_for(tmp_path: Path) -> None:
    store = CallStore.open(tmp_path)
    for name in keys(300):
        store.put_nowait(name, "", completion(name))
    store.close()
    store.close()
    with CallStore.open(tmp_path) as again:
        assert len(again.get_many(keys(300))) == 300
    with pytest.raises(StoreError, match="closed"):
        await store.put(key(1), "", completion(key(1)))


async def test_room_waits_while_a_thousand_puts_are_pending(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        with store._writing:  # a disk that takes its time
            futures = [store.put_nowait(name, "", completion(name)) for name in keys(1500)]
            room = asyncio.create_task(store.room())
            await asyncio.sleep(0.05)
            assert not room.done()
        await room
        await asyncio.gather(*futures)
        await store.room()


async def test_commits_are_made_in_groups(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        commits = 0

        def count(statement: str) -> None:
            nonlocal commits
            commits += statement == "COMMIT"

        store._writer._connection.set_trace_callback(count)  # type: ignore[union-attr] # is open
        await fill(store, keys(512))
    assert 2 <= commits <= 10


async def test_a_failure_is_noted_and_never_served(tmp_path: Path) -> None:
    name = key(1)
    with CallStore.open(tmp_path) as store:
        assert store.claim([name]) == {name}
        await store.fail(name, Failure(Cause.TIMEOUT, "no answer\ud800", None, 3, 9.5))
        assert store.get_many([name]) == {}
        assert store.claim([name]) == {name}
        assert store.stats().failures == 1
    with sqlite3.connect(tmp_path / "calls.sqlite") as connection:
        row = connection.execute("SELECT key, cause, attempts, duration_s FROM failures")
        assert row.fetchall() == [(name, "timeout", 3, 9.5)]
    connection.close()


async def test_a_completion_that_cannot_be_stored_spoils_no_other(tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {"prompt_tokens": "12"},
        {"completion_tokens": 2**63},
        {"latency_s": "fast"},
        {"extra": {"a": object()}},
        {"text": None},
    ]
    bad_key = "\ud800"
    with CallStore.open(tmp_path) as store:
        waiting = store.put_nowait(key(0), "", completion(key(0)))
        for fields in odd:
            with pytest.raises(StoreError, match=key(1)[:12]):
                await store.put(key(1), "", replace(completion(key(1)), **fields))
        with pytest.raises(StoreError, match="surrogates"):
            await store.put(bad_key, "", completion(key(1)))
        # SQLite refuses this one only in the thread: the row beside it must still be kept.
        connection = store._writer._connection  # type: ignore[union-attr] # is open
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        bad = store.put_nowait("long", "", Completion("x" * 20_000))
        good = store.put_nowait(key(2), "", completion(key(2)))
        with pytest.raises(StoreError):
            await bad
        await good
        await waiting
        assert len(store.get_many(keys(3))) == 2


async def test_a_number_that_is_none_is_stored_as_unknown(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        await store.put("k", "", Completion("x", latency_s=math.nan, cost=math.inf))
        found = store.get_many(["k"])["k"]
    assert found.latency_s is None
    assert found.cost == math.inf


texts = st.text(st.characters(exclude_categories=[]), max_size=30)
wholes = st.none() | st.integers(-(2**63), 2**63 - 1)
reals = st.none() | st.floats(allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)


@given(
    st.builds(
        Completion,
        text=texts,
        finish=texts,
        model=texts,
        prompt_tokens=wholes,
        completion_tokens=wholes,
        latency_s=reals,
        cost=reals,
        attempts=st.integers(0, 9),
        extra=st.dictionaries(texts, json_values, max_size=3),
        scores=st.dictionaries(texts, reals, max_size=3),
    ),
    texts,
    texts,
)
def test_any_completion_survives_sqlite(given_: Completion, request_: str, raw: str) -> None:
    connection = sqlite3.connect(":memory:")
    row, body = pack("k", given_), pack_body("k", request_, raw)
    row = connection.execute(f"SELECT {', '.join('?' * len(row))}", row).fetchone()
    body = connection.execute("SELECT ?, ?, ?", body).fetchone()
    connection.close()
    assert unpack(row) == replace(given_, cached=True)
    assert (text_of(body[0]), text_of(body[1])) == (request_, raw)
    assert body_checksum("k", body[0], body[1]) == body[2]


@given(st.integers(0, 10), st.data())
def test_no_change_of_a_row_passes_the_checksum(place: int, data: st.DataObject) -> None:
    row = pack(key(1), replace(completion(key(1)), cost=1.5, scores={"a": 1.0}))
    other = data.draw(st.text(max_size=9) | st.integers(-9, 9) | st.none())
    changed = (*row[:place], other, *row[place + 1 :])
    if str(changed[place]) == str(row[place]):
        return
    with pytest.raises(StoreError, match="checksum"):
        unpack(changed)


async def test_stats_count_rows_and_models(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        await fill(store, keys(3))
        await store.put("k", "", Completion("x", model="other"))
        stats = store.stats()
    assert (stats.completions, stats.failures) == (4, 0)
    assert dict(stats.models) == {"nemotron": 3, "other": 1}
    assert stats.size_bytes > 4096


async def test_prune_removes_the_old_and_clear_all(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        await fill(store, keys(400))
        await store.fail(key(900), Failure(Cause.TIMEOUT, "slow"))
        with sqlite3.connect(store.path) as connection:
            connection.execute("UPDATE completions SET written_at = 1000 WHERE id % 4")
        connection.close()
        gone = store.prune(older_than_s=86_400)
        assert (gone.completions, gone.failures) == (300, 0)
        assert gone.freed_bytes > 0
        left = store.get_many(keys(400))
        assert len(left) == 100
        assert all(store.raw(name) == f"raw {name}" for name in left)
        gone = store.clear()
        assert (gone.completions, gone.failures) == (100, 1)
        assert store.get_many(keys(400)) == {}
        await fill(store, keys(5))
        assert len(store.get_many(keys(5))) == 5


async def test_the_folder_keeps_itself_out_of_git(tmp_path: Path) -> None:
    CallStore.open(tmp_path / "s").close()
    assert (tmp_path / "s" / ".gitignore").read_text() == "*\n"
    assert names(tmp_path / "s") == [".gitignore", "calls.sqlite"]


async def test_commits_are_flushed_to_the_disk(tmp_path: Path) -> None:
    with CallStore.open(tmp_path) as store:
        connection = store._writer._connection  # type: ignore[union-attr] # is open
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        await fill(store, keys(1))
