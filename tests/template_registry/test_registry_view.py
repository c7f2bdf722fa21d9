"""list, show, diff and register: what they say, to people and to programs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import Promptreg
from promptreg.cli.templates.textdiff import unified, words
from registry_suite import Say


def test_a_repository_that_could_not_join_two_registries_is_told(suite: Path, say: Say) -> None:
    assert "conflict" not in say("templates", "register", "basic@v1").out, "no repository"
    subprocess.run(["git", "init", "-q"], cwd=suite, check=True)
    told = "until .gitattributes says: promptreg.registry.jsonl merge=union"
    assert told in say("templates", "register", "basic@v2").out
    (suite / ".gitattributes").write_text("promptreg.registry.jsonl merge=union\n", "utf-8")
    done = say("templates", "register", "basic@v3")
    assert "commit it" in done.out
    assert "conflict" not in done.out


def test_a_label_never_takes_the_alias_that_promotions_move(suite: Path, say: Say) -> None:
    """The registry only grows: with that label nothing could be promoted for ever after."""
    taken = say("templates", "register", "basic@v1", "--label", "production")
    assert taken.code == 2
    assert "the alias that promotions move" in taken.err
    assert say("templates", "promote", "basic@v1").code == 0


def test_register_once(suite: Path, say: Say) -> None:
    first = say("templates", "register", "basic@v1")
    assert first.code == 0
    assert "registered, engine format, 2 variables" in first.out
    assert "commit it" in first.out
    journal = (suite / "promptreg.registry.jsonl").read_bytes()
    again = say("templates", "register", "basic@v1")
    assert again.code == 0
    assert "no new version: identical text was registered as v1" in again.out
    assert (suite / "promptreg.registry.jsonl").read_bytes() == journal
    other = say("templates", "register", "basic@v1", "--label", "final", "--json")
    assert other.json[0]["result"] == "labelled"
    taken = say("templates", "register", "basic@v2", "--label", "final")
    assert taken.code == 2
    assert "a label names one text for ever" in taken.err
    listed = say("templates", "list", "--json").json
    (template,) = listed["templates"]
    by_label = {v["labels"][0]: v for v in template["versions"]}
    assert by_label["v1"]["registered"]["labels"] == ["v1", "final"]
    assert by_label["v1"]["registered"]["by"] == "Ann"
    assert by_label["v2"]["registered"] is None


def test_what_cannot_be_registered(suite: Path, say: Say) -> None:
    (suite / "v2.txt").write_text("{broken")
    assert say("templates", "register", "basic@v2").code == 2
    (suite / "v2.txt").write_text("x" * 100_001)
    assert "at most 100,000 can be registered" in say("templates", "register", "v2").err
    assert say("templates", "promote", "v1", "-q").code == 0
    taken = say("templates", "register", "v3", "--label", "production")
    assert "is an alias; give the version another label" in taken.err
    (suite / "new.txt").write_text("{id} new")
    done = say("templates", "register", "new.txt", "--template", "basic")
    assert done.code == 0
    assert "basic@new" in done.out


def test_list_and_show(suite: Path, say: Say) -> None:
    say("templates", "promote", "basic@v1", "-q")
    text = "Colour \x1b[31mred\x07 {id}\u202e é\n"
    (suite / "v2.txt").write_text(text)
    (suite / "v3.txt").unlink()
    listed = say("templates", "list")
    assert listed.code == 0
    row = next(x for x in listed.out.splitlines() if " v1 " in x)
    assert "production" in row
    assert "v3.txt" in listed.out  # cannot be read, and does not hide the others
    shown = say("templates", "show", "basic@v2")
    assert "\x1b" not in shown.out
    assert "\u202e" not in shown.out
    assert "⟨U+202E⟩" in shown.out
    assert "variables  id" in shown.out
    (found,) = say("templates", "show", "basic@v2", "--json").json
    assert found["text"] == text
    assert found["aliases"] == []
    (found,) = say("templates", "show", "basic@production", "--json").json
    assert found["aliases"] == ["production"]
    assert found["moves"][0]["decision"]["verdict"] == "pass"
    exact = Promptreg(suite)("templates", "show", "basic@v2", "--text", env={"LC_ALL": "C"})
    assert exact.out == text


def test_diff(suite: Path, say: Say) -> None:
    (suite / "v2.txt").write_text("[{id} v1] Seen: {detections}. And {scenario_type}, please.")
    done = say("templates", "diff", "v1", "v2")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "-[{id} v1] Seen: {detections}. JSON, please." in done.out
    assert "# variables: +scenario_type" in done.out
    assert "characters (+" in done.out
    by_words = say("templates", "diff", "v1", "v2", "--words")
    assert "[-JSON-]{+And {scenario_type}+}, please." in by_words.out
    assert say("templates", "diff", "v1", "v2", "--exit-code").code == 1
    same = say("templates", "diff", "v1", "v1", "--exit-code")
    assert same.code == 0
    assert "identical" in same.out
    (found,) = say("templates", "diff", "v1", "v2", "--json").json
    assert found["variables"] == {"added": ["scenario_type"], "removed": []}
    data = json.loads((suite / "promptreg.yaml").read_text())
    data["templates"]["basic"]["engine"] = "raw"
    say("templates", "register", "v1")
    (suite / "promptreg.yaml").write_text(json.dumps(data))
    engines = say("templates", "diff", f"basic@sha256:{registered(suite)}", "basic@v1")
    assert "# engine: format became raw" in engines.out
    assert "# the texts are identical" in engines.out


def registered(folder: Path) -> str:
    line = (folder / "promptreg.registry.jsonl").read_text().splitlines()[0]
    return str(json.loads(line)["sha256"])


@given(st.text("ab\n", max_size=60), st.text("ab\n", max_size=60))
def test_a_unified_diff_makes_one_text_of_the_other(a: str, b: str) -> None:
    signs = {"same": " ", "removed": "-", "added": "+", "place": ""}
    lines = [signs[mark] + line for mark, line in unified(a, b)]
    assert (lines == []) == (a == b)
    assert _applied(a.split("\n"), lines) == b.split("\n")


def _applied(lines: list[str], diff: list[str]) -> list[str]:
    """Return what `patch` would make of the lines."""
    out: list[str] = []
    at = 0
    for line in diff:
        if line.startswith("@@"):
            start, length = (int(x) for x in line.split()[1][1:].split(","))
            first = start - 1 if length else start
            out += lines[at:first]
            at = first
        elif line.startswith("+"):
            out.append(line[1:])
        else:
            assert lines[at] == line[1:]
            at += 1
            out += [line[1:]] if line.startswith(" ") else []
    return out + lines[at:]


@given(st.text(max_size=60), st.text(max_size=60))
def test_words_hold_both_texts(a: str, b: str) -> None:
    pieces = words(a, b)
    assert "".join(x for mark, x in pieces if mark != "added") == a
    assert "".join(x for mark, x in pieces if mark != "removed") == b


@pytest.mark.parametrize("size", [2_000, 50_000])
def test_hostile_texts_end(size: int) -> None:
    """Without a bound on the work, these take minutes to hours."""
    lines = unified("a\nb\n" * size, "b\na\na\n" * size)
    assert sum(mark == "removed" for mark, _ in lines) > size
    assert words("a b " * size, "b a a " * size)


def test_who_is_named(suite: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMPTREG_USER")
    monkeypatch.setenv("LOGNAME", "somebody")
    monkeypatch.setenv("HOME", os.devnull)
    monkeypatch.setenv("XDG_CONFIG_HOME", os.devnull)
    say("templates", "register", "v1")
    line = (suite / "promptreg.registry.jsonl").read_text()
    assert json.loads(line)["by"]
    assert json.loads(line)["commit"] == ""
