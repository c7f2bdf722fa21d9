"""The scorer keeps the contract and counts capitals; the listener writes one line."""

import json
from pathlib import Path

import promptreg_comparison_log
import pytest
from promptreg_shout import Shout

from promptreg import Score
from promptreg.testing import ScorerContract, sample_comparison, sample_trials


class TestShout(ScorerContract):
    def make(self) -> Shout:
        return Shout()


def test_one_capital_of_twenty_letters() -> None:
    score = Shout().score(sample_trials()[2])  # A cat crosses the garden.
    assert isinstance(score, Score)
    assert score.value == pytest.approx(1 / 20)


def test_each_comparison_adds_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "comparisons.jsonl"
    monkeypatch.setenv("PROMPTREG_COMPARISON_LOG", str(path))
    for _ in range(2):
        promptreg_comparison_log.promptreg_comparison_finished(sample_comparison())
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["verdict"] for line in lines] == ["fail", "fail"]
    assert lines[0]["candidate"] == "v2"
