"""What may be compared with what: each fingerprint alone, and runs that can never be a baseline."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_distributions import FakeSite
from fake_model import ModelServer
from fault_server import ok
from promptreg.cli.app import run as promptreg
from promptreg.pipeline.code import code_digest
from suite_factory import scenarios, write_suite

THRESHOLD: dict[str, Any] = {"use": "threshold", "field": "risk_score", "at_least": 30, "name": "t"}
FINGERPRINTS = (
    "clock",
    "model",
    "parser",
    "provider",
    "repeats",
    "sampling",
    "scenarios",
    "scorers",
    "seed",
)


class Runs:
    """Makes stored runs of one suite, whose keys may be changed in between."""

    def __init__(
        self, folder: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.server, self.capsys = folder, server, capsys
        self.write()

    def write(self, provider: dict[str, Any] | None = None, **keys: Any) -> None:
        given: dict[str, Any] = {"n": 8, "scorers": [THRESHOLD], "clock": "noon"} | keys
        write_suite(self.folder, self.server.url, provider=provider or {}, **given)

    def run(self, ref: str, *arguments: str) -> str:
        code, out, err = self("run", ref, *arguments, "--json")
        assert code == 0, err
        return f"run:{json.loads(out)['runs'][0]['id']}"

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = promptreg([*arguments, "-c", str(self.folder)])
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err


@pytest.fixture
def runs(tmp_path: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> Runs:
    return Runs(tmp_path / "suite", server, capsys)


def another_model(runs: Runs) -> None:
    props = json.dumps({"model_path": "/models/other.gguf"}).encode()
    runs.server.pages["/props"] = ok(props)


def another_scenario(runs: Runs) -> None:
    rows = scenarios(8)
    rows[3]["detections"] = "a fox"
    runs.write(rows=rows)


CHANGES: dict[str, Callable[[Runs], None]] = {
    "clock": lambda r: r.write(clock="midnight"),
    "model": another_model,
    "parser": lambda r: r.write(answer={"require": ["risk_score"]}),
    "provider": lambda r: r.write({"endpoint_id": "elsewhere"}),
    "repeats": lambda r: r.write(repeats=2),
    "sampling": lambda r: r.write({"sampling": {"temperature": 0.1}}),
    "scenarios": another_scenario,
    "scorers": lambda r: r.write(scorers=[THRESHOLD | {"at_least": 31}]),
    "seed": lambda r: r.write(seed=7),
}


def test_every_fingerprint_is_changed_below(runs: Runs) -> None:
    _, out, _ = runs("run", "v1", "--json")
    assert sorted(json.loads(out)["runs"][0]["fingerprints"]) == list(FINGERPRINTS)
    assert tuple(CHANGES) == FINGERPRINTS


@pytest.mark.parametrize("field", FINGERPRINTS)
def test_one_change_alone_is_not_comparable_and_named(runs: Runs, field: str) -> None:
    baseline = runs.run("v1")
    same = runs.run("v2")
    CHANGES[field](runs)
    candidate = runs.run("v2")
    for command in ("compare", "gate"):
        code, out, err = runs(command, baseline, candidate)
        assert (code, out) == (4, ""), err
        assert f"not comparable: {field} differs" in err
    code, _, err = runs("gate", baseline, "v2")  # asked anew, under what the suite now says
    assert code == 4
    assert f"not comparable: {field} differs" in err
    code, out, err = runs("compare", baseline, same, "--json")
    assert code == 0, err


def test_a_difference_that_is_accepted_is_told(runs: Runs) -> None:
    baseline = runs.run("v1")
    runs.write(seed=7)
    candidate = runs.run("v2")
    code, out, _ = runs("compare", baseline, candidate, "--allow-mismatch", "seed", "--json")
    assert code == 0
    assert any(
        "allowed by --allow-mismatch: seed differs" in w for w in json.loads(out)["warnings"]
    )
    runs.write(seed=8, answer={"require": ["risk_score"]})
    candidate = runs.run("v2")  # a second difference is not covered by the first
    code, _, err = runs("compare", baseline, candidate, "--allow-mismatch", "seed")
    assert (code, "parser differs" in err) == (4, True)


@pytest.mark.parametrize(
    "part", [["--filter", "scenario_type=threat"], ["--limit", "5"]], ids=["filter", "limit"]
)
def test_a_part_can_never_become_a_baseline(runs: Runs, part: list[str]) -> None:
    baseline, candidate = runs.run("v1", *part), runs.run("v2", *part)
    runs.server.forget()
    for arguments in (["v2"], ["v2", *part], [candidate]):
        for command in ("compare", "gate"):
            code, out, err = runs(command, baseline, *arguments)
            assert (code, out) == (4, ""), (command, arguments)
            assert "holds only a part of the suite's scenarios" in err
            assert "can never become a baseline" in err
    assert runs.server.calls == []  # said before any call
    for arguments in ([candidate], ["v2", *part]):
        allowed = [*arguments, "--allow-mismatch", "partial"]
        code, out, _ = runs("compare", baseline, *allowed, "--json", "--exit-code")
        assert code == 3
        found = json.loads(out)
        assert any("can never become a baseline" in w for w in found["warnings"])
        assert any("a part can accuse, and never pass" in r for r in found["gate"]["reasons"])
        code, _, err = runs("gate", baseline, *allowed)
        assert (code, "No gate takes it" in err) == (4, True)
    # As a candidate it lacks scenarios that the baseline has.
    code, _, err = runs("gate", runs.run("v1"), candidate)
    assert (code, "scenarios differs" in err) == (4, True)


def test_a_scripted_run_can_never_become_a_baseline(runs: Runs) -> None:
    runs.write({"use": "scripted"})
    baseline, candidate = runs.run("v1"), runs.run("v2")
    for command in ("compare", "gate"):
        code, _, err = runs(command, baseline, candidate)
        assert code == 4
        assert "holds answers of a scripted provider" in err
    code, out, _ = runs("compare", baseline, candidate, "--allow-mismatch", "synthetic", "--json")
    assert (code, json.loads(out)["synthetic"]) == (0, True)
    code, _, err = runs("gate", baseline, candidate, "--allow-mismatch", "synthetic")
    assert (code, "No gate takes it" in err) == (4, True)


PLUGIN = """
from promptreg import Scale, hookimpl
from promptreg_shouting_rule import loud

class Shouting:
    '''1 where the text is loud.'''
    scales = (Scale("shouting", "binary"),)

    def score(self, trial):
        return self.scales[0].score(loud(trial.completion.text))

@hookimpl
def promptreg_register_scorers(catalog):
    catalog.add("shouting", Shouting)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made = FakeSite(folder)
    yield made
    made.forget()


def test_another_code_of_a_scorer_is_not_comparable(runs: Runs, site: FakeSite) -> None:
    """The same name and version, an edited line: a working copy of a plug-in looks like this."""
    rule = "def loud(text):\n    return text.isupper()\n"
    modules = {"promptreg_shouting": PLUGIN, "promptreg_shouting_rule": rule}
    site.add("promptreg-shouting", {"shouting": "promptreg_shouting"}, modules)
    runs.write(scorers=[{"use": "shouting"}])
    baseline = runs.run("v1")
    edited = PLUGIN.replace("loud(trial.completion.text)", "not loud(trial.completion.text)")
    (site.folder / "promptreg_shouting.py").write_text(edited, "utf-8")
    sys.modules.pop("promptreg_shouting")
    importlib.invalidate_caches()
    candidate = runs.run("v2")
    code, _, err = runs("compare", baseline, candidate)
    assert (code, "scorers differs" in err) == (4, True)


def test_the_code_of_a_scorer_is_that_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ownscorer"
    package.mkdir()
    files = {
        "__init__": "from ownscorer.main import Main\n",
        "main": "import json\nfrom . import _rules\nfrom ._limits import LIMIT\n"
        "class Main:\n    x = _rules.low(LIMIT)\n",
        "_rules": "from ownscorer._deep import half\ndef low(x):\n    return half(x)\n",
        "_deep": "def half(x):\n    return x / 2\n",
        "_limits": "LIMIT = 4\n",
        "unused": "y = 1\n",
    }
    monkeypatch.syspath_prepend(str(tmp_path))

    def digest_of(**edits: str) -> str:
        for name, text in (files | edits).items():
            (package / f"{name}.py").write_text(text, "utf-8")
        for name in [n for n in sys.modules if n.partition(".")[0] == "ownscorer"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return code_digest(importlib.import_module("ownscorer").Main)

    plain = digest_of()
    assert digest_of() == plain
    assert digest_of(unused="y = 2\n") == plain
    edits = {
        "main": files["main"] + "# said otherwise\n",
        "_rules": files["_rules"].replace("half(x)\n", "half(x) + 1\n"),
        "_deep": files["_deep"].replace("/ 2", "/ 4"),
        "_limits": "LIMIT = 40\n",
    }
    found = {digest_of(**{name: text}) for name, text in edits.items()}
    assert len(found) == len(edits)
    assert plain not in found
    for name in [n for n in sys.modules if n.partition(".")[0] == "ownscorer"]:
        del sys.modules[name]


def test_code_without_a_source_has_a_digest() -> None:
    made: dict[str, Any] = {}
    exec("class Typed:\n    pass\nclass Other:\n    pass", made)
    assert code_digest(made["Typed"]) != code_digest(made["Other"])


def test_what_a_plugin_prints_or_ends_is_no_result(runs: Runs, site: FakeSite) -> None:
    loud = PLUGIN.replace("return self.scales", "print('GATE PASS'); return self.scales")
    rule = "def loud(text):\n    return text.isupper()\n"
    modules = {"promptreg_shouting": loud, "promptreg_shouting_rule": rule}
    site.add("promptreg-shouting", {"shouting": "promptreg_shouting"}, modules)
    runs.write(scorers=[{"use": "shouting"}])
    code, out, err = runs("compare", "v1", "v2", "--json")
    assert (code, json.loads(out)["suite"], "GATE PASS" in err) == (0, "faults", True)
    ending = PLUGIN.replace(
        "def score(", "def __getattr__(self, name): raise SystemExit(0)\n\n    def score("
    )
    (site.folder / "promptreg_shouting.py").write_text(ending, "utf-8")
    sys.modules.pop("promptreg_shouting")
    importlib.invalidate_caches()
    code, out, err = runs("gate", "v1", "v2")
    assert (code, out) == (2, "")
    assert "a plug-in ended the program (SystemExit: 0); nothing was decided" in err
