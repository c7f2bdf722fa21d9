"""CSV and Parquet: the rows of the JSON report, flat, typed and harmless."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from comparison_factory import hostile_comparison, make_comparison, poison
from promptreg.stages.report import comparison_json
from promptreg.verdicts import Comparison
from promptreg_plugins.reporters.as_csv import CsvReporter
from promptreg_plugins.reporters.as_parquet import ParquetReporter
from promptreg_plugins.reporters.rows import COLUMNS, flat_rows


def read(comparison: Comparison, path: Path) -> list[dict[str, str]]:
    CsvReporter().write(comparison, path)
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_csv_holds_the_numbers_of_the_json(tmp_path: Path) -> None:
    comparison = make_comparison()
    rows = read(comparison, tmp_path / "x.csv")
    entries = comparison_json(comparison)["comparisons"]
    assert len(rows) == len(entries)
    for row, entry in zip(rows, entries, strict=True):
        assert list(row) == list(COLUMNS)
        assert float(row["difference"]) == entry["difference"]
        assert float(row["interval_low"]) == entry["interval"][0]
        assert row["slice_value"] == (entry["slice"]["value"] if entry["slice"] else "")
        assert row["gating"] == ("true" if entry["gating"] else "false")
        assert row["ratio"] == ("" if entry["ratio"] is None else repr(entry["ratio"][0]))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\tx", "\r=x", " =1", "\n=1", "＝1", '=cmd|"/c calc"!A0']
)
def test_a_text_is_never_a_formula(text: str, tmp_path: Path) -> None:
    comparison = make_comparison(templates=(text,))
    for row in read(comparison, tmp_path / "x.csv"):
        assert not row["template"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    rows = read(make_comparison(), tmp_path / "x.csv")
    assert any(row["difference"].startswith("-") for row in rows)


def test_hostile_text_stays_in_its_cell(tmp_path: Path) -> None:
    comparison = poison(make_comparison(), '",\r\n=1,"\x00\x1b[0m\ud800')
    rows = read(comparison, tmp_path / "x.csv")
    assert len(rows) == len(comparison.differences)
    raw = (tmp_path / "x.csv").read_bytes()
    assert raw.count(b"\r\n") == len(rows) + 1
    assert b"\x1b" not in raw
    assert b"\x00" not in raw


@pytest.mark.parametrize("hostile", [False, True])
def test_parquet_holds_the_same_rows_with_types(hostile: bool, tmp_path: Path) -> None:
    comparison = hostile_comparison() if hostile else make_comparison()
    ParquetReporter().write(comparison, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names == list(COLUMNS)
    assert table.schema.field("difference").type == "double"
    assert table.schema.field("n_scenarios").type == "int64"
    assert table.schema.field("gating").type == "bool"
    expected = [{name: row.get(name) for name in COLUMNS} for row in flat_rows(comparison)]
    assert table.to_pylist() == expected
    assert table.column("ratio").null_count > 0
