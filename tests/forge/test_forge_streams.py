"""What promptreg prints holds no command for the runner of GitHub Actions."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import Promptreg
from promptreg.cli.streams import _Inert
from suite_factory import answer_text, scenario_ids, write_suite

PIECES = st.lists(st.text(alphabet=":#[\n\r \tx\u00a0", max_size=6), max_size=8)


def obeys(line: str) -> bool:
    """Return whether the runner takes a line for a command."""
    return line.lstrip().startswith("::") or "##[" in line


@given(PIECES)
def test_however_it_is_written_no_line_is_a_command(pieces: list[str]) -> None:
    raw = io.BytesIO()
    stream = _Inert(raw, encoding="utf-8", newline="")
    for piece in pieces:
        assert stream.write(piece) == len(piece)
    stream.flush()
    shown = raw.getvalue().decode()
    assert not any(obeys(line) for line in shown.replace("\r", "\n").split("\n"))
    assert shown.replace("\u200b", "") == "".join(pieces)


@pytest.mark.slow
@pytest.mark.parametrize("actions", ["true", ""])
def test_answers_and_errors_cannot_command(tmp_path: Path, actions: str) -> None:
    evil = "::stop-commands::x\n::error::forged ##[add-mask]a"
    rows = [
        {"scenario_id": s, "version": v, "text": answer_text(99 if v == "v2" else 12, evil)}
        for s in scenario_ids(12)
        for v in ("v1", "v2")
    ]
    path = tmp_path / "completions.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    write_suite(tmp_path, provider={"use": "recorded", "path": path.name}, n=12)
    run = Promptreg(tmp_path, env={"GITHUB_ACTIONS": actions})
    shown = run("compare", "v1", "v2", "-v")
    assert shown.code == 0, shown.err
    assert "forged" in shown.out
    assert any(obeys(line) for line in shown.out.splitlines()) is (not actions)
    wrong = run("compare", "v1", "x\n::error::forged")
    told = [s for s in (shown.err + wrong.err).splitlines() if obeys(s)]
    assert all(re.match(r"::(error|warning) (file|title)=", s) for s in told if actions)
    found = run("compare", "v1", "v2", "--json")
    assert not any(obeys(line) for line in found.out.splitlines())
    assert "##[add-mask]" in json.dumps(found.json)
