"""Scenario files of every format, and what is made of them."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptreg.errors import DataError
from promptreg.records import ScenarioSet
from promptreg.stages.load import load_scenarios

ROWS: list[dict[str, Any]] = [
    {
        "id": f"s{i}",
        "camera": ["front", "back"][i % 2],
        "count": i % 3,
        "alert": i % 2 == 0,
        "story": f"a story of its own, number {i}",
        "deviation": i / 4,
        "family": f"f{i // 2}",
        "detections": [{"type": "person", "box": [1, 2, 3, 4], "note": None}],
        "ground_truth": {"risk_range": [0, 25], "key_points": ["a courier", "daylight"]},
    }
    for i in range(8)
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix in (".jsonl", ".ndjson"):
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row in rows:
                flat = {
                    k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in row.items()
                }
                writer.writerow(flat)
    else:  # JSON is YAML too
        path.write_text(json.dumps(rows), "utf-8")
    return path


def load_text(folder: Path, name: str, text: str, **options: Any) -> ScenarioSet:
    path = folder / name
    path.write_bytes(text.encode())
    return load_scenarios(path, **options)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".ndjson", ".json", ".yaml", ".yml"])
def test_every_typed_format_gives_the_same_scenarios(tmp_path: Path, suffix: str) -> None:
    expected = load_scenarios(write(tmp_path / "expected.jsonl", ROWS), cluster="family")
    got = load_scenarios(write(tmp_path / f"s{suffix}", ROWS), cluster="family")
    assert got.scenarios == expected.scenarios
    assert got.sha256 == expected.sha256
    assert got.total == 8
    assert not got.partial
    third = got.scenarios[2]
    assert third.id == "s2"
    assert third.family == "f1"
    assert third.variables["detections"] == [{"type": "person", "box": [1, 2, 3, 4], "note": None}]
    assert third.ground_truth == {"risk_range": [0, 25], "key_points": ["a courier", "daylight"]}
    assert third.attributes == {"camera": "front", "count": "2", "alert": "true"}


def test_csv_gives_text_and_reads_nested_ground_truth(tmp_path: Path) -> None:
    got = load_scenarios(write(tmp_path / "s.csv", ROWS), cluster="family").scenarios[2]
    assert got.ground_truth == {"risk_range": [0, 25], "key_points": ["a courier", "daylight"]}
    assert got.variables["count"] == "2"
    assert got.attributes == {"camera": "front", "count": "2", "alert": "True"}


def test_an_object_with_scenarios_is_read(tmp_path: Path) -> None:
    for name in ("s.json", "s.yaml"):
        got = load_text(tmp_path, name, json.dumps({"scenarios": ROWS}))
        assert [s.id for s in got.scenarios] == [r["id"] for r in ROWS]


def test_the_hash_knows_the_content_not_the_order(tmp_path: Path) -> None:
    whole = load_scenarios(write(tmp_path / "a.jsonl", ROWS)).sha256
    turned = [dict(reversed(list(r.items()))) for r in reversed(ROWS)]
    assert load_scenarios(write(tmp_path / "b.jsonl", turned)).sha256 == whole
    changed = [*ROWS[:-1], {**ROWS[-1], "story": "another"}]
    assert load_scenarios(write(tmp_path / "c.jsonl", changed)).sha256 != whole
    retyped = [*ROWS[:-1], {**ROWS[-1], "count": "1"}]
    assert load_scenarios(write(tmp_path / "d.jsonl", retyped)).sha256 != whole


def test_a_missing_column_and_a_null_are_the_same(tmp_path: Path) -> None:
    a = load_text(tmp_path, "a.jsonl", '{"id": "a"}\n{"id": "b", "zone": "porch"}\n')
    b = load_text(tmp_path, "b.jsonl", '{"id":"a","zone":null}\r\n\r\n{"id":"b","zone":"porch"}')
    assert a.sha256 == b.sha256
    assert a.scenarios[0].variables["zone"] is None
    assert dict(a.scenarios[0].variables) == {"id": "a", "zone": None}


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_SCALAR = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _TEXT


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"a": _TEXT, "b": st.integers(-9, 9), "c": st.lists(_TEXT, max_size=3)}
        ),
        min_size=1,
        max_size=6,
    )
)
def test_parquet_and_json_lines_agree(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("agree")
    rows = [{"id": f"s{i}", **row} for i, row in enumerate(rows)]
    a = load_scenarios(write(folder / "a.parquet", rows))
    b = load_scenarios(write(folder / "b.jsonl", rows))
    assert a.sha256 == b.sha256
    assert a.scenarios == b.scenarios


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), _SCALAR, max_size=6))
@settings(max_examples=40, deadline=None)
def test_values_survive_json_lines(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any]
) -> None:
    path = write(tmp_path_factory.mktemp("survive") / "a.jsonl", [{"id": "s", **row}])
    assert dict(load_scenarios(path).scenarios[0].variables) == {"id": "s", **row}


def test_parquet_times_nan_and_nesting_become_plain_values(tmp_path: Path) -> None:
    table = pa.table(
        {
            "scenario_id": pa.array([7, 8]),
            "at": pa.array(
                [datetime(2026, 1, 21, 22, 5, tzinfo=UTC), None], pa.timestamp("ns", "UTC")
            ),
            "day": pa.array([datetime(2026, 1, 21).date(), None]),
            "score": pa.array([math.nan, 1.5]),
            "vector": pa.array([[0.5, math.nan], None], pa.list_(pa.float32())),
            "zone": pa.array(["porch", "porch"]).dictionary_encode(),
            "context": pa.array([{"zone": "porch", "at": datetime(2026, 1, 1)}, None]),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        }
    )
    pq.write_table(table, tmp_path / "s.parquet")
    first, second = load_scenarios(tmp_path / "s.parquet").scenarios
    assert first.id == "7"
    assert dict(first.variables) == {
        "scenario_id": 7,
        "at": "2026-01-21T22:05:00+00:00",
        "day": "2026-01-21",
        "score": None,
        "vector": [0.5, None],
        "zone": "porch",
        "context": {"zone": "porch", "at": "2026-01-01T00:00:00"},
        "map": {"k": 1},
    }
    assert [second.variables[k] for k in ("at", "day", "vector", "context")] == [None] * 4


def test_yaml_says_what_is_written(tmp_path: Path) -> None:
    text = "- {id: 007x, at: 12:30, on: no, day: 2026-01-21, n: 3, f: 1.5, q: '3', t: true, z: ~}\n"
    assert dict(load_text(tmp_path, "s.yaml", text).scenarios[0].variables) == {
        "id": "007x",
        "at": "12:30",
        "on": "no",
        "day": "2026-01-21",
        "n": 3,
        "f": 1.5,
        "q": "3",
        "t": True,
        "z": None,
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
@pytest.mark.parametrize("name", ["s.jsonl", "s.csv", "s.json", "s.yaml"])
def test_encodings_and_line_ends(tmp_path: Path, name: str, encoding: str) -> None:
    text = {
        "s.jsonl": '{"id": "ä"}\r\n{"id": "b"}\r\n',
        "s.csv": 'id,story\r\nä,"two\r\nlines, quoted"\r\nb,x\r\n',
        "s.json": '[{"id": "ä"},\r\n {"id": "b"}]',
        "s.yaml": "- id: ä\r\n- id: b\r\n",
    }[name]
    (tmp_path / name).write_bytes(text.encode(encoding))
    got = load_scenarios(tmp_path / name)
    assert [s.id for s in got.scenarios] == ["ä", "b"]
    if name == "s.csv":
        assert got.scenarios[0].variables["story"] == "two\r\nlines, quoted"


def test_an_empty_csv_cell_is_a_missing_value(tmp_path: Path) -> None:
    got = load_text(tmp_path, "s.csv", "id,zone,risk_range\na,,\nb,porch,0-25\n")
    assert got.scenarios[0].variables["zone"] is None
    assert got.scenarios[0].ground_truth == {}
    assert got.scenarios[1].ground_truth == {"risk_range": [0, 25]}


WRONG = [
    ("s.jsonl", '{"id": "a"}\n{"id": "a"}\n', "line 2: id 'a' is already the id of line 1"),
    ("s.json", '[{"id": 1}, {"id": "1"}]', "row 2: id '1' is already the id of row 1"),
    ("s.csv", "id,x\na,1\n\nb,2\na,3\n", "line 5: id 'a' is already the id of line 2"),
    ("s.jsonl", "", "holds no scenarios"),
    ("s.json", "[]", "holds no scenarios"),
    ("s.csv", "id,x\n", "holds no scenarios"),
    ("s.csv", "", "a header with the names of the columns is required"),
    ("s.jsonl", '{"name": "a"}', "no column 'id' or 'scenario_id'; columns: name"),
    ("s.jsonl", '{"id": ""}', "line 1: id: found ''; allowed: 1-200 characters"),
    ("s.jsonl", '{"id": null}', "line 1: id: found None"),
    ("s.jsonl", '{"id": true}', "line 1: id: found True"),
    ("s.jsonl", '{"id": 1.5}', "line 1: id: found 1.5"),
    ("s.jsonl", '{"id": "a\\u0007"}', "holds control characters"),
    ("s.jsonl", '{"id": "a\\u202eb"}', "holds control characters"),
    ("s.jsonl", json.dumps({"id": "x" * 201}), "text of 201 characters"),
    ("s.jsonl", '{"id": "a"}\n[1]\n', "line 2: must be an object, found list"),
    ("s.jsonl", '{"id": "a"\n', "line 1: no valid JSON"),
    ("s.jsonl", '{"id": "a", "x": 1, "x": 2}', "line 1: the key 'x' appears twice"),
    ("s.jsonl", '{"id": "a", "x": {"y": 1, "y": 1}}', "the key 'y' appears twice"),
    ("s.jsonl", '{"id": "a", "x": Infinity}', "Infinity is no JSON number"),
    ("s.jsonl", '{"id": "a", "x": 1e999}', "x: inf holds an infinite number"),
    ("s.jsonl", '{"id": "a", "x": ' + "9" * 5000 + "}", "no valid JSON"),
    ("s.jsonl", '{"id": "a", "x": "\\ud800"}', "x: holds half of a surrogate pair"),
    ("s.jsonl", '{"id": "a", "": 1}', "is no column name"),
    ("s.json", '{"rows": []}', "object with the key 'scenarios'; its keys: rows"),
    ("s.json", '{"scenarios": 3}', "scenarios must be a list, found int"),
    ("s.json", "[1,\n2,,]", "no valid JSON"),
    ("s.csv", "id,x\na,1,2\n", "line 2: 3 cells, but the header has 2"),
    ("s.csv", "id,x\na\n", "line 2: 1 cells, but the header has 2"),
    ("s.csv", 'id,x\na,"open\n', "no valid CSV"),
    ("s.csv", "id,id\na,b\n", "the column 'id' appears twice"),
    ("s.csv", "id,\na,b\n", "is no column name"),
    ("s.yaml", "- id: a\n  x: 1\n  x: 2\n", "line 3: the key 'x' appears twice"),
    ("s.yaml", "- id: [\n", "no valid YAML"),
    ("s.yaml", "a: 1\n---\nb: 2\n", "only one document is allowed"),
    ("s.txt", "id\na\n", "unknown format '.txt'; allowed: .parquet"),
    ("s.parquet", "PAR1 this is none PAR1", "no readable Parquet file"),
]


@pytest.mark.parametrize(("name", "text", "message"), WRONG)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        load_text(tmp_path, name, text)
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_invalid_utf8_is_shown_by_its_offset(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(b'\xef\xbb\xbf{"id": "a"}\n{"id": "\xff"}\n')
    with pytest.raises(DataError, match="line 2: not valid UTF-8 at byte 23 of the file"):
        load_scenarios(tmp_path / "s.jsonl")
    (tmp_path / "s.json").write_bytes(b'[{"id": "\xff"}]')
    with pytest.raises(DataError, match="not valid UTF-8 at byte 9"):
        load_scenarios(tmp_path / "s.json")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_scenarios(tmp_path / "s.csv")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(DataError, match="is not a regular file"):
        load_scenarios(tmp_path / "d.csv")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([0, 25], [0, 25]),
        ([30.5, 55.0], [30.5, 55]),
        ("0-25", [0, 25]),
        (" 70 – 100 ", [70, 100]),
        ("[20, 60]", [20, 60]),
        ("(20, 60)", [20, 60]),
        ({"low": 1, "high": 2}, [1, 2]),
        ([5, 5], [5, 5]),
    ],
)
def test_risk_ranges(tmp_path: Path, value: Any, expected: list[float]) -> None:
    for row in ({"risk_range": value}, {"ground_truth": {"risk_range": value}}):
        got = load_text(tmp_path, "s.jsonl", json.dumps({"id": "a", **row}))
        assert got.scenarios[0].ground_truth["risk_range"] == expected


@pytest.mark.parametrize(
    "value",
    [
        [25, 0], [0, 101], [-1, 5], [True, 5], [0, "25"], [0], [0, 1, 2], "low", "5", 7,
        {"low": 1}, [None, 3], "0-999999999999", [[0], [1]], "[0, NaN]",
    ],
)  # fmt: skip
def test_wrong_risk_ranges_are_refused(tmp_path: Path, value: Any) -> None:
    text = json.dumps({"id": "a"}) + "\n" + json.dumps({"id": "b", "risk_range": value})
    with pytest.raises(DataError, match=r"line 2: risk_range: .*allowed"):
        load_text(tmp_path, "s.jsonl", text)


def test_ground_truth_from_columns(tmp_path: Path) -> None:
    text = (
        "id,risk_low,risk_high,should_trigger_alert,key_points,expected_summary,ground_truth.label\n"
        'a,0,25,TRUE,"[""one"", ""two""]",A summary,benign\n'
    )
    assert load_text(tmp_path, "s.csv", text).scenarios[0].ground_truth == {
        "risk_range": [0, 25],
        "should_trigger_alert": True,
        "key_points": ["one", "two"],
        "expected_summary": "A summary",
        "label": "benign",
    }


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"ground_truth": {"risk_range": [0, 25]}, "risk_range": "0-30"},
            "ground_truth.risk_range is [0, 25], but risk_range is [0, 30]",
        ),
        ({"risk_low": 3}, "risk_low and risk_high must be given together"),
        ({"risk_low": 3, "risk_high": 5, "risk_range": [3, 6]}, "say it once"),
        ({"ground_truth": [1]}, "ground_truth: must be an object, found list"),
        ({"ground_truth": "no json"}, "ground_truth: no valid JSON"),
        ({"key_points": [1, 2]}, "key_points: must be a list of texts"),
        ({"key_points": "[oops]"}, "is no valid JSON"),
        ({"should_trigger_alert": "maybe"}, "must be true or false, found 'maybe'"),
        ({"should_trigger_alert": 1}, "must be true or false, found 1"),
    ],
)
def test_contradicting_ground_truth_is_refused(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        load_text(tmp_path, "s.jsonl", json.dumps({"id": "a", **row}))
    assert message in str(caught.value)


def test_agreeing_ground_truth_may_be_said_twice(tmp_path: Path) -> None:
    row = {"id": "a", "risk_range": "0-25", "ground_truth": {"risk_range": [0, 25.0], "x": None}}
    assert load_text(tmp_path, "s.jsonl", json.dumps(row)).scenarios[0].ground_truth == {
        "risk_range": [0, 25]
    }


def test_families(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "fam": 3},
        {"id": "b", "fam": None},
        {"id": "c", "fam": "x"},
    ]
    path = write(tmp_path / "s.jsonl", rows)
    assert [s.family for s in load_scenarios(path, cluster="fam").scenarios] == ["3", "b", "x"]
    assert [s.family for s in load_scenarios(path).scenarios] == ["a", "b", "c"]
    with pytest.raises(DataError, match=r"the cluster 'fma' is no column \(did you mean 'fam'"):
        load_scenarios(path, cluster="fma")


def test_attributes_by_rule(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"s{i}",
            "kind": ["a", "b"][i % 2],
            "many": f"v{i % 60}",
            "unique": f"u{i}",
            "share": (i % 4) / 4,
            "when": "2026-01-21T10:00:00",
            "clock": f"{i % 4}:30",
            "long": "x" * 65,
            "nested": [i % 2],
            "flag": i % 2 == 0,
            "level": i % 5 if i else None,
            "risk_range": "0-25",
            "label": "benign",
        }
        for i in range(130)
    ]
    got = load_scenarios(write(tmp_path / "s.jsonl", rows)).scenarios
    assert set(got[1].attributes) == {"kind", "flag", "level", "label"}
    assert "level" not in got[0].attributes
    given = load_scenarios(write(tmp_path / "s.jsonl", rows), attributes=["share", "kind"])
    assert given.scenarios[1].attributes == {"share": "0.25", "kind": "b"}
    with pytest.raises(DataError, match="the attribute 'kinds' is no column"):
        load_scenarios(tmp_path / "s.jsonl", attributes=["kinds"])
    with pytest.raises(DataError, match="line 1: the attribute 'nested' is a list"):
        load_scenarios(tmp_path / "s.jsonl", attributes=["nested"])


def test_csv_measurements_are_no_attributes(tmp_path: Path) -> None:
    text = "id,level,share\n" + "".join(f"s{i},{i % 3},{(i % 3) / 2}\n" for i in range(12))
    assert set(load_text(tmp_path, "s.csv", text).scenarios[0].attributes) == {"level"}


def test_images_stay_inside_the_project(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "out.png").write_bytes(b"")
    (tmp_path / "data" / "link.png").symlink_to(tmp_path / "out.png")
    row = {"id": "a", "image_path": "a.png", "images": ["b.png", "a.png"]}
    for name in ("a.png", "b.png"):
        (tmp_path / "data" / name).write_bytes(b"")
    got = load_text(tmp_path / "data", "s.jsonl", json.dumps(row)).scenarios[0]
    assert got.images == (str(tmp_path / "data/a.png"), str(tmp_path / "data/b.png"))
    assert not got.attributes
    for bad in ("../out.png", "/etc/passwd", "link.png", "http://h/x.png", "data:image/png;x", 3):
        with pytest.raises(DataError, match="line 1: image_path"):
            load_text(tmp_path / "data", "s.jsonl", json.dumps({"id": "a", "image_path": bad}))


def test_loading_imports_no_data_frames() -> None:
    code = (
        "import sys, promptreg.stages.load, promptreg.stages.render, promptreg.stages.lint\n"
        "heavy = {'pandas', 'pyarrow', 'numpy', 'jinja2', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_reading_parquet_imports_no_pandas(tmp_path: Path) -> None:
    path = write(tmp_path / "s.parquet", ROWS)
    code = (
        "import sys, pathlib, promptreg.stages.load as load\n"
        f"load.load_scenarios(pathlib.Path({str(path)!r}))\n"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
