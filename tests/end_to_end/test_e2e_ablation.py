"""Does a template need its context: a run with it, a run without it, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import Promptreg
from fake_model import Asked, ModelServer, running
from fault_server import Fault, Request, llama, ok
from suite_factory import answer_text, good_score, scenarios, write_suite

TEMPLATES = {"v1": "[{id} v1] Seen: {detections}. Known: {context}. JSON."}


class Attentive(ModelServer):
    """Answers well as long as it is told what is known of a person."""

    def _choose(self, request: Request) -> Fault:
        if request.method != "POST" or "idempotency-key" not in request.headers:
            return super()._choose(request)
        scenario, _ = Asked.of(request)
        told = "Known: a neighbour" in request.json["prompt"]
        score = good_score(scenario) if told else (good_score(scenario) + 60) % 100
        return ok(llama(answer_text(score)))


@pytest.fixture
def attentive() -> Iterator[ModelServer]:
    with running(Attentive()) as started:
        yield started


def suite(folder: Path, url: str = "http://127.0.0.1:9", **more: Any) -> Promptreg:
    rows = [{**row, "context": "a neighbour"} for row in scenarios(40)]
    rows[0]["context"] = "a neighbour of old"
    return Promptreg(write_suite(folder, url, rows=rows, templates=TEMPLATES, **more))


def test_answers_that_need_their_context_are_shown_to(
    attentive: ModelServer, tmp_path: Path
) -> None:
    command = suite(tmp_path, f"http://127.0.0.1:{attentive.port}")
    made = command("scenarios", "ablate", "--drop", "context", "-o", "without.jsonl")
    assert (made.code, made.out) == (0, "without.jsonl: 40 scenarios; replaced context in 40\n")
    settings = json.loads((tmp_path / "promptreg.yaml").read_text("utf-8"))
    settings["scenarios"] = "without.jsonl"
    (tmp_path / "without.yaml").write_text(json.dumps(settings), "utf-8")
    runs = [
        command("run", "v1", "-c", config, "--json").json["runs"][0]["id"]
        for config in ("promptreg.yaml", "without.yaml")
    ]
    sides = [f"run:{run}" for run in runs]
    refused = command("compare", *sides)
    assert refused.code == 4
    assert "--allow-mismatch scenarios" in refused.err
    found = command("compare", *sides, "--allow-mismatch", "scenarios", "--json").json
    (hit,) = [d for d in found["comparisons"] if d["metric"] == "in_range" and not d["slice"]]
    assert hit["verdict"] == "regressed"


def test_what_is_written_differs_in_the_columns_alone(tmp_path: Path) -> None:
    command = suite(tmp_path)
    made = command(
        "scenarios", "ablate", "--drop", "context", "--with", "none", "-o", "w.jsonl", "--json"
    )
    assert made.json == {"output": "w.jsonl", "scenarios": 40, "replaced": {"context": 40}}
    whole, without = (
        [json.loads(line) for line in (tmp_path / name).read_text("utf-8").splitlines()]
        for name in ("scenarios.jsonl", "w.jsonl")
    )
    assert without == [{**row, "context": "none"} for row in whole]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--drop", "contxt", "-o", "w.jsonl"), "did you mean 'context'"),
        (("--drop", "id", "-o", "w.jsonl"), "which scenario it is"),
        (("--drop", "ground_truth", "-o", "w.jsonl"), "what is right"),
        (("--drop", "context", "-o", "w.csv"), "ending in .jsonl"),
        (("--drop", "context", "-o", "scenarios.jsonl"), "the file exists"),
        (("--drop", "context", "-o", "nowhere/w.jsonl"), "cannot be written"),
    ],
)
def test_what_cannot_be_dropped_or_written(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    command = suite(tmp_path)
    done = command("scenarios", "ablate", *arguments)
    assert done.code == 2
    assert said in done.err
    assert sorted(p.name for p in tmp_path.glob("*w*.jsonl")) == []
