"""The contract of reporters finds what is wrong, and nothing else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from promptreg import Comparison, Reporter
from promptreg.contracts import check_reporter, hostile_comparison
from promptreg.testing import ReporterContract


class Good(Reporter):
    """Keeps the contract."""

    extensions: ClassVar[Sequence[str]] = (".json", ".v2.json")

    def write(self, comparison: Comparison, path: Path) -> None:
        facts = {
            "verdict": comparison.gate.verdict,
            "changes": [change.scenario_id for change in comparison.changes],
            "warnings": list(comparison.warnings),
        }
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(facts), "utf-8")
        part.replace(path)


class TestGood(ReporterContract):
    def make(self) -> Reporter:
        return Good()


def _writing(text: Callable[[Comparison], str | bytes], *endings: str) -> Reporter:
    class Writing(Reporter):
        extensions = endings

        def write(self, comparison: Comparison, path: Path) -> None:
            made = text(comparison)
            path.write_bytes(made if isinstance(made, bytes) else made.encode())

    return Writing()


def test_a_good_reporter_has_no_problem() -> None:
    assert check_reporter(Good()) == []


@pytest.mark.parametrize(
    ("endings", "problem"),
    [
        ((), "extensions is ()"),
        (".json", "extensions is '.json'"),
        (("json",), "extension 'json': allowed"),
        ((".JSON",), "extension '.JSON': allowed"),
        ((".",), "extension '.': allowed"),
        (("./x",), "extension './x': allowed"),
        ((3,), "extension 3: allowed"),
    ],
)
def test_extensions_must_be_sound(endings: Any, problem: str) -> None:
    class Odd(Good):
        extensions = endings

    assert any(problem in p for p in check_reporter(Odd()))


@pytest.mark.parametrize(
    ("made", "ending", "problem"),
    [
        ("", ".txt", "wrote an empty file"),
        ("NaN", ".json", "is not strict JSON"),
        ('{"a": Infinity}', ".json", "it holds Infinity"),
        ("{", ".json", "is not strict JSON"),
        ("[" * 100_000, ".json", "is not strict JSON"),
        ("<a><b></a>", ".junit.xml", "is not well-formed XML"),
        ("a\x1b[2J", ".md", "a terminal escape"),
        ("a\0", ".html", "a NUL character"),
        (b"\xff", ".md", "is not UTF-8"),
        ('a,"=HYPERLINK(1)"\n', ".csv", "a cell that begins with '='"),
    ],
)
def test_the_file_must_be_what_its_extension_says(
    made: str | bytes, ending: str, problem: str
) -> None:
    problems = check_reporter(_writing(lambda comparison: made, ending))
    assert any(problem in p for p in problems), problems


def test_bytes_of_an_unknown_format_pass() -> None:
    assert check_reporter(_writing(lambda comparison: b"\xff\0\x1b", ".bin")) == []


def test_a_file_at_another_place_is_found() -> None:
    class Elsewhere(Good):
        def write(self, comparison: Comparison, path: Path) -> None:
            path.with_suffix(".bak").write_text("x")

    assert any("wrote no file at the path" in p for p in check_reporter(Elsewhere()))


def test_something_left_behind_is_found() -> None:
    class Messy(Good):
        def write(self, comparison: Comparison, path: Path) -> None:
            super().write(comparison, path)
            (path.parent / "style.css").write_text("x")

    assert any("left something else behind: style.css" in p for p in check_reporter(Messy()))


def test_other_bytes_the_second_time_are_found_unless_declared() -> None:
    ticks = itertools.count()

    class Timed(Good):
        def write(self, comparison: Comparison, path: Path) -> None:
            path.write_text(f"at {next(ticks)}")

        extensions = (".txt",)

    assert any("other bytes the second time" in p for p in check_reporter(Timed()))
    assert check_reporter(Timed(), deterministic=False) == []
    Timed.deterministic = False  # type: ignore[attr-defined]  # an optional attribute
    assert check_reporter(Timed()) == []


def test_hostile_text_that_comes_through_is_found() -> None:
    raw = _writing(lambda c: "".join(c.warnings).encode("utf-8", "replace"), ".html")
    problems = check_reporter(raw)
    assert any("terminal escape" in p for p in problems)
    assert any("NUL" in p for p in problems)
    assert any("a <script> that came from a prompt" in p for p in problems)


def test_a_lone_surrogate_that_breaks_the_encoding_is_found() -> None:
    naive = _writing(lambda c: "".join(c.warnings), ".txt")
    assert any("raised UnicodeEncodeError" in p for p in check_reporter(naive))


def test_a_formula_in_a_cell_is_found() -> None:
    naive = _writing(lambda c: "".join(f"{x.scenario_id}\n" for x in c.changes), ".csv")
    assert any("a cell that begins with '='" in p for p in check_reporter(naive))


def test_a_report_that_fails_halfway_and_damages_the_old_one_is_found() -> None:
    class Streams(Good):
        extensions = (".txt",)

        def write(self, comparison: Comparison, path: Path) -> None:
            with path.open("w", encoding="utf-8", errors="replace") as file:
                for change in comparison.changes:
                    file.write(f"{change.scenario_id}\n")

    problems = check_reporter(Streams())
    assert problems == [
        "write() to .txt failed halfway and left a damaged file; write to another name in the "
        "same folder, then os.replace"
    ]


def test_a_half_report_left_beside_is_found() -> None:
    class Forgets(Good):
        extensions = (".txt",)

        def write(self, comparison: Comparison, path: Path) -> None:
            part = path.with_name("half")
            with part.open("w", encoding="utf-8", errors="replace") as file:
                for change in comparison.changes:
                    file.write(f"{change.scenario_id}\n")
            part.replace(path)

    assert check_reporter(Forgets()) == ["write() left something else behind: half"]


def test_changing_the_comparison_is_found() -> None:
    class Changes(Good):
        def write(self, comparison: Comparison, path: Path) -> None:
            diffs: Any = comparison.template_diffs
            diffs.clear()
            super().write(comparison, path)

    assert "write() changed the comparison" in check_reporter(Changes())


def test_hostile_text_is_hostile() -> None:
    warning = hostile_comparison().warnings[0]
    for sign in ("\x1b", "\0", "\ud800", "\u202e", "<script>", "\n"):
        assert sign in warning
    assert max(len(side) for side in hostile_comparison().template_diffs["basic"]) >= 200_000
