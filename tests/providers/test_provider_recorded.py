"""Recorded completions: three file formats, failures, scores, and files that lie."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promptreg import Call, CallError, Cause, Completion, Prompt
from promptreg.errors import DataError
from promptreg_providers.recorded import Recorded, tables

ROWS: list[dict[str, Any]] = [
    {
        "scenario_id": "s1",
        "version": "v1",
        "text": "a\nb",
        "latency_s": 1.5,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "score.clarity": 0.5,
        "model": "m",
        "finish": "length",
    },
    {"scenario_id": "s1", "version": "v1", "repeat": 1, "text": "second", "score.clarity": None},
    {"scenario_id": "s2", "version": "v1", "text": None, "error": "timeout: after 30 s"},
    {"scenario_id": "s3", "version": "v1", "text": None, "error": "gremlins at work"},
    {"scenario_id": "s4", "version": "v1", "text": None, "error": "http_status: 503 busy"},
    {"scenario_id": "s5", "version": "v1", "text": ""},
]
COLUMNS = sorted({name for row in ROWS for name in row})


def _write(folder: Path, suffix: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"recorded.{suffix}"
    columns = sorted({name for row in rows for name in row})
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    else:
        table = {name: [row.get(name) for row in rows] for name in columns}
        pq.write_table(pa.table(table), path)
    return path


def _call(scenario: str, version: str = "v1", repeat: int = 0, template: str = "") -> Call:
    return Call(
        Prompt("p"), repeat=repeat, version=version, scenario_id=scenario, template=template
    )


@pytest.fixture(params=["jsonl", "csv", "parquet"])
def suffix(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


async def test_row_becomes_a_completion(tmp_path: Path, suffix: str) -> None:
    provider = Recorded(str(_write(tmp_path, suffix, ROWS)))
    assert await provider.complete(_call("s1")) == Completion(
        "a\nb",
        finish="length",
        model="m",
        prompt_tokens=10,
        completion_tokens=5,
        latency_s=1.5,
        scores={"clarity": 0.5},
    )
    second = await provider.complete(_call("s1", repeat=1))
    assert (second.text, second.finish, second.latency_s) == ("second", "stop", None)
    assert second.scores == {"clarity": None}
    assert (await provider.complete(_call("s5"))).text == ""


@pytest.mark.parametrize(
    ("scenario", "cause", "detail", "status"),
    [
        ("s2", Cause.TIMEOUT, "after 30 s", None),
        ("s3", Cause.RECORDED, "gremlins at work", None),
        ("s4", Cause.HTTP_STATUS, "503 busy", 503),
        ("s9", Cause.MISSING, "scenario 's9'", None),
    ],
)
async def test_recorded_failure_is_a_failure(
    tmp_path: Path, suffix: str, scenario: str, cause: Cause, detail: str, status: int | None
) -> None:
    provider = Recorded(str(_write(tmp_path, suffix, ROWS)))
    with pytest.raises(CallError) as e:
        await provider.complete(_call(scenario))
    assert (e.value.cause, e.value.status, e.value.retryable) == (cause, status, False)
    assert detail in e.value.detail


async def test_template_column_decides_where_it_is_filled(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"scenario_id": "s1", "version": "v1", "template": "basic", "text": "for basic"},
        {"scenario_id": "s1", "version": "v1", "template": "", "text": "for all"},
    ]
    provider = Recorded(str(_write(tmp_path, suffix, rows)))
    assert (await provider.complete(_call("s1", template="basic"))).text == "for basic"
    assert (await provider.complete(_call("s1", template="other"))).text == "for all"


async def test_two_rows_of_one_trial_are_named(tmp_path: Path, suffix: str) -> None:
    path = _write(tmp_path, suffix, [ROWS[0], ROWS[1], ROWS[0]])
    provider = Recorded(str(path))
    with pytest.raises(DataError, match="same trial") as e:
        await provider.probe()
    assert str(e.value).count(path.name) == 2
    assert "'s1'" in str(e.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"version": "v1", "text": "x"}, "'scenario_id'"),
        ({"scenario_id": "s", "text": "x"}, "'version'"),
        ({"scenario_id": "s", "version": "v"}, "'text'"),
        (
            {"scenario_id": "s", "version": "v", "txt": "x", "error": None},
            "it has: scenario_id, version, txt, error",
        ),
        ({"scenario_id": "s", "version": "v", "output": "x", "error": " "}, "no column 'text'"),
        ({"scenario_id": "s", "version": "v", "text": 5}, "text: found int; allowed: text"),
        ({"scenario_id": "s", "version": "v", "text": "x", "repeat": -1}, "repeat"),
        ({"scenario_id": "s", "version": "v", "text": "x", "repeat": 0.5}, "repeat"),
        ({"scenario_id": "s", "version": "v", "text": "x", "repeat": True}, "repeat"),
        ({"scenario_id": "s", "version": "v", "text": "x", "latency_s": "fast"}, "latency_s"),
        ({"scenario_id": "s", "version": "v", "text": "x", "latency_s": -1}, "latency_s"),
        ({"scenario_id": "s", "version": "v", "text": "x", "prompt_tokens": 1.5}, "prompt_tokens"),
        ({"scenario_id": "s", "version": "v", "text": "x", "score.a": "good"}, "score.a"),
        ({"scenario_id": "s", "version": "v", "text": "x", "score.a": 1e999}, "score.a"),
        ({"scenario_id": "s", "version": "v", "text": "x", "score.a": 10**400}, "score.a"),
        ({"scenario_id": "s", "version": "v", "text": "x", "finish": "bored"}, "finish"),
    ],
)
async def test_broken_row_is_named_with_its_line(
    tmp_path: Path, row: dict[str, Any], words: str
) -> None:
    path = _write(tmp_path, "jsonl", [ROWS[0], row])
    with pytest.raises(DataError) as e:
        await Recorded(str(path)).probe()
    assert f"{path.name}:2" in str(e.value)
    assert words in str(e.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"a": \n', "a.jsonl:1: not JSON"),
        ("a.jsonl", b"[1]\n", "each line is an object"),
        ("a.jsonl", b"[" * 100_000, "not JSON"),
        ("a.jsonl", b"\xff\xfe", "not UTF-8"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"scenario_id,version,text\ns1,v1\n", "a.csv:2: found 2 cells"),
        ("a.csv", b"text,text\n", "appears twice"),
        ("a.csv", b'scenario_id,version,text\ns1,v1,"open', "not CSV"),
        ("a.parquet", b"PAR1 or not", "not Parquet"),
        ("a.xlsx", b"x", "allowed: .jsonl, .csv, .parquet"),
    ],
)
async def test_broken_file_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as e:
        await Recorded(str(path)).probe()
    assert words in str(e.value)


def test_missing_file_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv does not exist"):
        Recorded(str(tmp_path / "nowhere.csv"))
    with pytest.raises(DataError, match=f"{tmp_path.name} is no file"):
        Recorded(str(tmp_path))


async def test_a_file_without_rows_is_not_ready(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n")
    probe = await Recorded(str(path)).probe()
    assert (probe.ready, probe.detail) == (False, f"{path}: holds no recorded completions")


def test_identity_is_the_content(tmp_path: Path) -> None:
    path = _write(tmp_path, "jsonl", ROWS)
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(path.read_bytes())
    assert Recorded(str(path)).identity() == Recorded(str(moved)).identity()
    moved.write_bytes(path.read_bytes() + b"\n")
    assert Recorded(str(path)).identity() != Recorded(str(moved)).identity()


async def test_several_files_are_one_recording(tmp_path: Path) -> None:
    first = _write(tmp_path, "jsonl", ROWS)
    other = tmp_path / "v2.csv"
    other.write_text("scenario_id,version,text\n7,v2,x\n")
    provider = Recorded([str(first), str(other)])
    assert (await provider.complete(_call("7", "v2"))).text == "x"
    assert "7 recorded completions of v1, v2" in (await provider.probe()).detail


async def test_scores_may_be_words_for_yes_and_no(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("scenario_id,version,text,score.ok,score.n\ns,v,x,true,\nt,v,x,FALSE,nan\n")
    provider = Recorded(str(path))
    assert (await provider.complete(_call("s", "v"))).scores == {"ok": 1.0, "n": None}
    assert (await provider.complete(_call("t", "v"))).scores == {"ok": 0.0, "n": None}


async def test_parquet_bomb_of_one_repeated_text_costs_that_text_once(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    n = 20_000
    words = pa.array(["x" * 1_000_000])
    text = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), words)
    ids = pa.array([str(i) for i in range(n)])
    version = pa.array(["v"] * n)
    names = ["scenario_id", "version", "text"]
    pq.write_table(pa.table([ids, version, text], names=names), path)
    assert path.stat().st_size < 1_000_000  # 20 GB of text if each row had its own
    provider = Recorded(str(path))
    texts = [(await provider.complete(_call(str(i), "v"))).text for i in (0, n - 1)]
    assert texts[0] is texts[1]


async def test_large_file_is_refused_before_it_is_read(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path, suffix, ROWS)
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    with pytest.raises(DataError, match="more than 3 rows"):
        await Recorded(str(path)).probe()
    monkeypatch.setattr(tables, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="bytes"):
        await Recorded(str(path)).probe()


async def test_lone_surrogate_in_a_log_is_replaced_and_counted(tmp_path: Path) -> None:
    path = _write(tmp_path, "jsonl", [{"scenario_id": "s", "version": "v", "text": "a\ud800"}])
    completion = await Recorded(str(path)).complete(_call("s", "v"))
    assert (completion.text, completion.extra) == ("a\ufffd", {"lone_surrogates": 1})


async def test_long_cell_of_a_csv_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path, "csv", [{"scenario_id": "s", "version": "v", "text": "x" * 300_000}])
    assert len((await Recorded(str(path)).complete(_call("s", "v"))).text) == 300_000


def test_flags_say_that_no_store_is_needed() -> None:
    assert (Recorded.cacheable, Recorded.synthetic) == (False, False)
