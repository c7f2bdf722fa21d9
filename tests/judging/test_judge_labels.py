"""Human labels that a judge names: they decide its differences, and are no part of a score."""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from command_line import Promptreg
from fake_model import ModelServer, running
from judge_server import JudgeServer, judged_project
from labelled_answers import N, answers, flattering, labelled, truth
from promptreg.errors import DataError
from promptreg.pipeline.base_ref import gate_base_ref
from promptreg.pipeline.compare import compare
from promptreg.pipeline.judging.command import agreement_of
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.pipeline.validate import check
from promptreg.stages.report import comparison_json
from promptreg.stages.report.from_json import difference_from
from promptreg.verdicts import Comparison, Difference, GateVerdict, Verdict
from suite_factory import scenario_ids

SETTINGS = {"dimensions": ["relevance"], "labels": "labels.csv"}
SOME = random.Random(4).sample(scenario_ids(N), 60)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite whose runs are stored; the judge flatters the candidate, and people do not."""
    folder = tmp_path_factory.mktemp("labelled")
    labelled(folder / "labels.csv", SOME)
    with running(ModelServer(answers)) as server, running(JudgeServer(flattering)) as judge:
        project = judged_project(folder, server, judge, n=N, settings=SETTINGS)
        found = compare(project, "v1", "v2", Options())
    ids = [side.run_ids["basic"] for side in (found.baseline, found.candidate)]
    labelled(folder / "labels.csv", SOME, runs=[f"run:{one}" for one in ids])
    (folder / "ids.json").write_text(json.dumps(ids))
    return folder


def refs(place: Path) -> tuple[str, str]:
    first, second = json.loads((place / "ids.json").read_text())
    return f"run:{first}", f"run:{second}"


def relabelled(place: Path, name: str, some: Sequence[str] = (), text: str = "") -> Project:
    """Return the suite with other labels; the runs are the same."""
    path = place / "promptreg.yaml"
    suite = yaml.safe_load(path.read_text())
    suite["scorers"][1]["labels"] = name
    other = place / f"{name}.yaml"
    other.write_text(yaml.safe_dump(suite))
    if text:
        (place / name).write_text(text)
    elif some:
        labelled(place / name, some, runs=refs(place))
    return open_project(str(other))


def relevance(found: Comparison) -> Difference:
    (line,) = [d for d in found.differences if d.metric == "relevance" and d.slice is None]
    return line


def test_the_difference_is_corrected_as_judge_agreement_does(place: Path) -> None:
    project = open_project(str(place))
    found = compare(project, *refs(place), Options())
    line = relevance(found)
    (report,) = agreement_of(project, refs(place), place / "labels.csv", Options())
    want = report.dimensions[0].corrected
    got = line.corrected
    assert want is not None
    assert got is not None
    assert (got.difference, *got.interval) == (want.value, want.low, want.high)
    assert (got.n_labelled, got.weight, got.level) == (60, want.weight, 0.95)
    assert got.labels_sha256 == hashlib.sha256((place / "labels.csv").read_bytes()).hexdigest()
    real = sum(truth(s, "v2") - truth(s, "v1") for s in scenario_ids(N)) / N
    assert got.interval[0] <= real <= got.interval[1]
    assert got.alone is not None
    assert got.alone.difference > real + 0.2
    assert not any("uncalibrated" in w for w in found.warnings)
    assert any(
        re.match(r"judge against people: κ \.\d\d \[.*\]; α \.\d\d \[.*; bias in v1 .*, v2 \+", n)
        for n in line.notes
    )


def test_labels_decide_and_the_judge_alone_stands_beside(place: Path) -> None:
    """The judge flatters the candidate, which is worse: it would pass, and does not."""
    project = open_project(str(place))
    found = compare(project, *refs(place), Options())
    plain = compare(_without(place), *refs(place), Options())
    judged, line = relevance(plain), relevance(found)
    assert judged.verdict is not Verdict.REGRESSED
    assert line.corrected is not None
    alone = line.corrected.alone
    assert alone is not None
    assert (alone.difference, alone.interval) == (judged.difference, judged.interval)
    assert (alone.p_value, alone.verdict) == (judged.p_value, judged.verdict)
    assert line.verdict is Verdict.REGRESSED
    assert (line.difference, line.interval) == (line.corrected.difference, line.corrected.interval)
    assert line.interval is not None
    assert line.interval[1] < 0
    assert line.p_value is not None
    assert line.p_adjusted is not None
    assert line.p_value < line.p_adjusted <= 0.05
    assert line.test.startswith("prediction-powered")
    assert found.gate.verdict is GateVerdict.FAIL
    assert plain.gate.verdict is not GateVerdict.FAIL
    assert any(w.startswith("overall holds the judge's own grades of") for w in found.warnings)
    before = {(d.metric, d.slice): d for d in plain.differences if d.metric != "relevance"}
    for d in found.differences:
        if d.metric != "relevance" and d.p_adjusted is not None and d.gating:
            old = before[d.metric, d.slice]
            assert old.p_adjusted is not None
            assert d.p_adjusted >= old.p_adjusted  # its share of the error is smaller
            assert d.interval == old.interval
    report = comparison_json(found)
    (entry,) = [
        e for e in report["comparisons"] if e["metric"] == "relevance" and e["slice"] is None
    ]
    assert difference_from(entry) == replace(line, notes=tuple(entry["notes"]))


def test_where_there_are_several_looks_the_judge_decides(place: Path) -> None:
    suite = yaml.safe_load((place / "promptreg.yaml").read_text())
    suite["gate"] = {**suite.get("gate", {}), "sequential": {"looks": 2}}
    suite["scorers"][1]["labels"] = labelled(place / "all.csv", scenario_ids(N)).name
    (place / "looks.yaml").write_text(yaml.safe_dump(suite))
    found = compare(open_project(str(place / "looks.yaml")), "v1", "v2", Options())
    line = relevance(found)
    assert line.corrected is not None
    assert line.corrected.alone is None
    assert line.difference != line.corrected.difference
    (note,) = [n for n in line.notes if n.startswith("labels do not decide")]
    assert note.endswith("its interval is of one look, and there were several")
    (told,) = [w for w in found.warnings if "(corrected by labels)" in w]
    assert "the verdict stays that of the judge: its interval is of one look" in told


def test_one_answer_that_fails_does_not_hand_the_verdict_to_the_judge(tmp_path: Path) -> None:
    labelled(tmp_path / "labels.csv", SOME)
    lost = next(s for s in scenario_ids(N) if s not in SOME)

    def once(scenario: str, version: str) -> str:
        return "no JSON" if (scenario, version) == (lost, "v2") else answers(scenario, version)

    with running(ModelServer(once)) as server, running(JudgeServer(flattering)) as judge:
        project = judged_project(tmp_path, server, judge, n=N, settings=SETTINGS)
        first = compare(project, "v1", "v2", Options())
        ids = [side.run_ids["basic"] for side in (first.baseline, first.candidate)]
        labelled(tmp_path / "labels.csv", SOME, runs=ids)
        found = compare(project, "v1", "v2", Options())
    line = relevance(found)
    assert (line.missing.baseline, line.missing.candidate) == (0, 1)
    assert line.corrected is not None
    assert line.corrected.alone is not None
    assert line.corrected.alone.verdict is Verdict.EQUIVALENT
    assert line.verdict is Verdict.REGRESSED
    assert found.gate.verdict is GateVerdict.FAIL


def test_labels_of_chosen_scenarios_decide_nothing(place: Path) -> None:
    """Those that became worst: no random part."""
    worst = sorted(scenario_ids(N), key=lambda s: truth(s, "v2") - truth(s, "v1"))[:50]
    found = compare(relabelled(place, "chosen.csv", worst), *refs(place), Options())
    line = relevance(found)
    assert line.corrected is not None
    assert line.corrected.alone is None
    assert line.verdict == relevance(compare(_without(place), *refs(place), Options())).verdict
    assert any(
        n.startswith("labels do not decide: the judge grades labelled scenarios otherwise")
        for n in line.notes
    )
    assert any("were they drawn at random?" in w for w in found.warnings)


def test_labels_that_name_versions_decide_nothing(place: Path) -> None:
    """A version's text may be another one than that whose answers were labelled."""
    labelled(place / "names.csv", SOME)
    found = compare(relabelled(place, "names.csv"), *refs(place), Options())
    line = relevance(found)
    assert line.corrected is not None
    assert line.corrected.alone is None
    assert line.verdict == relevance(compare(_without(place), *refs(place), Options())).verdict
    (note,) = [n for n in line.notes if n.startswith("labels do not decide")]
    assert "they name versions" in note
    (told,) = [w for w in found.warnings if "(corrected by labels)" in w]
    assert "the verdict stays that of the judge: they name versions" in told


def _without(place: Path) -> Project:
    suite = yaml.safe_load((place / "promptreg.yaml").read_text())
    del suite["scorers"][1]["labels"]
    (place / "plain.yaml").write_text(yaml.safe_dump(suite))
    return open_project(str(place / "plain.yaml"))


def test_labels_are_no_part_of_a_runs_identity(place: Path) -> None:
    """Versions are not asked nor judged anew when labels come: the servers are gone."""
    found = compare(_without(place), "v1", "v2", Options())
    assert [f"run:{s.run_ids['basic']}" for s in (found.baseline, found.candidate)] == [
        *refs(place)
    ]
    assert relevance(found).corrected is None
    assert any("uncalibrated judge" in w for w in found.warnings)


def test_all_reports_show_it_and_json_gives_it_back(place: Path) -> None:
    outputs = [x for name in ("r.html", "r.md", "r.json") for x in ("-o", name)]
    shown = Promptreg(place)("compare", *refs(place), *outputs).out
    report = json.loads((place / "r.json").read_text("utf-8"))
    entries = [d for d in report["comparisons"] if d["metric"] == "relevance"]
    (entry,) = [d for d in entries if d["slice"] is None]
    assert set(entry["corrected"]) == {
        *("difference", "interval", "level", "n_labelled", "lambda", "labels", "labels_sha256"),
        "judge_alone",
    }
    back = difference_from(entry)
    assert back.corrected is not None
    assert back.corrected.weight == entry["corrected"]["lambda"]
    others = [d for d in report["comparisons"] if d["metric"] == "in_range"]
    assert {d["corrected"] for d in others} == {None}
    words = "by labels of 60 scenarios, λ "
    assert words in " ".join(shown.split())
    for name in ("r.html", "r.md"):
        assert words in (place / name).read_text("utf-8"), name
    page = (place / "r.html").read_text("utf-8")
    assert "by labels of people (the judge alone: from" in page
    assert "relevance went from" not in page


def test_too_few_labels_say_so_by_number_and_correct_nothing(place: Path) -> None:
    found = compare(relabelled(place, "few.csv", scenario_ids(N)[:30]), *refs(place), Options())
    line = relevance(found)
    assert line.corrected is None
    assert any(
        "not corrected: 30 scenarios are labelled on both sides; 40" in n for n in line.notes
    )
    assert any("uncalibrated judge" in w for w in found.warnings)


def test_labels_of_other_versions_and_scenarios_are_left_out_and_counted(place: Path) -> None:
    text = (place / "labels.csv").read_text()
    text += "elsewhere,v1,relevance,3,ann\ns0000,v9,relevance,3,ann\n"
    project = relabelled(place, "more.csv", text=text)
    found = compare(project, *refs(place), Options())
    assert any("more.csv: 2 of 242 labels left out" in w for w in found.warnings)
    assert relevance(found).corrected is not None
    only = relabelled(place, "none.csv", text="id,version,metric,label\ns0000,v9,relevance,3\n")
    line = relevance(compare(only, *refs(place), Options()))
    assert line.notes[-1] == "none.csv: no label is of these answers"


def test_a_judge_that_people_contradict_is_flagged(place: Path) -> None:
    rows = ["scenario_id,version,dimension,label"]
    rows += [f"{s},{v},relevance,{1 + at % 4}" for at, s in enumerate(SOME) for v in ("v1", "v2")]
    project = relabelled(place, "noise.csv", text="\n".join(rows) + "\n")
    found = compare(project, *refs(place), Options())
    told = [w for w in found.warnings if w.startswith("the judge agrees too little with people")]
    assert len(told) == 1
    assert "relevance (α " in told[0]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("gone.csv", "", "labels: 'gone.csv': cannot be read: No such file"),
        ("w1.xlsx", "x", "unknown format '.xlsx'; allowed: .csv"),
        ("w2.csv", "id,version,metric\ns0000,v1,relevance\n", "w2.csv: there is no column label"),
        (
            "w3.csv",
            "id,version,metric,label\ns0,v1,relevanc,3\n",
            "line 2: dimension is 'relevanc'",
        ),
        ("w4.csv", "id,version,metric,label\ns0,v1,relevance,5\n", "label is 5; allowed: 1 to 4"),
        ("w5.csv", "id,version,metric,label\ns0,v1,relevance,x\n", "label is 'x'; allowed: a num"),
    ],
)
def test_wrong_files_are_refused_before_any_call(
    place: Path, name: str, text: str, problem: str
) -> None:
    project = relabelled(place, name, text=text)
    with pytest.raises(DataError, match=re.escape(problem)) as caught:
        compare(project, "v1", "v2", Options(cache=False))
    assert name in str(caught.value)
    assert "scorers[1]" in str(caught.value)
    (finding,) = [f for f in check(project).findings if f.code == "labels"]
    assert finding.level == "error"
    assert problem in finding.message


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "gc.auto=0")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_a_change_cannot_bring_its_own_labels(tmp_path: Path) -> None:
    with running(ModelServer(answers)) as server, running(JudgeServer(flattering)) as judge:
        labelled(tmp_path / "labels.csv", scenario_ids(12))
        judged_project(tmp_path, server, judge, n=12, settings=SETTINGS)
        (tmp_path / ".gitignore").write_text(".promptreg/\n")
        _git(tmp_path, "init", "-q", "-b", "main")
        _git(tmp_path, "add", ".")
        _git(tmp_path, "commit", "-q", "-m", "suite")
        (source,) = sorted(tmp_path.glob("**/*v2*.txt"))
        source.write_text(source.read_text() + "\nBe brief.")
        (tmp_path / "labels.csv").write_text("scenario_id,version,dimension,label\nbroken")
        project = open_project(str(tmp_path))
        found = gate_base_ref(project, "main", (), Options(), allow_policy_change=False)
        with pytest.raises(DataError, match=r"labels\.csv: line 2"):
            gate_base_ref(project, "main", (), Options(), allow_policy_change=True)
    assert any("labels.csv (scorers[1])" in w and "not followed" in w for w in found.warnings)
    # A version's name stood for another text when the base's labels were made.
    (told,) = [w for w in found.warnings if "name runs" in w]
    assert told.startswith("labels.csv: 48 of 48 labels left out")


def test_a_bisection_says_that_it_knows_the_judge_alone(place: Path) -> None:
    """What people say of both ends is not known of anything between them."""
    tool = Promptreg(place)
    found = tool("bisect", "v1", "v2", "--metric", "relevance", "--json")
    said = [w for w in found.json["warnings"] if "the judge's own grades are bisected" in w]
    assert len(said) == 1
    assert said[0].startswith("relevance: ")
