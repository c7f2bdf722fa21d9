"""The terminal view: verdict first, within the width, safe to print."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from comparison_factory import hostile_comparison, make_comparison
from promptreg.cli.view import render_comparison
from promptreg.errors import ExitCode
from promptreg.verdicts import Comparison, Counts, Gate, GateVerdict, Side

SGR = re.compile(r"\x1b\[[0-9;]*m")


def view(
    comparison: Comparison, width: int = 80, *, colour: bool = False, verbose: bool = False
) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
    )
    render_comparison(comparison, console, verbose=verbose, reports=["out/report.html"])
    return stream.getvalue()


@pytest.mark.parametrize("verdict", list(GateVerdict))
def test_the_verdict_stands_in_the_first_line(verdict: GateVerdict) -> None:
    first = view(make_comparison(verdict=verdict)).splitlines()[0]
    assert first.startswith(f"GATE {verdict.upper()} — ")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("verbose", [False, True])
def test_no_line_is_wider_than_the_console(width: int, hostile: bool, verbose: bool) -> None:
    comparison = hostile_comparison() if hostile else make_comparison()
    lines = view(comparison, width, verbose=verbose).splitlines()
    assert max(cell_len(line) for line in lines) <= width


def test_every_column_is_there_at_either_width() -> None:
    narrow, wide = (view(make_comparison(templates=("basic",)), w) for w in (80, 120))
    row = next(line for line in wide.splitlines() if line.startswith("in_range "))
    assert row.split() == [
        "in_range",
        "88.0%",
        "81.0%",
        "-7.0pp",
        "[-11.5,",
        "-2.5]",
        "±5pp",
        "REGRESSED",
        "±6.4pp",
    ]
    assert "could have seen ±6.4pp · p .003, adj .021 · 19 broke, 5 fixed" in narrow
    for text in (narrow, wide):
        assert "95% interval" in text
        assert "~130 more scenarios" in text
        assert "Guards: slices that gate" in text
        assert "hints, never gating" in text
        assert "report: out/report.html" in text
        assert "the baseline is 23 days old" in text


def test_a_narrow_console_cuts_no_verdict_and_keeps_both_sides() -> None:
    comparison = make_comparison(templates=("basic",))
    lines = view(comparison, 42).splitlines()
    assert max(cell_len(line) for line in lines) <= 42
    at = next(i for i, line in enumerate(lines) if line.startswith("in_range "))
    assert lines[at].split() == ["in_range", "-7.0pp", "REGRESSED"]
    assert lines[at + 1].strip() == "v1 88.0% · v2 81.0%"


def test_a_note_longer_than_a_line_is_wrapped_and_not_cut() -> None:
    comparison = make_comparison(templates=("basic",))
    note = "labels do not decide: " + "a reason in many words " * 4 + "that ends here"
    first = dataclasses.replace(comparison.differences[0], notes=(note,))
    text = view(dataclasses.replace(comparison, differences=(first, *comparison.differences[1:])))
    assert note in " ".join(text.split())


def test_control_characters_of_others_never_reach_the_terminal() -> None:
    for colour in (False, True):
        text = SGR.sub("", view(hostile_comparison(), colour=colour, verbose=True))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
        assert not re.search("[\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_markup_of_others_stays_text() -> None:
    comparison = make_comparison()
    odd = dataclasses.replace(
        comparison, warnings=("[bold red]x[/bold red] [link=a]y[/link] :smile:",)
    )
    assert "[bold red]x[/bold red] [link=a]y[/link] :smile:" in view(odd, 120)


def test_colour_only_where_the_console_has_it() -> None:
    assert "\x1b" not in view(make_comparison())
    coloured = view(make_comparison(), colour=True)
    assert "\x1b[" in coloured
    assert SGR.sub("", coloured) == view(make_comparison())


def test_a_console_that_knows_ascii_only() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    render_comparison(hostile_comparison(), Console(file=stream, width=80))
    stream.flush()
    assert raw.getvalue().startswith(b"GATE FAIL - in_range regressed")


def test_both_answers_stand_side_by_side() -> None:
    text = view(make_comparison(), 120)
    line = next(line for line in text.splitlines() if "FAILED timeout" in line)
    left, right = line.split("│")
    assert "risk_score" in left
    assert "FAILED timeout: no answer within 120 s" in right


def test_synthetic_is_said_at_once() -> None:
    text = view(dataclasses.replace(make_comparison(), synthetic=True))
    assert "SYNTHETIC" in text.split("\n\n")[0]


def test_more_when_asked() -> None:
    short, long = view(make_comparison()), view(make_comparison(), verbose=True)
    assert "and 23 more; -o report.html shows them all" in short
    for words in ("re-run SE", "without failed trials: in_range -3.1pp", "policy 9f9f"):
        assert words in long
        assert words not in short


def test_empty_comparison() -> None:
    side = Side("v1", {}, {}, {})
    empty = Comparison(
        suite="s", baseline=side, candidate=side,
        gate=Gate(GateVerdict.INCONCLUSIVE, ("no scenario",), ExitCode.INCONCLUSIVE),
        differences=(), limits=(), counts=Counts(0, 0, 0, {}), cost=None, duration_s=0.0,
        alpha=0.05, policy_sha256="", provider="", synthetic=False, created_at="",
    )  # fmt: skip
    assert view(empty).startswith("GATE INCONCLUSIVE — no scenario · no metric compared\n")
