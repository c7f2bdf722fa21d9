"""A gate that looks while the answers come: it stops early, goes on after a kill, asks for more."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import Finished, Promptreg, essence
from fake_model import ModelServer, running, status
from promptreg.cli.app import run
from suite_factory import (
    answer_text,
    good_score,
    record,
    scenario_ids,
    scenarios,
    write_suite,
)

Answer = Callable[[str, str], Any]
FOUR = {"sequential": {"looks": 4}}


def right(scenario: str, version: str) -> str:
    return answer_text(good_score(scenario))


def broken(scenario: str, version: str) -> str:
    """Let the candidate be far out of range everywhere."""
    good = good_score(scenario)
    return answer_text((good + 60) % 101 if version == "v2" else good)


def erratic(scenario: str, version: str) -> str:
    """Let each version be wrong about its own half of the scenarios: much spread, no change."""
    odd = hashlib.sha256(scenario.encode()).digest()[0] % 2
    wrong = odd == (version == "v2")
    return answer_text((good_score(scenario) + 60) % 101 if wrong else good_score(scenario))


class Inside:
    """Runs the command within this process, which is quicker."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._patch = patch
        patch.setenv("COLUMNS", "120")

    def __call__(self, folder: Path, *arguments: str) -> Finished:
        self._patch.chdir(folder)
        code = run(list(arguments))
        shown = self._capsys.readouterr()
        assert "internal error" not in shown.err, shown.err
        return Finished(code, shown.out, shown.err)

    def gate(
        self,
        folder: Path,
        server: ModelServer,
        answer: Answer,
        *options: str,
        n: int,
        **keys: Any,
    ) -> Finished:
        server.answer = answer
        return self(write_suite(folder, server.url, n=n, **keys), "gate", "v1", "v2", *options)


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    return Inside(capsys, monkeypatch)


def manifests(folder: Path) -> list[dict[str, Any]]:
    found = sorted((folder / ".promptreg" / "runs").glob("*/manifest.json"))
    return [json.loads(path.read_text("utf-8")) for path in found]


def test_a_regression_stops_at_the_first_look(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    outputs = ("-o", "r.json", "-o", "r.md", "-o", "r.html", "-o", "r.junit.xml")
    done = inside.gate(tmp_path, server, broken, "--sequential", *outputs, n=80)
    assert done.code == 1
    words = "stopped at look 1 of 4 (regression): 120 of 160 calls saved"
    assert words in done.out
    assert "only 20 of 80 scenarios were compared (stopped at look 1 of 4)" in " ".join(
        done.out.split()
    )
    assert "the changes shown lean towards it" in " ".join(done.out.split())
    assert len(server.keys) == 40
    for name in ("r.md", "r.html", "r.junit.xml"):
        assert words in (tmp_path / name).read_text("utf-8"), name
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    stopping = report["stopping"]
    assert (stopping["reason"], stopping["looks_made"]) == ("regression", 1)
    assert (stopping["trials_made"], stopping["calls_saved"]) == (40, 120)
    assert report["trials"]["called"] == 40
    # It holds a part of the suite, so it can never be a baseline.
    assert [m["facts"]["partial"] for m in manifests(tmp_path)] == [True, True]
    assert [m["trials"] for m in manifests(tmp_path)] == [20, 20]


def test_a_proof_stops_early(tmp_path: Path, server: ModelServer, inside: Inside) -> None:
    done = inside.gate(tmp_path, server, right, "--json", n=300, gate=FOUR)
    assert done.code == 0
    report = done.json
    assert report["stopping"]["reason"] == "proof"
    assert report["stopping"]["looks_made"] == 2
    assert len(server.keys) == 300
    (overall,) = [
        d for d in report["comparisons"] if d["metric"] == "overall" and d["slice"] is None
    ]
    assert overall["verdict"] == "equivalent"
    assert overall["level"] > 0.99


def test_an_open_limit_is_waited_for(tmp_path: Path, server: ModelServer, inside: Inside) -> None:
    limits = {"limits": {"answered": {"at_least": 0.97}}}
    report = inside.gate(tmp_path, server, right, "--json", n=300, gate={**FOUR, **limits}).json
    assert report["gate"]["verdict"] == "pass"
    assert report["stopping"]["looks_made"] == 3  # at look 2 the limit is not shown yet
    assert report["limits"][0]["status"] == "met"


def test_futility_stops_and_never_passes(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    strict = {"margins": {"overall": 0.01}}
    done = inside.gate(tmp_path / "a", server, erratic, "--json", n=100, gate={**FOUR, **strict})
    assert done.code == 3
    assert done.json["stopping"]["reason"] == "futility"
    assert done.json["stopping"]["trials_made"] < 200
    assert done.json["gate"]["verdict"] == "inconclusive"
    whole = {"sequential": {"looks": 4, "futility": False}, **strict}
    done = inside.gate(tmp_path / "b", server, erratic, "--json", n=100, gate=whole)
    assert done.code == 3
    assert done.json["stopping"]["reason"] == "end"
    assert done.json["trials"]["planned"] == 200


def test_an_improvement_stops_early(tmp_path: Path, server: ModelServer, inside: Inside) -> None:
    def better(scenario: str, version: str) -> str:
        return broken(scenario, "v1" if version == "v2" else "v2")

    done = inside.gate(tmp_path, server, better, "--looks", "3", "--json", n=80)
    assert done.code == 0
    assert done.json["stopping"]["reason"] == "improvement"
    assert done.json["stopping"]["looks_made"] < 3


def test_one_look_is_the_fixed_analysis(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    plain = inside.gate(tmp_path / "a", server, erratic, "--json", n=60)
    single = inside.gate(tmp_path / "b", server, erratic, "--looks", "1", "--json", n=60)
    off = inside.gate(tmp_path / "c", server, erratic, "--no-sequential", "--json", n=60, gate=FOUR)
    assert essence(single.json) == essence(plain.json)
    assert single.json["stopping"] is None
    left_out = {"policy_sha256": ""}
    assert essence(off.json) | left_out == essence(plain.json) | left_out


def test_the_policy_holds_the_looks(tmp_path: Path, server: ModelServer, inside: Inside) -> None:
    hashes = {
        inside.gate(tmp_path / name, server, right, *options, "--json", n=8).json["policy_sha256"]
        for name, options in (("a", ()), ("b", ("--looks", "2")), ("c", ("--looks", "3")))
    }
    assert len(hashes) == 3


def test_killed_in_the_second_look_it_goes_on_to_the_same_decision(
    tmp_path: Path, inside: Inside
) -> None:
    def drifting(scenario: str, version: str) -> str:
        bad = version == "v2" and int(scenario[1:]) % 9 < 2
        return answer_text((good_score(scenario) + 60) % 101 if bad else good_score(scenario))

    with running(ModelServer(drifting, delay_s=0.01)) as server:
        wanted = inside.gate(tmp_path / "whole", server, drifting, "--sequential", "--json", n=120)
        assert wanted.json["stopping"]["looks_made"] >= 2
        every = set(server.asked)
        server.forget()
        promptreg = Promptreg(write_suite(tmp_path / "killed", server.url, n=120))
        started: list[subprocess.Popen[str]] = []
        server.on_call = lambda n: started[0].kill() if n == 80 else None
        started.append(promptreg.start("gate", "v1", "v2", "--sequential", "-q"))
        process = started[0]
        process.communicate(timeout=180)
        server.on_call = None
        assert process.returncode == -signal.SIGKILL
        before = Counter(server.asked)
        server.forget()
        again = promptreg("gate", "v1", "v2", "--sequential", "--json")
        assert essence(again.json) == essence(wanted.json)
        assert again.code == wanted.code
        assert len(server.asked) <= len(every) - len(before) + 4  # those in flight, once more
        assert set(server.asked) | set(before) == every


def test_answers_in_the_store_are_not_asked_again(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    folder = write_suite(tmp_path, server.url, n=80)
    server.answer = broken
    assert inside(folder, "compare", "v1", "v2", "-q").code == 0
    server.forget()
    done = inside(folder, "gate", "v1", "v2", "--sequential")
    assert done.code == 1
    assert server.keys == []
    assert "stopped at look 1 of 4 (regression): 120 of 160 trials not needed" in done.out


def test_lost_calls_bound_both_ways_and_are_not_asked_again_between_looks(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    def lossy(scenario: str, version: str) -> Any:
        return (
            status(503) if version == "v2" and int(scenario[1:]) % 12 == 0 else right(scenario, "")
        )

    once = {"use": "llama_cpp", "url": server.url, "retries": 0, "concurrency": 4}
    done = inside.gate(
        tmp_path / "a", server, lossy, "--sequential", "--json", n=120, provider=once
    )
    assert done.code == 3
    assert done.json["gate"]["verdict"] == "inconclusive"
    assert max(Counter(server.asked).values()) == 1
    server.forget()

    def lossy_and_broken(scenario: str, version: str) -> Any:
        return (
            lossy(scenario, version) if int(scenario[1:]) % 12 == 0 else broken(scenario, version)
        )

    done = inside.gate(
        tmp_path / "b", server, lossy_and_broken, "--looks", "3", n=120, provider=once
    )
    assert done.code == 1
    assert "(regression)" in done.out


def test_too_much_lost_decides_nothing(tmp_path: Path, server: ModelServer, inside: Inside) -> None:
    def half(scenario: str, version: str) -> Any:
        lost = version == "v2" and int(scenario[1:]) % 3 == 0
        return status(503) if lost else broken(scenario, version)

    once = {"use": "llama_cpp", "url": server.url, "retries": 0, "concurrency": 4}
    done = inside.gate(tmp_path, server, half, "--sequential", n=60, provider=once)
    assert done.code == 4
    assert "lost to the infrastructure" in done.err
    assert "(such as: HTTP 503" in done.err


def noisy(server: ModelServer) -> Answer:
    """Return answers that differ each time a scenario is asked."""

    def answer(scenario: str, version: str) -> str:
        nth = sum(1 for asked in server.asked if asked == (scenario, version))
        word = f"{scenario} {version} {nth}".encode()
        wrong = hashlib.sha256(word).digest()[0] < 40
        return answer_text((good_score(scenario) + 60) % 101 if wrong else good_score(scenario))

    return answer


MORE = {"inconclusive": "more", "more": {"repeats": 6}, "margins": {"overall": 0.04}}


def test_an_inconclusive_gate_asks_for_more(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    done = inside.gate(tmp_path, server, noisy(server), "--json", n=60, gate=MORE)
    stopping = done.json["stopping"]
    assert done.code == 0, done.json["gate"]
    assert stopping["reason"] == "proof"
    assert stopping["looks_made"] > 1
    asked = stopping["looks"][-1]["repeats"]
    assert 1 < asked <= 6
    assert len(server.keys) == 120 * asked
    assert {c["repeats"] for c in done.json["comparisons"] if c["gating"]} == {asked}
    assert [m["repeats"] for m in manifests(tmp_path)] == [asked, asked]
    assert not any(m["facts"]["partial"] for m in manifests(tmp_path))
    # The first look keeps half of alpha for those to come.
    assert stopping["looks"][0]["alpha_spent"] == pytest.approx(0.0244, abs=1e-3)


def test_more_ends_inconclusive_where_it_must(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    strict = {**MORE, "more": {"repeats": 9, "calls": 250}, "margins": {"overall": 0.005}}
    suite = {**strict, "sequential": {"looks": 1, "futility": False}}
    done = inside.gate(tmp_path, server, noisy(server), n=60, gate=suite)
    assert done.code == 3
    assert len(server.keys) == 120 + 240  # two more repeats of 120 fit into 250 calls
    assert (
        "3 of 3 looks made: no planned trial left out; inconclusive at 1 repeat, so each scenario "
        "was asked 3 times" in " ".join(done.out.split())
    )


def test_a_plan_without_room_for_more_says_so(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    small = {**MORE, "more": {"repeats": 3, "calls": 100}}
    done = inside.gate(tmp_path, server, erratic, n=60, gate=small)
    assert done.code == 3
    assert "nothing more can be asked: one more repeat takes 120 calls" in " ".join(
        done.out.split()
    )


def test_a_version_against_itself_never_takes_its_own_repeats(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    server.answer = noisy(server)
    suite = {**MORE, "margins": {"overall": 0.001}, "sequential": {"futility": False}}
    done = inside(write_suite(tmp_path, server.url, n=12, gate=suite), "gate", "v1", "v1", "--json")
    assert done.code == 3
    assert len(server.keys) == len(set(server.keys)) == 12 * 2 * 6


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ({"inconclusive": "more"}, "'inconclusive: more' needs 'more'"),
        ({"more": {"repeats": 3}}, "'more' goes with 'inconclusive: more'"),
        ({"inconclusive": "more", "more": {"repeats": 1}}, "gate.more.repeats"),
        ({"inconclusive": "more", "more": {"repeat": 3}}, "did you mean 'repeats'"),
        ({"sequential": {"looks": 0}}, "gate.sequential.looks"),
        ({"sequential": {"look": 3}}, "did you mean 'looks'"),
        ({"sequential": 4}, "gate.sequential"),
    ],
)
def test_a_wrong_suite_is_told(
    tmp_path: Path, inside: Inside, suite: dict[str, Any], words: str
) -> None:
    done = inside(write_suite(tmp_path, "http://127.0.0.1:9", n=4, gate=suite), "validate")
    assert done.code == 2
    assert words in " ".join(done.err.split())


def test_contradicting_options_are_refused(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    folder = write_suite(tmp_path, server.url, n=8)
    done = inside(folder, "gate", "v1", "v2", "--no-sequential", "--looks", "3")
    assert done.code == 2
    assert "contradict" in done.err
    assert inside(folder, "compare", "v1", "v2", "-q").code == 0
    first, second = (m["id"] for m in manifests(folder))
    done = inside(folder, "gate", f"run:{first}", f"run:{second}", "--sequential")
    assert done.code == 2
    assert "stored run" in done.err
    assert inside(folder, "gate", f"run:{first}", "v2", "--looks", "3").code == 2


def test_stored_runs_are_compared_whole(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    folder = write_suite(tmp_path, server.url, n=8, gate=FOUR)
    assert inside(folder, "compare", "v1", "v2", "-q", "--no-sequential").code == 0
    first, second = (m["id"] for m in manifests(folder))
    done = inside(folder, "compare", f"run:{first}", f"run:{second}")
    assert done.code == 0
    assert "a stored run is compared as a whole" in done.out


def test_a_plan_says_what_looks_and_more_come_to(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    server.answer = right
    suite = {**MORE, "sequential": {"looks": 4}}
    folder = write_suite(tmp_path, server.url, n=40, gate=suite)
    notes = json.loads(inside(folder, "plan", "v1", "v2", "--json").out)["notes"]
    assert any("looked at 4 times" in n and "20 trials at the earliest" in n for n in notes)
    assert any("up to 400 further trials follow, 6 repeats of each" in n for n in notes)
    notes = json.loads(inside(folder, "plan", "v1", "v2", "--no-sequential", "--json").out)["notes"]
    assert not any("looked at" in n for n in notes)
    # The second side of an A/A takes the repeats after all that may be asked of the first.
    assert inside(folder, "gate", "v1", "v1", "--no-sequential", "-q").code in (0, 3)
    assert json.loads(inside(folder, "plan", "v1", "v1", "--json").out)["calls"] == 0


def test_what_is_recorded_cannot_be_asked_for_more(tmp_path: Path, inside: Inside) -> None:
    folder = write_suite(
        tmp_path, n=20, gate=MORE, provider={"use": "recorded", "path": "completions.jsonl"}
    )
    rows = [
        {"scenario_id": name, "version": version, "text": erratic(name, version)}
        for name in scenario_ids(20)
        for version in ("v1", "v2")
    ]
    record(folder / "completions.jsonl", rows)
    done = inside(folder, "gate", "v1", "v2")
    assert done.code == 3
    assert "gate.more does not apply" in " ".join(done.out.split())


RARE = {
    "guard": {
        "guard": [{"metric": "in_range", "where": {"rare": "yes"}}],
        "insufficient": "allow",  # of what the suite holds, not of what came so far
    },
    "metric": {},
}


@pytest.mark.parametrize("line", RARE)
def test_a_proof_waits_for_lines_of_few_scenarios(
    line: str, tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    rows = [{**row, "rare": "yes" if i % 40 == 0 else "no"} for i, row in enumerate(scenarios(300))]
    calm = {"use": "threshold", "name": "calm", "field": "risk_score", "at_most": 30}
    scorers = [
        *({"use": name} for name in ("risk_range", "key_points")),
        *([calm | {"where": {"rare": "yes"}}] if line == "metric" else []),
    ]

    def worse_where_rare(scenario: str, version: str) -> str:
        bad = version == "v2" and int(scenario[1:]) % 40 == 0
        return answer_text((good_score(scenario) + 60) % 101 if bad else good_score(scenario))

    margins = {"overall": 0.08, "in_range": 0.08, "deviation": 8}
    gate = {
        **FOUR,
        **RARE[line],
        "margins": margins,
        "overall": {"all": ["in_range", "key_points"]},
    }
    done = inside.gate(
        tmp_path, server, worse_where_rare, "--json", rows=rows, n=300, gate=gate, scorers=scorers
    )
    assert done.json["gate"]["verdict"] == "fail", done.json["gate"]
    name = "calm" if line == "metric" else "in_range (rare=yes)"
    assert f"{name} regressed" in done.json["gate"]["reasons"]


def test_at_any_time_twenty_looks_accuse_early_and_acquit_as_four_do(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    scorers = [{"use": "risk_range"}, {"use": "key_points"}, {"use": "tokens"}]
    done = inside.gate(
        tmp_path / "a", server, broken, "--anytime", "--json", "-v", n=160, scorers=scorers
    )
    assert done.code == 1
    stopping = done.json["stopping"]
    assert (stopping["anytime"], stopping["reason"]) == (True, "regression")
    assert stopping["looks_planned"] == 20
    assert stopping["looks_made"] < 5  # four looks would not have looked yet
    (last,) = stopping["looks"][-1:]
    gating = [d for d in done.json["comparisons"] if d["gating"]]
    for d in done.json["comparisons"]:
        if d["metric"] in ("overall", "in_range") and d["slice"] is None:
            assert d["interval"] is None
            assert d["difference"] < 0
            assert "no interval: this look only accuses" in d["notes"]
        if d["unit"] == "tokens":
            assert (d["interval"], d["ratio"]) == (None, None)
    assert last["boundary"] == pytest.approx(len(gating) / 0.05)
    assert all(look["alpha_spent"] == 0.05 for look in stopping["looks"])
    for d in gating:
        assert (d["verdict"] == "regressed") <= (d["p_adjusted"] <= 0.05)
    plain = inside.gate(tmp_path / "b", server, right, "--json", n=300, gate=FOUR).json
    at_any = {"sequential": {"anytime": True}}
    found = inside.gate(tmp_path / "c", server, right, "--json", n=300, gate=at_any).json
    assert found["gate"]["verdict"] == "pass"
    assert found["stopping"]["looks_made"] == 10  # half of the scenarios, as with two of four
    (wide, narrow) = [
        next(d["interval"] for d in report["comparisons"] if d["metric"] == "overall")
        for report in (found, plain)
    ]
    assert wide == pytest.approx(narrow, rel=0.01)
    said = inside(tmp_path / "a", "gate", "v1", "v2", "--anytime", "-v", "-o", "r.html").out
    assert "accused from E from" in said


def test_at_any_time_an_improvement_waits_for_a_look_that_proves(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    """Twenty scenarios that all improved say little of the one in a hundred that may not."""

    def mended(scenario: str, version: str) -> str:
        return broken(scenario, "v1" if version == "v2" else "v2")

    done = inside.gate(tmp_path, server, mended, "--anytime", "--json", n=200)
    assert done.code == 0
    stopping = done.json["stopping"]
    assert (stopping["reason"], stopping["looks_made"]) == ("improvement", 5)
    assert stopping["looks"][-1]["scenarios"] == 50


def test_strict_bets_show_their_intervals_and_pass_at_any_look(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    gate = {"margins": {"overall": 0.12}, "limits": {}}
    options = ("--strict", "--json")
    passed = inside.gate(tmp_path / "a", server, right, *options, n=300, gate=gate).json
    assert passed["gate"]["verdict"] == "pass"
    assert (passed["stopping"]["strict"], passed["stopping"]["anytime"]) == (True, True)
    assert passed["stopping"]["looks_made"] not in (5, 10, 15, 20)
    done = inside.gate(tmp_path / "b", server, broken, *options, n=160, gate=gate)
    assert done.code == 1
    (line,) = (
        d for d in done.json["comparisons"] if d["metric"] == "in_range" and d["slice"] is None
    )
    assert line["test"] == "bets on the mean of a bounded score"
    assert line["level"] == 0.95
    assert line["interval"][1] < 0
    assert line["verdict"] == "regressed"


def test_what_does_not_go_with_any_time_is_said(
    tmp_path: Path, server: ModelServer, inside: Inside
) -> None:
    more = {"inconclusive": "more", "more": {"repeats": 3}}
    for gate, options, words in (
        ({}, ("--looks", "30"), "30 looks are more than 10; more need --anytime"),
        (more, ("--anytime",), "gate.more asks scenarios again"),
        ({**more, "sequential": {"anytime": True}}, (), "does not go with 'more'"),
        ({"sequential": {"looks": 11}}, (), "looks: 11 is more than 10"),
        ({}, ("--no-sequential", "--anytime"), "contradict each other"),
        ({}, ("--no-sequential", "--strict"), "contradict each other"),
        ({"sequential": {"strict": True}}, (), "strict: true is a kind of 'anytime: true'"),
    ):
        done = inside.gate(tmp_path, server, right, *options, n=8, gate=gate)
        assert done.code == 2, (gate, options)
        assert words in " ".join(done.err.split()), done.err
    assert not server.calls
