"""Data files made to hurt: they end in an error, quickly and in little memory."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promptreg.errors import DataError
from promptreg.stages.load import load_scenarios, parquetfile, table

# The peak of this very process: `ru_maxrss` would begin with that of its parent.
PEAK = (
    "words = pathlib.Path('/proc/self/status').read_text().split()\n"
    "print(int(words[words.index('VmHWM:') + 1]) // 1024)"
)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_scenarios(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_small_parquet_of_gigabytes_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    rows = 6000
    ids = pa.array([f"s{i}" for i in range(rows)])
    word = pa.array(["A" * 1_000_000])
    big = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), word)
    nested = pa.StructArray.from_arrays([big], ["deep"])
    pq.write_table(pa.table({"id": ids, "nested": nested}), path, compression="zstd")
    assert path.stat().st_size < 60_000
    code = (
        "import pathlib, promptreg.stages.load as load\n"
        "from promptreg.errors import DataError\n"
        "try:\n"
        f"    load.load_scenarios(pathlib.Path({str(path)!r}))\n"
        "except DataError as e: print(e)\n" + PEAK
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    message, megabytes = done.stdout.strip().split("\n")
    assert "when decoded" in message
    assert int(megabytes) < 300


def test_announced_sizes_are_looked_at_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.parquet"
    pq.write_table(pa.table({"id": list(range(5000)), "x": [0.0] * 5000}), path)
    monkeypatch.setattr(parquetfile, "MAX_VALUES", 9_999)
    assert "10,000 values; at most 9,999 are read" in refused(path)
    monkeypatch.setattr(parquetfile, "MAX_ROWS", 4_999)
    assert "5,000 rows" in refused(path)
    monkeypatch.undo()
    monkeypatch.setattr(parquetfile, "MAX_DECODED_BYTES", 10_000)
    assert "bytes when decoded; at most 10,000" in refused(path)


def test_prefix_sharing_text_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.parquet"
    columns = pa.table({"id": [f"s{i}" for i in range(300)], "x": ["A" * 20_000] * 300})
    monkeypatch.setattr(parquetfile, "MAX_DECODED_BYTES", 1_000_000)
    pq.write_table(columns, path, use_dictionary=False, column_encoding={"x": "DELTA_BYTE_ARRAY"})
    assert "DELTA_BYTE_ARRAY" in refused(path)


def test_bytes_are_no_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "image": [b"\x89PNG"]}), tmp_path / "s.parquet")
    assert "column 'image' is of type" in refused(tmp_path / "s.parquet")


@pytest.mark.parametrize("depth", [40, 900, 100_000])
@pytest.mark.parametrize("ends", ["[]", "{}"])
def test_deep_json_is_refused(tmp_path: Path, depth: int, ends: str) -> None:
    opening = "[" if ends == "[]" else '{"a":'
    deep = opening * depth + "1" + ends[1] * depth
    (tmp_path / "s.jsonl").write_text('{"id": "a", "x": ' + deep + "}")
    assert "nested deeper than 32 levels" in refused(tmp_path / "s.jsonl")
    (tmp_path / "s.json").write_text('[{"id": "a", "x": ' + deep + "}]")
    assert "nested deeper than 32 levels" in refused(tmp_path / "s.json")
    (tmp_path / "s.yaml").write_text('[{"id": "a", "x": ' + deep.replace(":", ": ") + "}]")
    assert "YAML" in (said := refused(tmp_path / "s.yaml")) or "nested deeper" in said


def test_brackets_in_text_are_no_depth(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(json.dumps({"id": "a", "x": "[{" * 500}))
    assert load_scenarios(tmp_path / "s.jsonl").scenarios[0].variables["x"] == "[{" * 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x\n", "anchors and aliases are not allowed"),
        ("- id: &x a\n", "anchors and aliases are not allowed"),
        ("- !!python/object/apply:os.system [id]\n", "is not allowed"),
        ("- id: !!python/name:os.system ''\n", "is not allowed"),
        ("- id: !!binary aGVsbG8=\n", "is not allowed"),
        ("- ? [a]\n  : b\n", "a key must be text"),
        ("- id: a\n  <<: {x: 1}\n  x: {y: [}\n", "no valid YAML"),
    ],
)
def test_yaml_is_data_only(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    assert message in refused(tmp_path / "s.yaml")


def test_file_sizes_are_bounded(tmp_path: Path) -> None:
    for name in ("s.jsonl", "s.csv", "s.json", "s.yaml", "s.parquet"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(table.MAX_FILE_BYTES + 1)
        assert "bytes; at most" in refused(tmp_path / name)


def test_huge_cells_and_wide_rows_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,x\na," + "y" * 4_100_000 + "\n")
    assert "field larger than field limit" in refused(tmp_path / "s.csv")
    (tmp_path / "s.jsonl").write_text(json.dumps({f"c{i}": i for i in range(1001)}))
    assert "more than 1000 columns" in refused(tmp_path / "s.jsonl")


def test_texts_that_all_differ_are_each_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch brings the dictionary of all batches before it."""
    rows, asked = 60_000, 0
    share = table.Table.share

    def counted(self: table.Table, text: str) -> str:
        nonlocal asked
        asked += 1
        return share(self, text)

    monkeypatch.setattr(table.Table, "share", counted)
    path = tmp_path / "s.parquet"
    events = [None if i % 7 == 0 else f"event {i % 50_000}" for i in range(rows)]
    pq.write_table(pa.table({"id": [f"s{i}" for i in range(rows)], "event": events}), path)
    found = load_scenarios(path).scenarios
    assert [s.variables["event"] for s in found] == events
    assert asked <= 2 * rows


def test_damaged_parquet_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    pq.write_table(pa.table({"id": [f"s{i}" for i in range(500)]}), path)
    whole = path.read_bytes()
    for at in range(4, len(whole), 17):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        with contextlib.suppress(DataError):
            load_scenarios(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert "no readable Parquet file" in refused(path)


@pytest.mark.slow
def test_a_million_rows_fit(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    with path.open("w") as file:
        for i in range(1_000_000):
            file.write(
                f'{{"id": "s-{i:07}", "camera": "c{i % 7}", "kind": "k{i % 4}", '
                f'"detections": "person {i % 97}%", "risk_range": [0, 25]}}\n'
            )
    code = (
        "import pathlib, promptreg.stages.load as load\n"
        f"n = len(load.load_scenarios(pathlib.Path({str(path)!r})).scenarios)\n"
        "print(n)\n" + PEAK
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    count, megabytes = map(int, done.stdout.split())
    assert count == 1_000_000
    assert megabytes < 500
