"""What is asked anew and what is not; runs, rescoring, export, import; housekeeping."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import Promptreg, stored_keys
from fake_model import ModelServer, running
from suite_factory import TEMPLATE, answer_text, good_score, scenario_ids, write_suite

N = 20


def drifting(scenario: str, version: str) -> str:
    """Answer worse for every fifth scenario of v2."""
    worse = version == "v2" and int(scenario[1:]) % 5 == 0
    return answer_text(good_score(scenario) + (40 if worse else 0))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModelServer, Path]]:
    """A server, and a suite of which v1 and v2 were compared."""
    folder = tmp_path_factory.mktemp("shared") / "suite"
    with running(ModelServer(drifting)) as started:
        finished = Promptreg(write_suite(folder, started.url, n=N))("compare", "v1", "v2", "--json")
        assert finished.code == 0
        (folder / "first.json").write_text(finished.out, "utf-8")
        yield started, folder


@pytest.fixture
def server(shared: tuple[ModelServer, Path]) -> ModelServer:
    """The server that answered, which has forgotten it."""
    shared[0].forget()
    return shared[0]


@pytest.fixture
def asked(shared: tuple[ModelServer, Path], tmp_path: Path) -> Promptreg:
    """A copy of the suite, with all that is stored."""
    return Promptreg(shutil.copytree(shared[1], tmp_path / "suite"))


def first(promptreg: Promptreg) -> dict[str, object]:
    """Return the report of the first comparison."""
    report: dict[str, object] = json.loads((promptreg.folder / "first.json").read_text("utf-8"))
    return report


def verdicts(report: dict[str, object]) -> object:
    """Return every number that a verdict rests on."""
    comparisons = report["comparisons"]
    assert isinstance(comparisons, list)
    keys = ("metric", "baseline", "candidate", "difference", "interval", "p_value", "verdict")
    return report["gate"], [{k: c[k] for k in keys} for c in comparisons]


def test_a_changed_template_asks_that_version_only(asked: Promptreg, server: ModelServer) -> None:
    text = TEMPLATE.replace("LABEL", "v2") + " Be brief."
    (asked.folder / "v2.txt").write_text(text, "utf-8")
    report = asked("compare", "v1", "v2", "--json").json
    assert {version for _, version in server.asked} == {"v2"}
    assert len(server.calls) == N == report["trials"]["called"]
    assert report["baseline"]["run_id"] == first(asked)["baseline"]["run_id"]  # type: ignore[index]


def test_changed_scorers_ask_nothing(asked: Promptreg, server: ModelServer) -> None:
    scorers = [{"use": "risk_range"}, {"use": "key_points", "field": "summary"}]
    write_suite(asked.folder, server.url, n=N, scorers=scorers)
    report = asked("compare", "v1", "v2", "--json").json
    assert server.calls == []
    (points,) = (c for c in report["comparisons"] if c["metric"] == "key_points")
    assert points["baseline"] == 0
    assert report["baseline"]["run_id"] != first(asked)["baseline"]["run_id"]  # type: ignore[index]


def test_a_version_against_itself_asks_anew(asked: Promptreg, server: ModelServer) -> None:
    finished = asked("compare", "v1", "v1", "--json")
    assert finished.code == 0
    assert any("A/A comparison" in w for w in finished.json["warnings"])
    assert len(server.calls) == N
    assert len(stored_keys(asked.folder)) == 3 * N
    sides = finished.json["baseline"]["run_id"], finished.json["candidate"]["run_id"]
    assert sides[0] != sides[1]


@pytest.mark.slow
def test_runs_are_references_and_can_be_rescored(asked: Promptreg, server: ModelServer) -> None:
    report = first(asked)
    runs = [report[side]["run_id"] for side in ("baseline", "candidate")]  # type: ignore[index]
    stored = asked("compare", f"run:{runs[0]}", f"run:{runs[1]}", "--json").json
    assert verdicts(stored) == verdicts(report)
    mixed = asked("compare", f"run:{runs[0]}", "v2", "--json").json
    assert verdicts(mixed) == verdicts(report)
    assert any("provider drift" in w for w in mixed["warnings"])
    write_suite(asked.folder, server.url, n=N, scorers=[{"use": "risk_range"}])
    made = asked("rescore", f"run:{runs[0]}", runs[1], "--json").json
    assert [m["from"] for m in made] == runs
    new = asked("compare", f"run:{made[0]['run']}", f"run:{made[1]['run']}", "--json")
    assert {c["metric"] for c in new.json["comparisons"]} == {
        *("answered", "deviation", "in_range", "overall"),
    }
    assert server.calls == []


@pytest.mark.slow
def test_export_and_recorded_give_the_same_verdicts(asked: Promptreg, server: ModelServer) -> None:
    report = first(asked)
    runs = [report[side]["run_id"] for side in ("baseline", "candidate")]  # type: ignore[index]
    for ending in ("jsonl", "csv", "parquet"):
        assert asked("export", *runs, "-o", f"all.{ending}").code == 0
    for ending in ("jsonl", "csv", "parquet"):
        provider = {"use": "recorded", "path": f"all.{ending}"}
        write_suite(asked.folder, n=N, provider=provider)
        again = asked("compare", "v1", "v2", "--json")
        assert again.code == 0, again.err
        assert verdicts(again.json) == verdicts(report), ending
    assert server.calls == []


def test_import_of_another_tools_results(tmp_path: Path) -> None:
    results = [
        {
            "vars": {"id": name, "detections": "x"},
            "prompt": {"label": version, "raw": "..."},
            "response": {"output": answer_text(good_score(name)), "tokenUsage": {"prompt": 9}},
            "latencyMs": 812,
            "success": True,
        }
        for name in scenario_ids(N)
        for version in ("v1", "v2")
    ]
    del results[0]["response"]
    results[0]["error"] = "timeout: the model hung"
    folder = write_suite(tmp_path, n=N, provider={"use": "recorded", "path": "theirs.jsonl"})
    (folder / "theirs.json").write_text(json.dumps({"results": {"results": results}}), "utf-8")
    promptreg = Promptreg(folder)
    imported = promptreg("import", "theirs.json", "-o", "theirs.jsonl")
    assert (imported.code, imported.err) == (0, "")
    assert "40 completions" in imported.out
    report = promptreg("compare", "v1", "v2", "--json").json
    assert report["trials"]["failed"] == {"timeout": {"baseline": 1, "candidate": 0}}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("id,version,text\na,v1,x\n", "1 row: no scenario_id"),
        ("scenario_id,version,output\na,v1,x\nb,v1,x\n", "2 rows: no text or error"),
        ("scenario_id,version,text\n", "no rows"),
    ],
)
def test_an_import_of_nothing_is_refused_and_replaces_nothing(
    tmp_path: Path, table: str, words: str
) -> None:
    (tmp_path / "theirs.csv").write_text(table, "utf-8")
    (tmp_path / "ours.jsonl").write_text("as it was", "utf-8")
    done = Promptreg(tmp_path)("import", "theirs.csv", "-o", "ours.jsonl")
    assert done.code == 2
    assert "theirs.csv: nothing to import" in done.err
    assert words in done.err
    assert (tmp_path / "ours.jsonl").read_text("utf-8") == "as it was"


def test_an_import_keeps_empty_answers(tmp_path: Path) -> None:
    """Left out, they would no longer count as the worst."""
    rows = [
        {"scenario_id": x, "version": "v1", "text": text} for x, text in (("a", ""), ("b", "x"))
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (tmp_path / "b.csv").write_text("scenario_id,version,text,error\na,v1,,\nb,v1,x,\n", "utf-8")
    (tmp_path / "c.jsonl").write_text(json.dumps(rows[0] | {"text": None}), "utf-8")
    promptreg = Promptreg(tmp_path)

    def imported(name: str) -> list[dict[str, Any]]:
        assert promptreg("import", name, "-o", "ours.jsonl").code == 0
        lines = (tmp_path / "ours.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    assert [row["text"] for row in imported("a.jsonl")] == ["", "x"]
    empty, answered = imported("b.csv")
    assert (empty.get("text"), answered["text"]) == (None, "x")
    assert empty["error"].startswith("cancelled: an empty cell")
    assert promptreg("import", "c.jsonl", "-o", "ours.jsonl").code == 2


def test_plan_asks_nothing_and_counts_right(asked: Promptreg, server: ModelServer) -> None:
    (asked.folder / "v2.txt").write_text(TEMPLATE.replace("LABEL", "v2") + " Now.", "utf-8")
    plan = asked("plan", "v1", "v2", "--json").json
    assert (plan["trials"], plan["cached"], plan["calls"]) == (2 * N, N, N)
    twice = asked("plan", "v1", "v1", "--json").json
    assert server.calls == []
    assert (twice["trials"], twice["calls"]) == (2 * N, N)


@pytest.mark.slow
def test_plan_knows_repeats_and_no_cache(asked: Promptreg, server: ModelServer) -> None:
    repeats = asked("plan", "v1", "v2", "--json", "--repeats", "3").json
    assert (repeats["trials"], repeats["cached"]) == (6 * N, 2 * N)
    anew = asked("plan", "v1", "v2", "--json", "--no-cache").json
    assert anew["calls"] == 2 * N
    assert server.calls == []


@pytest.mark.slow
def test_cache_commands(asked: Promptreg, server: ModelServer) -> None:
    listed = asked("cache", "list", "--json").json
    assert listed["calls"]["completions"] == 2 * N
    assert len(listed["runs"]) == 2
    kept = asked("cache", "prune", "--older-than", "1h")
    assert "removed 0 completions" in kept.out
    wrong = asked("cache", "prune", "--older-than", "soon")
    assert (wrong.code, "'soon'" in wrong.err, "30d" in wrong.err) == (2, True, True)
    unsure = asked("cache", "clear")  # nobody there to say yes
    assert unsure.code != 0
    assert len(stored_keys(asked.folder)) == 2 * N
    cleared = asked("cache", "clear", "--yes")
    assert f"removed {2 * N} completions" in cleared.out
    assert stored_keys(asked.folder) == set()
    assert "overall" in asked("compare", *(f"run:{r['id']}" for r in listed["runs"])).out
    assert server.calls == []


@pytest.mark.slow
def test_doctor(asked: Promptreg, server: ModelServer) -> None:
    assert asked("doctor").code == 0
    seen = {c["check"]: c["ok"] for c in asked("doctor", "--json").json}
    assert set(seen.values()) == {True}
    assert server.calls == []
    write_suite(asked.folder, "http://127.0.0.1:9", n=N)
    assert asked("doctor").code == 5
    write_suite(asked.folder, server.url, n=N, provider={"use": "lama"})
    wrong = asked("doctor")
    assert wrong.code == 2
    assert "llama_cpp" in wrong.out
