"""`promptreg judge agreement`: labels read, laid over runs, and the difference corrected."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Promptreg
from fake_model import ModelServer, running
from judge_server import JudgeServer, judged_project
from labelled_answers import N, answers, flattering, labelled, truth
from promptreg.errors import DataError, UsageError
from promptreg.pipeline.compare import compare
from promptreg.pipeline.judging.agreement import _labelled
from promptreg.pipeline.judging.command import agreement_of
from promptreg.pipeline.judging.human import Laid
from promptreg.pipeline.project import Options, open_project
from promptreg.stages.load import read_labels
from suite_factory import scenario_ids


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite whose comparison is made: its judge flatters the candidate."""
    folder = tmp_path_factory.mktemp("judged")
    with running(ModelServer(answers)) as server, running(JudgeServer(flattering)) as judge:
        project = judged_project(
            folder, server, judge, n=N, settings={"dimensions": ["relevance"], "repeats": 2}
        )
        found = compare(project, "v1", "v2", Options())
        ids = [side.run_ids["basic"] for side in (found.baseline, found.candidate)]
        notes = [d.notes for d in found.differences if d.metric == "relevance" and not d.slice]
        (folder / "ids.json").write_text(json.dumps([ids, notes, found.warnings]))
    labelled(folder / "labels.csv", random.Random(4).sample(scenario_ids(N), 60))
    return folder


def agreement(judged: Path, *words: str) -> Any:
    ids = json.loads((judged / "ids.json").read_text())[0]
    refs = [f"run:{one}" for one in ids]
    return Promptreg(judged)("judge", "agreement", *refs, *words)


def test_the_judges_bias_is_measured_and_taken_out(judged: Path) -> None:
    found = agreement(judged, "--labels", "labels.csv", "--json")
    assert found.code == 0, found.err
    (report,) = found.json
    (line,) = report["dimensions"]
    assert report["labels"] == 240
    change = [truth(s, "v2") - truth(s, "v1") for s in scenario_ids(N)]
    real = sum(change) / N
    assert real < -0.1
    assert line["difference_judge"]["value"] > real + 0.2
    low, high = line["difference_corrected"]["interval"]
    assert low <= real <= high
    assert line["difference_corrected"]["value"] < 0.05 < line["difference_judge"]["value"] + 0.2
    first, second = (bias["value"] for bias in line["bias"])
    assert second - first > 0.2
    assert line["kappa"]["value"] > 0.5
    assert line["alpha_people"]["value"] > 0.8
    assert line["difference_corrected"]["labelled"] == 60
    assert line["difference_corrected"]["unlabelled"] == 60


def test_people_see_a_table_and_what_to_make_of_it(judged: Path) -> None:
    found = agreement(judged, "--labels", "labels.csv")
    assert found.code == 0
    assert "relevance" in found.out
    assert "Difference v2 - v1" in found.out
    assert "drawn at" in found.out


def test_one_run_alone_has_no_difference(judged: Path) -> None:
    ids = json.loads((judged / "ids.json").read_text())[0]
    refs = [f"run:{ids[0]}"]
    (report,) = agreement_of(open_project(str(judged)), refs, judged / "labels.csv", Options())
    assert report.left_out == 120
    assert report.dimensions[0].difference is None


def test_too_few_labels_correct_nothing(judged: Path) -> None:
    labelled(judged / "few.csv", scenario_ids(N)[:30])
    (report,) = agreement(judged, "--labels", "few.csv", "--json").json
    assert report["dimensions"][0]["difference_corrected"] is None
    assert "30 scenarios are labelled on both sides; 40" in report["dimensions"][0]["note"]


def test_the_comparison_says_how_far_the_judge_agrees_with_itself(judged: Path) -> None:
    _, notes, warnings = json.loads((judged / "ids.json").read_text())
    assert notes[0][-1].startswith("judge self-consistency α ")
    assert any(w.startswith("uncalibrated judge: a bias") for w in warnings)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"scenario_id": "s0000", "version": "v1", "dimension": "relevance"}], "no column label"),
        ([{"id": "s0000", "version": "v1", "metric": "relevanc", "label": 3}], "did you mean"),
        ([{"id": "zzz", "version": "v1", "metric": "relevance", "label": 3}], "no scenario 'zzz'"),
        ([{"id": "s0000", "version": "v1", "metric": "relevance", "label": 5}], "from 1 to 4"),
        ([{"id": "s0000", "version": "v1", "metric": "relevance", "label": "x"}], "label is 'x'"),
        ([{"id": "s0000", "version": "v9", "metric": "relevance", "label": 3}], "no label is of"),
        (
            [{"id": "s0000", "version": "v1", "metric": "relevance", "label": 3, "repeat": 7}],
            "repeat is 7",
        ),
        ([{"id": "s0000", "version": "v1", "metric": "relevance", "label": 3}] * 2, "a second"),
        ([{"id": "s0000", "version": "v1", "metric": "relevance", "label": None}], "no label"),
        ([{"id": True, "version": "v1", "metric": "relevance", "label": 1}], "scenario_id is True"),
    ],
)
def test_wrong_labels_are_named_with_their_place(
    judged: Path, rows: list[dict[str, Any]], problem: str
) -> None:
    path = judged / "wrong.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    refs = [f"run:{one}" for one in json.loads((judged / "ids.json").read_text())[0]]
    with pytest.raises(UsageError, match=re.escape(problem)):
        agreement_of(open_project(str(judged)), refs, path, Options())


def test_labels_of_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown format '.xlsx'; allowed: .csv"):
        read_labels(tmp_path / "labels.xlsx")


def test_empty_cells_are_nobodys_word(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("scenario_id,run,dimension,grade,repeat\na,run:r1,tone,3,\nb,r1,tone,,\n")
    (label,) = read_labels(path)
    assert (label.scenario_id, label.version, label.label, label.repeat) == ("a", "r1", 3, 0)
    assert math.isfinite(label.label)


def test_failed_repeats_of_a_labelled_scenario_count_as_the_worst() -> None:
    """Three repeats, one failed: people and judge say 3 of those that answered."""
    judged = np.array([[3.0, 3.0, 1.0], [1.0, 1.0, 1.0], [4.0, 4.0, 4.0]])
    failed = np.array([[False, False, True], [True, True, True], [False, False, False]])
    people = np.where(failed, np.nan, 4.0)
    people[0, 1] = np.nan  # one answered repeat nobody labelled
    whole = np.full((3, 3), 2.0)
    sides = (
        Laid(whole, np.zeros((3, 3), bool), ("a", "b", "c"), {"ann": np.full((3, 3), 3.0)}),
        Laid(judged, failed, ("a", "b", "c"), {"ann": people}),
    )
    human, seen = (_labelled(*sides, people=flag) for flag in (True, False))
    assert human == pytest.approx([(2 * 4 + 1) / 3 - 3, 1 - 3, 4 - 3])
    assert seen == pytest.approx([(2 * 3 + 1) / 3 - 2, 1 - 2, 4 - 2])
