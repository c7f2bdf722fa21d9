"""`promptreg scenarios list`, `show` and `map`, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from promptreg.cli.app import run as promptreg

ROWS = [
    {"id": "fox", "kind": "animal", "night": True, "seen": "a fox\x1b[31m runs around"},
    {"id": "cat", "kind": "animal", "night": False, "seen": "a cat runs over the lawn"},
    {"id": "thief", "kind": "person", "night": True, "seen": "a man\nbreaks the door"},
    {"id": "child", "kind": "person", "night": False, "seen": "a child opens the door"},
]
SUITE = {
    "suite": "door",
    "scenarios": "scenarios.json",
    "attributes": ["kind", "night"],
    "templates": {"t": {"versions": {"v1": "t.txt"}}, "u": {"versions": {"v1": "t.txt"}}},
    "select": {"u": {"kind": "person"}},
    "provider": {"use": "scripted"},
}


@pytest.fixture
def suite(tmp_path: Path) -> list[str]:
    (tmp_path / "scenarios.json").write_text(json.dumps(ROWS), "utf-8")
    (tmp_path / "t.txt").write_text("{seen}", "utf-8")
    (tmp_path / "promptreg.yaml").write_text(json.dumps(SUITE), "utf-8")
    return ["-c", str(tmp_path / "promptreg.yaml")]


def test_list_shows_attributes_and_says_what_was_left_out(
    suite: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert promptreg(["scenarios", "list", *suite]) == 0
    out = capsys.readouterr().out
    assert "4 scenarios" in out
    assert [line.split()[0] for line in out.splitlines() if "true" in line or "false" in line] == [
        "fox",
        "cat",
        "thief",
        "child",
    ]
    assert promptreg(["scenarios", "list", *suite, "--filter", "kind=person", "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert "2 scenarios of 4" in out
    assert "the first 1 are shown" in out
    assert "child" not in out


def test_list_as_json(suite: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["scenarios", "list", *suite, "--json", "--template", "u"]
    assert promptreg(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total"], found["kept"]) == (4, 2)
    assert found["scenarios"][0] == {
        "scenario_id": "thief",
        "family": "thief",
        "attributes": {"kind": "person", "night": "true"},
    }


def test_show_tells_all_of_one_scenario_and_who_serves_it(
    suite: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert promptreg(["scenarios", "show", "fox", *suite]) == 0
    out = capsys.readouterr().out
    assert "served by: t\n" in out
    assert "kind: animal" in out
    assert "\x1b" not in out
    assert promptreg(["scenarios", "show", "thief", *suite, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["templates"] == ["t", "u"]
    assert found["variables"]["seen"] == "a man\nbreaks the door"
    assert promptreg(["scenarios", "show", "theif", *suite]) == 2
    assert "did you mean 'thief'" in capsys.readouterr().err


def test_a_map_needs_an_embedder_and_the_right_words(
    suite: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "map.svg"
    for more, said in (
        (["-o", str(path)], "no embedder is named"),
        (["-o", str(path.with_suffix(".png"))], "written as .svg, found .png"),
        (["-o", str(path), "--by", "knid"], "did you mean 'kind'"),
    ):
        assert promptreg(["scenarios", "map", *suite, *more]) == 2
        assert said in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.usefixtures("suite")
def test_a_map_is_drawn_for_any_suite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import word_embedder
    from promptreg import discovery
    from promptreg.pipeline import project

    made = discovery.load_plugins([word_embedder])
    monkeypatch.setattr(project, "load_plugins", lambda: made)
    config = tmp_path / "promptreg.yaml"
    config.write_text(json.dumps(SUITE | {"embedder": {"use": "words"}}), "utf-8")
    path = tmp_path / "map.svg"
    arguments = ["scenarios", "map", "-c", str(config), "-o", str(path), "--by", "night", "--json"]
    assert promptreg(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert {s["scenario_id"]: s["value"] for s in found["scenarios"]}["fox"] == "true"
    assert all(0 <= s[axis] <= 1 for s in found["scenarios"] for axis in "xy")
    titles = [e.text for e in ElementTree.parse(path).iter() if e.tag.endswith("title")]
    assert {"fox", "cat", "thief", "child"} <= set(titles)
