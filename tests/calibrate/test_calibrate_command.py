"""`promptreg calibrate` as users run it."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibration_suite import recorded_twice
from command_line import Promptreg, essence, stored_keys
from fake_model import ModelServer, running
from suite_factory import answer_text, good_score, write_suite

QUICK = ("--simulations", "20")
GATE = {"draws": 999}
N = 30


class Moody:
    """Answers differently now and then; the same call number gets the same answer."""

    def __init__(self) -> None:
        self._rng = random.Random(1)

    def __call__(self, scenario: str, version: str) -> str:
        return answer_text(good_score(scenario) if self._rng.random() < 0.8 else 99)


@pytest.fixture
def moody() -> Iterator[ModelServer]:
    with running(ModelServer(Moody(), delay_s=0.004)) as started:
        yield started


def test_it_measures_keeps_and_shows(tmp_path: Path) -> None:
    promptreg = Promptreg(recorded_twice(tmp_path / "suite", n=N, gate=GATE))
    before = promptreg("gate", "v1", "v2", "--json")
    done = promptreg("calibrate", *QUICK, "--json", "-o", "out/c.json", "-o", "c.md")
    assert done.code == 0
    found = done.json
    assert found == json.loads((tmp_path / "suite" / "out" / "c.json").read_text())
    alike = found["a_a"]["scenarios_like_these"]
    assert alike["false_alarm"]["of"] == found["simulations"] == 20
    low, high = alike["false_alarm"]["interval"]
    assert low <= alike["false_alarm"]["share"] <= high
    assert sum(alike[k]["count"] for k in ("failed", "passed", "inconclusive")) == 20
    assert {i["metric"] for i in found["injected"]} == {"overall"}
    assert found["noise"]["deterministic"] is False
    assert found["synthetic"] is False
    text = (tmp_path / "suite" / "c.md").read_text()
    assert "false-alarm rate" in text
    assert "| worsened | by |" in text
    after = promptreg("gate", "v1", "v2", "--json", "-o", "r.md", "-o", "r.html")
    assert after.code == before.code
    shown = after.json
    assert shown.pop("calibration")["false_alarm"] == alike["false_alarm"]
    assert before.json["calibration"]["state"] == "none"
    assert essence(shown) == {k: v for k, v in essence(before.json).items() if k != "calibration"}
    words = "own false-alarm rate: "
    for name in ("r.md", "r.html"):
        page = (tmp_path / "suite" / name).read_text()
        assert words in page
        assert "(20 A/A gates, " in page
    assert words in promptreg("compare", "v1", "v2").out
    stale = promptreg("compare", "v1", "v2", "--alpha", "0.1").out
    assert "does not fit: policy changed since" in stale


@pytest.mark.slow
def test_a_comparison_without_calibration_says_so_only_when_asked(tmp_path: Path) -> None:
    promptreg = Promptreg(recorded_twice(tmp_path / "suite", n=N, gate=GATE))
    assert "calibrat" not in promptreg("compare", "v1", "v2").out
    assert "not calibrated: 'promptreg calibrate'" in promptreg("compare", "v1", "v2", "-v").out


def test_one_recorded_repeat_is_an_error_that_says_what_is_needed(tmp_path: Path) -> None:
    promptreg = Promptreg(recorded_twice(tmp_path / "suite", n=N, askings=1))
    done = promptreg("calibrate", *QUICK)
    assert done.code == 2
    for words in ("needs 2 completions", "basic@v1", f"{N} of {N}", "cannot be asked anew"):
        assert words in done.err
    assert not (tmp_path / "suite" / ".promptreg" / "calibration").exists()
    two = Promptreg(recorded_twice(tmp_path / "two", n=N))("calibrate", "--repeats", "2")
    assert two.code == 2
    assert "needs 4 completions" in two.err
    assert "repeats 0 to 3" in two.err


@pytest.mark.slow
def test_made_up_answers_are_labelled_and_not_kept(tmp_path: Path) -> None:
    folder = write_suite(
        tmp_path / "suite", n=N, provider={"use": "scripted", "noise": 20}, gate=GATE
    )
    promptreg = Promptreg(folder)
    done = promptreg("calibrate", *QUICK, "-o", "c.md")
    assert done.code == 0
    for text in (done.out, (folder / "c.md").read_text()):
        assert "SYNTHETIC" in text
        assert "scripted provider" in text
    assert promptreg("calibrate", *QUICK, "--json").json["synthetic"] is True
    assert not (folder / ".promptreg" / "calibration").exists()
    shown = promptreg("compare", "v1", "v2", "--json").json
    assert shown["calibration"]["state"] == "none"


@pytest.mark.slow
def test_the_second_half_is_asked_anew_and_the_first_is_shared(
    tmp_path: Path, server: ModelServer
) -> None:
    folder = write_suite(tmp_path / "suite", server.url, n=N, gate=GATE)
    promptreg = Promptreg(folder)
    promptreg("compare", "v1", "v2", "-q")
    server.forget()
    done = promptreg("calibrate", *QUICK)
    assert done.code == 0
    assert len(server.calls) == N
    assert {version for _, version in server.asked} == {"v1"}
    assert "false-alarm rate 0.0 %" in done.out
    assert "measures nothing of the model's noise" in " ".join(done.out.split())
    server.forget()
    assert promptreg("calibrate", "v1", *QUICK, "--json").json["trials"]["cached"] == 2 * N
    assert promptreg("compare", "v1", "v1", "-q").code == 0
    assert not server.calls


@pytest.mark.slow
def test_the_budget_stops_it_and_it_goes_on(tmp_path: Path, moody: ModelServer) -> None:
    promptreg = Promptreg(write_suite(tmp_path / "suite", moody.url, n=N, gate=GATE))
    stopped = promptreg("calibrate", *QUICK, "--budget", "20")
    assert stopped.code == 5
    assert "budget" in stopped.err
    assert len(stored_keys(tmp_path / "suite")) == 20
    done = promptreg("calibrate", *QUICK, "--json")
    assert done.code == 0
    assert (done.json["trials"]["cached"], done.json["trials"]["called"]) == (20, 2 * N - 20)
    assert not moody.repeated


@pytest.mark.slow
def test_killed_it_goes_on_where_it_was(tmp_path: Path, moody: ModelServer) -> None:
    folder = write_suite(tmp_path / "suite", moody.url, n=N, gate=GATE)
    promptreg = Promptreg(folder)
    process: subprocess.Popen[str]
    moody.on_call = lambda n: process.kill() if n == 25 else None
    process = promptreg.start("calibrate", *QUICK)
    process.communicate(timeout=180)
    moody.on_call = None
    kept = stored_keys(folder)
    assert kept
    assert not (folder / ".promptreg" / "calibration").exists()
    moody.forget()
    done = promptreg("calibrate", *QUICK, "--json")
    assert done.code == 0
    assert not kept & set(moody.keys)
    assert done.json["trials"]["cached"] == len(kept)
    assert done.json["noise"]["deterministic"] is False


@pytest.mark.slow
def test_several_templates_are_one_gate(tmp_path: Path) -> None:
    folder = recorded_twice(tmp_path / "suite", n=N, gate=GATE)
    path = folder / "promptreg.yaml"
    suite = json.loads(path.read_text())
    suite["templates"]["other"] = suite["templates"]["basic"]
    path.write_text(json.dumps(suite))
    promptreg = Promptreg(folder)
    found = promptreg("calibrate", *QUICK, "--json").json
    assert set(found["templates"]) == {"basic", "other"}
    assert {(i["template"], i["times_margin"]) for i in found["injected"]} == {
        (t, m) for t in ("basic", "other") for m in (1, 2)
    }
    assert promptreg("compare", "v1", "v2", "--json").json["calibration"]["state"] == "fresh"
    one = promptreg("compare", "v1", "v2", "--template", "other", "--json").json["calibration"]
    assert one["state"] == "stale"
    assert one["reasons"][0] == "it is of the templates basic, other together"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "c.pdf"), ".json, .md"),
        (("v9",), "v9"),
        (("run:nothing",), "run:nothing"),
        (("--simulations", "5"), "--simulations"),
        (("--template", "absent"), "absent"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    promptreg = Promptreg(recorded_twice(tmp_path / "suite", n=8))
    done = promptreg("calibrate", *arguments)
    assert done.code == 2
    assert words in done.err
