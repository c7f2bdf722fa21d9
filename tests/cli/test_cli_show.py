"""Tables: what is copied out of them, and what a pipe gets."""

from __future__ import annotations

import pytest

from promptreg.cli.show import print_table

HEADS = ["finished", "run", "summary", "interval"]
ROWS = [
    ["2026-11-22 08:47", "model_zoo_enhanced-v1-599b4ac53d", "nothing got worse " * 6, "[-1, +2]"],
    ["2026-11-22 08:46", "basic-v2-3b44d37d5c", "no word on it", "[-0.00846, +0.0777]"],
]


def printed(capsys: pytest.CaptureFixture[str], rows: list[list[str]] = ROWS) -> list[str]:
    print_table(HEADS, rows, {3})
    return capsys.readouterr().out.splitlines()


def test_a_pipe_gets_one_line_for_each_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = [line for line in printed(capsys) if line.strip(" ─")]
    assert len(lines) == 1 + len(ROWS)
    for line, row in zip(lines[1:], ROWS, strict=True):
        assert all(cell.strip() in line for cell in row)


def test_names_that_commands_take_are_not_broken_over_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(capsys)
    assert max(map(len, lines)) <= 80
    assert all(any(row[1] in line for line in lines) for row in ROWS)


def test_a_name_too_long_for_the_width_is_folded_and_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = printed(capsys, [["now", "a" * 99, "fine", "-"]])
    assert max(map(len, lines)) <= 60
    assert sum(line.count("a") for line in lines[3:]) == 99
