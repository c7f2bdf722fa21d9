"""The commands against a real server: look, plan, compare, again from the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from promptreg.cli.app import run
from suite_model import write_suite

pytestmark = pytest.mark.model


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, llama_server: str) -> Path:
    """Four scenarios, two versions, answers held to a schema; found from the working folder."""
    monkeypatch.setenv("PORCH_URL", llama_server)
    monkeypatch.chdir(write_suite(tmp_path, "${PORCH_URL}"))
    return tmp_path


def compare_json(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """Return what `compare v1 v2 --json` prints."""
    capsys.readouterr()
    assert run(["compare", "v1", "v2", "--json", *more]) == 0
    printed = capsys.readouterr()
    found: dict[str, Any] = json.loads(printed.out)
    return found


def calls(found: dict[str, Any]) -> tuple[int, int]:
    """Return trials taken from the store, and calls made."""
    return found["trials"]["cached"], found["trials"]["called"]


def test_doctor_names_server_model_and_slots(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--json"]) == 0
    checks = {c["check"]: c for c in json.loads(capsys.readouterr().out)}
    assert all(c["ok"] for c in checks.values())
    detail = checks["provider"]["detail"]
    assert "2 slots of 1024 tokens" in detail
    assert detail.count("SmolLM2-135M-Instruct.Q4_1.gguf") == 1


def test_plan_compare_and_again(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "v1", "v2", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["trials"], planned["cached"], planned["calls"]) == (8, 0, 8)

    assert run(["compare", "v1", "v2", "-o", "porch.html", "-o", "porch.json"]) == 0
    shown = capsys.readouterr()
    assert "8 trials (0 cached, 8 called)" in " ".join(shown.out.split())
    first = json.loads(Path("porch.json").read_text("utf-8"))
    page = Path("porch.html").read_text("utf-8")
    assert "SmolLM2-135M-Instruct.Q4_1.gguf" in page
    assert "The postman leaves a letter." in page
    assert first["trials"]["failed"] == {}
    metrics = {c["metric"]: c for c in first["comparisons"] if c["slice"] is None}
    assert metrics["answered"]["candidate"] == 1.0  # the schema makes every answer an answer
    assert metrics["tokens"]["candidate"] > metrics["tokens"]["baseline"]  # v2 is longer
    assert metrics["latency"]["baseline"] > 0
    assert first["gate"]["verdict"] == "inconclusive"  # four scenarios prove nothing

    second = compare_json(capsys)
    assert calls(second) == (8, 0)
    assert second["comparisons"] == first["comparisons"]  # latencies too are those of the calls
    assert second["baseline"]["run_id"] == first["baseline"]["run_id"]

    assert run(["plan", "v1", "v2", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["cached"], planned["calls"]) == (8, 0)


def test_asked_anew_the_model_says_the_same(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = ("-n", "2")
    first = compare_json(capsys, *some)
    anew = compare_json(capsys, *some, "--no-cache")
    assert calls(first) == calls(anew) == (0, 4)
    quality = [
        [c for c in found["comparisons"] if c["metric"] != "latency"] for found in (first, anew)
    ]
    assert quality[0] == quality[1]


def test_only_new_repeats_are_asked(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare_json(capsys, "-n", "1")
    twice = compare_json(capsys, "-n", "1", "--repeats", "2")
    assert calls(twice) == (2, 2)


def test_an_error_of_the_server_is_a_failed_trial_not_a_failed_run(
    suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    v2 = suite / "v2.txt"
    v2.write_text(v2.read_text("utf-8").replace("Most of", "Well, " * 1200 + "most of"), "utf-8")
    found = compare_json(capsys, "-n", "1")
    assert found["trials"]["failed"] == {"http_status": {"baseline": 0, "candidate": 1}}
    answered = next(c for c in found["comparisons"] if c["metric"] == "answered")
    assert (answered["baseline"], answered["candidate"]) == (1.0, 0.0)
