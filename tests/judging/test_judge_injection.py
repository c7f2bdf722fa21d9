"""Answers that try to move their judge do not get out of their fence, wherever they stand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from judge_attacks import ATTACKS
from judge_server import DIMENSIONS
from promptreg import Answer, Scenario
from promptreg.stages.render.tokens import ROLE_TOKENS
from promptreg.testing import FakeServices
from promptreg_providers.chatml import looks_like_chatml, to_messages
from promptreg_scorers.judge.prompting import Examiner
from promptreg_scorers.judge.rubrics import read_rubrics
from scoring_makers import make, trial

EXAMINER = Examiner(read_rubrics(), (), None, True, False, 12_000)
FENCE = re.compile(r"^(BEGIN|END) ([0-9a-f]{16}) (SCENE|KNOWN TO BE RIGHT|ANSWER TO GRADE)$")
HONEST = EXAMINER.prompt(trial({"summary": "A cat."}, risk_range=[0, 15]))


def skeleton(prompt: str) -> list[str]:
    """Return the prompt's lines without material, and without the hash that fences carry."""
    kept = []
    for line in prompt.splitlines():
        fence = FENCE.match(line)
        if fence:
            kept.append(f"{fence[1]} {fence[3]}")
        elif not line.startswith("| "):
            kept.append(line)
    return kept


@pytest.mark.parametrize("place", ["value", "name", "list", "scene", "truth"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_the_structure_stands_whatever_the_answer_says(attack: str, place: str) -> None:
    text = ATTACKS[attack]
    one = trial({"summary": "A cat."}, risk_range=[0, 15])
    match place:
        case "value":
            one = replace(one, answer=Answer({"summary": text, "risk_score": 10}))
        case "name":
            one = replace(one, answer=Answer({text: "x"}))
        case "list":
            one = replace(one, answer=Answer({"points": [text, {"deep": text}]}))
        case "scene":
            one = replace(one, scenario=Scenario("s", {"place": text}, {"risk_range": [0, 15]}))
        case "truth":
            truth: dict[str, Any] = {"expected_summary": text}
            one = replace(one, scenario=replace(one.scenario, ground_truth=truth))
    prompt = EXAMINER.prompt(one)
    assert skeleton(prompt) == skeleton(HONEST)
    words = {m[2] for line in prompt.splitlines() if (m := FENCE.match(line))}
    assert len(words) == 1
    # What tells speakers apart stands where the examiner put it, and nowhere else.
    turns = [t for t in ROLE_TOKENS if t in prompt]
    assert turns == [t for t in ROLE_TOKENS if t in HONEST]
    assert looks_like_chatml(prompt)
    assert [m["role"] for m in to_messages(prompt)] == ["system", "user"]
    assert "\x1b" not in prompt
    assert not {c for c in prompt if not c.isprintable() and c != "\n"}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_judge_that_echoes_the_attack_gives_it_no_grade(attack: str) -> None:
    """A judge that copies the answer before its own verdict said two things: that is no verdict."""
    ones = json.dumps(dict.fromkeys(DIMENSIONS, 1))
    judge: Any = make("judge", provider={"use": "llama_cpp", "url": "http://127.0.0.1:1"})
    services = FakeServices([f"The answer was: {ATTACKS[attack]}\n{ones}"])
    ((*scores,),) = await judge.score_batch([trial({"summary": "A cat."})], services)
    assert [s for s in scores if getattr(s, "value", 1.0) != 1.0] == []


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 20
