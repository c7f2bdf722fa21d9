"""The contract of reporters."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from promptreg.contracts.comparisons import hostile_comparison, sample_comparison
from promptreg.contracts.hostile import SCRIPT
from promptreg.contracts.reports import content_problems
from promptreg.contracts.values import one_line, shown
from promptreg.protocols import Reporter
from promptreg.verdicts import Comparison, ScenarioChange

__all__ = [
    "check_extensions",
    "check_hostile_text",
    "check_reporter",
    "check_same_bytes",
    "check_whole_or_nothing",
    "check_write",
]

_OLD = b"the report of yesterday"


def check_reporter(
    reporter: Reporter, comparison: Comparison | None = None, *, deterministic: bool = True
) -> list[str]:
    """Return what a reporter does wrong, one line each; empty if it keeps the contract.

    Args:
        reporter: the reporter.
        comparison: what it writes; default: `sample_comparison()`.
        deterministic: whether the same comparison must lead to the same bytes; a reporter may also
            say so itself, with an attribute `deterministic = False`.
    """
    problems = check_extensions(reporter)
    if problems:
        return problems
    problems += check_write(reporter, comparison)
    if problems:
        return problems
    if deterministic and getattr(reporter, "deterministic", True):
        problems += check_same_bytes(reporter, comparison)
    return problems + check_whole_or_nothing(reporter) + check_hostile_text(reporter)


def check_extensions(reporter: Reporter) -> list[str]:
    """Check `extensions`: at least one, each such as `.html`; and that `write` exists."""
    problems = [] if callable(getattr(reporter, "write", None)) else ["has no method write()"]
    found: Any = getattr(reporter, "extensions", None)
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        return [*problems, f"extensions is {shown(found)}; allowed: such as ('.html',)"]
    return problems + [
        f"extension {shown(ending)}: allowed: a '.', then a name in lower case, such as '.html'"
        for ending in found
        if not _proper(ending)
    ]


def check_write(reporter: Reporter, comparison: Comparison | None = None) -> list[str]:
    """Check that a sound file is written, with nothing beside it and the comparison unchanged."""
    given = comparison or sample_comparison()
    before = copy.deepcopy(given)
    problems: list[str] = []
    for ending in reporter.extensions:
        data, found = _write(reporter, given, ending)
        problems += found
        if data is not None:
            problems += content_problems(data, ending)
    if given != before:
        problems.append("write() changed the comparison")
    return problems


def check_same_bytes(reporter: Reporter, comparison: Comparison | None = None) -> list[str]:
    """Check that the same comparison written twice gives the same bytes."""
    given = comparison or sample_comparison()
    return [
        f"write() to {ending} gave other bytes the second time; take times from the comparison, "
        "and sort what comes from sets"
        for ending in reporter.extensions
        if _write(reporter, given, ending)[0] != _write(reporter, given, ending)[0]
    ]


def check_hostile_text(reporter: Reporter) -> list[str]:
    """Check that hostile text neither makes the reporter fail nor comes through as markup."""
    problems: list[str] = []
    for ending in reporter.extensions:
        data, found = _write(reporter, hostile_comparison(), ending)
        problems += [f"hostile text: {problem}" for problem in found]
        if data is not None:
            problems += [f"hostile text: {p}" for p in content_problems(data, ending)]
            if ending in (".html", ".htm", ".svg", ".xml") and SCRIPT.encode() in data:
                problems.append(f"hostile text: {ending} holds a <script> that came from a prompt")
    return problems


def check_whole_or_nothing(reporter: Reporter) -> list[str]:
    """Check that a report that fails halfway leaves an older file at that path as it was."""
    plain = sample_comparison()
    broken = cast("ScenarioChange", _Breaks())
    comparison = replace(plain, changes=(*plain.changes, broken))
    problems = []
    for ending in reporter.extensions:
        with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:
            path = Path(folder) / f"report{ending}"
            path.write_bytes(_OLD)
            try:
                reporter.write(comparison, path)
            except (Exception, SystemExit):  # noqa: BLE001 - it may wrap the error as it likes
                if not path.exists() or path.read_bytes() != _OLD:
                    problems.append(
                        f"write() to {ending} failed halfway and left a damaged file; write to "
                        "another name in the same folder, then os.replace"
                    )
                problems += _leftovers(path)
    return problems


class _BrokenError(Exception):
    pass


class _Breaks:
    """Stands where a `ScenarioChange` is due, and fails as soon as anybody looks at it."""

    def __getattr__(self, name: str) -> Any:
        raise _BrokenError(name)


def _proper(ending: object) -> bool:
    return (
        isinstance(ending, str)
        and ending.startswith(".")
        and len(ending) > 1
        and ending == ending.lower()
        and not set(ending) & set("/\\ \0")
        and not ending.endswith(".")
    )


def _write(
    reporter: Reporter, comparison: Comparison, ending: str
) -> tuple[bytes | None, list[str]]:
    """Return the bytes written, and what went wrong."""
    with tempfile.TemporaryDirectory(prefix="promptreg-") as folder:
        path = Path(folder) / f"report{ending}"
        try:
            reporter.write(comparison, path)
        except (Exception, SystemExit) as e:  # noqa: BLE001 - a stranger's code may raise anything
            return None, [f"write() to {ending} raised {one_line(e)}"]
        if not path.is_file():
            return None, [f"write() wrote no file at the path it was given (report{ending})"]
        data = path.read_bytes()
        problems = [] if data.strip() else [f"write() to {ending} wrote an empty file"]
        return data, problems + _leftovers(path)


def _leftovers(path: Path) -> list[str]:
    others = sorted(p.name for p in path.parent.iterdir() if p != path)
    return [f"write() left something else behind: {', '.join(others)}"] if others else []
