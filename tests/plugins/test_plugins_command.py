"""`promptreg plugins list` and `check`: what they print, and their exit codes."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from fake_distributions import FakeSite
from promptreg.cli.plugins import app
from promptreg.errors import PluginError, UsageError

OWN = """
    from promptreg import CallError, Completion, Provider, Scale, Scorer, hookimpl

    class Good(Scorer):
        "Does well."
        def __init__(self, most: float = float("inf"), field: str = "summary"):
            self.scales = (Scale("good"),)
        def score(self, trial):
            return self.scales[0].score(1.0)

    class Needy(Good):
        "Needs to know."
        def __init__(self, limit: int):
            super().__init__()
            self.limit = limit
        def score(self, trial):
            return self.scales[0].score(self.limit)

    class Picky(Good):
        "Needs one of two."
        def __init__(self, path: str = "", url: str = ""):
            super().__init__()
            if not path and not url:
                raise ValueError("needs 'path' or 'url'")

    class Paid(Provider):
        "Asks a model."
        def identity(self):
            return {"kind": "paid"}
        async def complete(self, call):
            with open("CALLED", "a") as file:
                file.write("x")
            return Completion("x")

    @hookimpl
    def promptreg_register_scorers(catalog):
        for name, factory in {"own-good": Good, "own-needy": Needy, "own-picky": Picky}.items():
            catalog.add(name, factory)

    @hookimpl
    def promptreg_register_providers(catalog):
        catalog.add("own-paid", Paid)

    @hookimpl
    def promptreg_run_finished(run):
        pass
"""


@pytest.fixture
def own(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    """A distribution with plug-ins of its own; it works in an empty folder.

    An environment without torch: to load it takes ten seconds, and no test here is about it.
    """
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    site.add("promptreg-own", {"own": "pr_own"}, {"pr_own": OWN}, version="1.2")
    monkeypatch.chdir(site.folder.parent)
    return site


def _run(*arguments: str) -> int:
    code: Any = app(args=list(arguments), prog_name="plugins", standalone_mode=False)
    assert isinstance(code, int)
    return code


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = _run(*arguments, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_list_shows_name_owner_summary_and_listeners(
    own: FakeSite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert _run("list") == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "own-good" in line)
    assert row.split() == ["scorer", "own-good", "promptreg-own", "1.2", "Does", "well."]
    assert "own (promptreg-own 1.2) hears promptreg_run_finished" in out


def test_list_as_json_holds_settings_and_defaults(
    own: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    code, facts = _json(capsys, "list")
    assert code == 0
    good = next(p for p in facts["plugins"] if p["name"] == "own-good")
    assert good == {
        "kind": "scorer",
        "name": "own-good",
        "owner": "promptreg-own 1.2",
        "summary": "Does well.",
        "settings": [
            {"name": "most", "type": "float", "required": False, "default": "inf"},
            {"name": "field", "type": "str", "required": False, "default": "summary"},
        ],
        "other_settings": False,
    }
    needy = next(p for p in facts["plugins"] if p["name"] == "own-needy")
    assert needy["settings"] == [{"name": "limit", "type": "int", "required": True}]
    assert {
        "plugin": "own",
        "owner": "promptreg-own 1.2",
        "events": ["promptreg_run_finished"],
    } in facts["listeners"]


def test_list_names_what_is_broken_and_what_is_blocked(
    own: FakeSite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own.add("promptreg-bad", {"bad": "pr_bad"}, {"pr_bad": "raise OSError('no \\x1b[2J disk')"})
    monkeypatch.setenv("PROMPTREG_DISABLE_PLUGINS", "own")
    assert _run("list") == 0
    out = capsys.readouterr().out
    assert "broken: bad (promptreg-bad 1.0): OSError: no" in out
    assert "\x1b" not in out
    assert "blocked: own (promptreg-own 1.2)" in out
    assert "own-good" not in out
    _, facts = _json(capsys, "list")
    assert "own (promptreg-own 1.2)" in facts["blocked"]
    assert [b["owner"] for b in facts["broken"] if b["name"] == "bad"] == ["promptreg-bad 1.0"]


def test_check_leaves_out_what_needs_settings(
    own: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    _, facts = _json(capsys, "check")
    found = {r["name"]: r for r in facts["results"]}
    assert found["own-good"]["status"] == "ok"
    assert (found["own-needy"]["status"], found["own-needy"]["note"]) == (
        "not checked",
        "needs limit",
    )
    assert found["own-picky"]["status"] == "not checked"
    assert "needs 'path' or 'url'" in found["own-picky"]["note"]


def test_check_calls_a_provider_only_if_it_is_named(
    own: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    called = own.folder.parent / "CALLED"
    _, facts = _json(capsys, "check")
    paid = next(r for r in facts["results"] if r["name"] == "own-paid")
    assert (paid["status"], paid["note"]) == ("ok", "not called; name it to have calls made")
    assert not called.exists()
    assert _run("check", "own-paid") == 0
    assert called.read_text() == "xxx"


def test_check_of_a_name_that_needs_settings_exits_2(
    own: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("check", "own-needy") == 2
    assert "not checked: scorer own-needy (promptreg-own 1.2): needs limit" in (
        capsys.readouterr().out
    )


def test_check_with_settings(own: FakeSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("check", "own-needy", "--set", "limit=1") == 0
    assert capsys.readouterr().out == "ok: scorer own-needy (promptreg-own 1.2)\n"
    assert _run("check", "scorer:own-picky", "--set", "url=http://127.0.0.1:1") == 0


def test_check_says_each_problem_on_a_line_and_exits_2(
    own: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("check", "own-needy", "own-good", "--set", "limit=7") == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "failed: scorer own-needy (promptreg-own 1.2)"
    assert lines[1].startswith(
        "  scorer own-needy: score() of scenario 'back-door' raised ValueErr"
    )
    assert any(line.startswith("  scorer own-good: ") and "'limit'" in line for line in lines)


def test_check_of_everything_fails_for_a_broken_plugin(
    own: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    own.add("promptreg-bad", {"bad": "pr_bad"}, {"pr_bad": "raise OSError('no disk')"})
    assert _run("check") == 2
    assert "failed: bad (promptreg-bad 1.0) could not be loaded: OSError: no disk" in (
        capsys.readouterr().out
    )
    assert _run("check", "own-good") == 0


def test_an_unknown_name_is_an_error_with_the_nearest(own: FakeSite) -> None:
    with pytest.raises(PluginError, match=r"'own-god' \(did you mean 'own-good'\?\)"):
        _run("check", "own-god")
    with pytest.raises(PluginError, match="no plug-in is called 'provider:own-good'"):
        _run("check", "provider:own-good")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "limit=1"], "--set needs the name"),
        (["own-needy", "--set", "limit"], "--set 'limit': must be KEY=VALUE"),
        (["own-needy", "--set", "=1"], "must be KEY=VALUE"),
        (["own-needy", "--set", "a=1", "--set", "a=2"], "--set a: given twice"),
    ],
)
def test_malformed_settings_are_errors(own: FakeSite, arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _run("check", *arguments)
