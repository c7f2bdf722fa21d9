"""`bisect` on edits, through the command line, with a server that answers by the prompt's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_model import running
from fault_server import status
from prompted_model import BAD, GOOD, PromptedModel, answer, write_project
from promptreg.cli.app import run as promptreg

BASE = ["Rate from 0 to 100: {event}", "Answer as JSON.", "Be kind.", "Be brief.", "Be clear."]
V1 = "\n\n".join(BASE) + "\n"


def edited(*changes: tuple[int, str]) -> str:
    lines = list(BASE)
    for place, text in changes:
        lines[place] = text
    return "\n\n".join(lines) + "\n"


def number(prompt: str) -> int:
    return int(prompt.split("event ")[1].split()[0])


@pytest.fixture
def model() -> Iterator[PromptedModel]:
    with running(PromptedModel()) as started:
        yield started


class Bisect:
    """Runs the command in a folder and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, folder: Path, *arguments: str) -> int:
        code = promptreg(["bisect", *arguments, "-c", str(folder)])
        shown = self.capsys.readouterr()
        self.out, self.err = shown.out, shown.err
        assert "internal error" not in self.err, self.err
        return code

    def json(self, folder: Path, *arguments: str) -> Any:
        code = self(folder, *arguments, "--json")
        assert self.out, self.err
        found = json.loads(self.out)
        assert found["exit_code"] == code
        return found


@pytest.fixture
def bisect(capsys: pytest.CaptureFixture[str]) -> Bisect:
    return Bisect(capsys)


def test_the_hunk_that_did_it_is_named(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    model.wrong = lambda p: "HARSH" in p
    v2 = edited((0, "Please rate 0-100: {event}"), (2, "Be HARSH."), (4, "Be very clear."))
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": v2})
    reports = [tmp_path / "x.json", tmp_path / "x.md"]
    found = bisect.json(folder, "v1", "v2", *(x for r in reports for x in ("-o", str(r))))
    assert (found["found"], found["named"], found["exit_code"]) == ("single", True, 0)
    assert found["culprits"] == [[2]]
    assert found["hunks"][1]["diff"] == "-Be kind.\n+Be HARSH."
    assert found["hunks"][1]["new_line"] == 5
    outcomes = {t["label"]: t["outcome"] for t in found["tests"]}
    assert outcomes["v1+2"] == "regressed"
    assert outcomes["v2-2"] == "harmless"
    assert "overall" in {t["metric"] for t in found["targets"]}
    assert json.loads(reports[0].read_text("utf-8"))["culprits"] == [[2]]
    assert "+Be HARSH." in reports[1].read_text("utf-8")
    model.forget()
    assert bisect(folder, "v1", "v2") == 0
    assert model.calls == []  # the store holds every text
    words = " ".join(bisect.out.split())
    assert "CULPRIT — hunk 2 of 3: alone it regresses, and v2 without it is no worse" in words
    assert "v2-2 no worse" in words


def test_long_lines_go_on_under_their_last_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptreg.cli.bisect import _print

    monkeypatch.setenv("COLUMNS", "60")
    _print(["", "A " * 40, "  v1+2  REGRESSED  " + "in_range -10pp " * 5, "  +" + "word " * 20])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[0] == ""
    assert lines[2].startswith("  A ")
    rows = [line for line in lines if "10pp" in line]
    assert rows[0].startswith("  v1+2  REGRESSED  in_range")
    assert len(rows) > 1
    assert {len(row) - len(row.lstrip()) for row in rows[1:]} == {19}
    assert " ".join(" ".join(rows).split()) == "v1+2 REGRESSED " + " ".join(["in_range -10pp"] * 5)


@pytest.mark.slow
def test_two_hunks_together(tmp_path: Path, model: PromptedModel, bisect: Bisect) -> None:
    model.wrong = lambda p: "HARSH" in p and "CURT" in p
    v2 = edited((0, "Please rate: {event}"), (2, "Be HARSH."), (3, "Be CURT."))
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": v2})
    found = bisect.json(folder, "v1", "v2")
    assert (found["found"], found["culprits"], found["exit_code"]) == ("combination", [[2, 3]], 0)
    assert bisect(folder, "v1", "v2", "-q") == 0
    assert "hunks 2 and 3 together, none of them alone" in bisect.out


@pytest.mark.slow
def test_two_culprits_and_one_that_is_mended(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    model.wrong = lambda p: "HARSH" in p or "CURT" in p
    v2 = edited((0, "Please rate: {event}"), (2, "Be HARSH."), (4, "Be CURT."))
    folder = write_project(tmp_path / "two", model.url, {"v1": V1, "v2": v2})
    found = bisect.json(folder, "v1", "v2")
    assert (found["found"], found["culprits"]) == ("several", [[2], [3]])
    model.wrong = lambda p: "HARSH" in p or ("CURT" in p and "MEND" not in p)
    v2 = edited((0, "MEND, rate: {event}"), (2, "Be HARSH."), (4, "Be CURT."))
    folder = write_project(tmp_path / "mended", model.url, {"v1": V1, "v2": v2})
    found = bisect.json(folder, "v1", "v2")
    assert (found["found"], found["culprits"], found["mended"]) == ("single", [[2]], [3])
    assert any("the rest of the edit mends it" in reason for reason in found["reasons"])


def test_a_one_line_template_is_cut_into_sentences_and_words(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    model.wrong = lambda p: "HARSH" in p
    v1 = "Rate from 0 to 100 the event {event}. Be kind to people. Answer as JSON."
    v2 = "Rate from 0 to 100 the new event {event}. Be HARSH to people. Answer as JSON."
    folder = write_project(tmp_path, model.url, {"v1": v1, "v2": v2})
    found = bisect.json(folder, "v1", "v2")
    assert (found["split"], found["culprits"]) == ("sentence", [[2]])
    assert found["hunks"][1]["diff"] == "-Be kind to people. \n+Be HARSH to people. "
    found = bisect.json(folder, "v1", "v2", "--split", "word")
    assert found["culprits"] == [[2]]
    assert found["hunks"][1]["diff"] == "-kind \n+HARSH "
    assert bisect(folder, "v1", "v2", "--split", "words") == 2
    assert "did you mean 'word'" in bisect.err


def test_texts_that_do_not_compile_are_never_asked(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    model.wrong = lambda p: "HARSH" in p
    v1 = "Rate: {{ event }}\n\nBe kind.\n\nAnswer.\n\nEnd.\n"
    v2 = (
        "{% set who = event %}\nRate: {{ event }}\n\n{% if who %}\nBe kind.\n{% endif %}\n\n"
        "Answer.\nBe HARSH.\n\nEnd.\n"
    )
    folder = write_project(
        tmp_path,
        model.url,
        {"v1": v1, "v2": v2},
        templates={"basic": {"engine": "jinja", "versions": {"v1": "v1.txt", "v2": "v2.txt"}}},
    )
    found = bisect.json(folder, "v1", "v2")
    assert (found["found"], found["culprits"]) == ("single", [[4]])
    # `if` and `endif` cannot be told apart; `if` needs the `set` that `set` does without.
    assert found["inseparable"] == [[2, 3]]
    labels = {t["label"] for t in found["tests"]}
    assert "v1+1" in labels
    assert "v1+2" not in labels


def test_nothing_regressed(tmp_path: Path, model: PromptedModel, bisect: Bisect) -> None:
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": edited((2, "Be nice."))})
    found = bisect.json(folder, "v1", "v2")
    assert (found["found"], found["targets"], found["tests"]) == ("none", [], [])
    assert found["exit_code"] == 3
    assert len(model.calls) == 80
    assert bisect(folder, "v1", "v2") == 3
    assert "NO REGRESSION" in bisect.out


def test_a_budget_stops_and_the_same_command_goes_on(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    model.wrong = lambda p: "HARSH" in p
    v2 = edited((0, "Please rate 0-100: {event}"), (2, "Be HARSH."), (4, "Be very clear."))
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": v2})
    assert bisect(folder, "v1", "v2", "--budget", "100") == 5
    assert len(model.calls) == 100  # for all tests together, not for each
    assert "in the test of v1+1" in bisect.err
    assert bisect(folder, "v1", "v2", "--budget", "1000") == 0
    assert not model.repeated


def test_the_plan_asks_nothing_and_knows_what_is_stored(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    model.wrong = lambda p: "HARSH" in p
    v2 = edited((0, "Please rate: {event}"), (2, "Be HARSH."))
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": v2})
    plan = bisect_plan(bisect, folder)
    assert model.calls == []
    assert plan["tests_at_most"] == 2
    assert [(t["label"], t["calls"]) for t in plan["texts"]] == [
        *(("v1", 40), ("v2", 40), ("v1+1", 40), ("v1+2", 40))
    ]
    assert plan["calls_at_most"] == 160
    assert bisect(folder, "v1", "v2") == 0
    assert all(t["calls"] == 0 for t in bisect_plan(bisect, folder)["texts"])
    assert bisect(folder, "v1", "v2", "--dry-run") == 0
    assert "at most 2 tests" in bisect.out


def bisect_plan(bisect: Bisect, folder: Path) -> Any:
    assert bisect(folder, "v1", "v2", "--dry-run", "--json") == 0, bisect.err
    return json.loads(bisect.out)


@pytest.mark.slow
def test_a_slice_can_be_explained(tmp_path: Path, model: PromptedModel, bisect: Bisect) -> None:
    model.wrong = lambda p: "HARSH" in p and number(p) % 8 == 1
    v2 = edited((0, "Please rate {event}"), (2, "Be HARSH."), (4, "Be clearer."))
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": v2}, n=120)
    found = bisect.json(folder, "v1", "v2", "--metric", "in_range", "--where", "kind=night")
    assert (found["found"], found["culprits"]) == ("single", [[2]])
    (target,) = found["targets"]
    assert target["slice"] == {"attribute": "kind", "value": "night"}
    for arguments, word in (
        (("--metric", "in_rnge"), "did you mean 'in_range'"),
        (("--where", "kind=night"), "goes with --metric"),
        (("--metric", "in_range", "--where", "kind=noon"), "no value of kind"),
        (("--metric", "in_range", "--where", "kind"), "ATTRIBUTE=VALUE"),
        (("--hunks", "--commits"), "exclude each other"),
        (("--commits",), "needs a revision of git on both sides"),
        (("-o", "x.html"), "writes .json and .md"),
        (("--template", "other"), "no template is called 'other'"),
    ):
        assert bisect(folder, "v1", "v2", *arguments) == 2, arguments
        assert word in bisect.err
    assert bisect(folder, "v1", "run:abc") == 2
    assert bisect(folder, "v1", "v1") == 2
    assert "same text" in bisect.err


def test_evidence_that_does_not_single_one_out(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    # Each hunk spoils a share of the answers that is within the noise of so few scenarios.
    def wrong(p: str) -> bool:
        return ("HARSH" in p and number(p) % 8 == 0) or ("CURT" in p and number(p) % 8 == 1)

    model.wrong = wrong
    v2 = edited((2, "Be HARSH."), (4, "Be CURT."))
    gate = {"margins": {"overall": 0.05}, "draws": 1999}
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": v2}, gate=gate)
    found = bisect.json(folder, "v1", "v2")
    assert found["targets"]
    assert (found["named"], found["exit_code"]) == (False, 3)
    assert found["scenarios_needed"]
    assert "NOT SINGLED OUT" in found["headline"]


def test_recorded_completions_answer_only_what_is_recorded(tmp_path: Path, bisect: Bisect) -> None:
    v2 = edited((0, "Please rate: {event}"), (2, "Be HARSH."))
    rows = [
        {"scenario_id": f"s{i}", "version": version, "text": answer(BAD if bad else GOOD)}
        for i in range(40)
        for version, bad in (("v1", 0), ("v2", 1), ("v1+1", 0), ("v1+2", 1))
    ]
    recorded = {"use": "recorded", "path": "r.jsonl"}
    folder = write_project(tmp_path, "", {"v1": V1, "v2": v2}, provider=recorded)
    path = folder / "r.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    assert bisect.json(folder, "v1", "v2")["culprits"] == [[2]]
    few = [r for r in rows if "+" not in str(r["version"])]
    path.write_text("".join(json.dumps(r) + "\n" for r in few), "utf-8")
    assert bisect(folder, "v1", "v2") == 2
    assert "holds none for basic@v1+1" in bisect.err


@pytest.mark.slow
def test_calls_that_fail_stop_it_and_are_made_again(
    tmp_path: Path, model: PromptedModel, bisect: Bisect
) -> None:
    model.wrong = lambda p: "HARSH" in p
    v2 = edited((0, "Please rate: {event}"), (2, "Be HARSH."))
    folder = write_project(tmp_path, model.url, {"v1": V1, "v2": v2})
    model.script = [status(500, b"{}")] * 80
    assert bisect(folder, "v1", "v2") in (4, 5)
    model.script = []
    assert bisect(folder, "v1", "v2") == 0
