"""What a real server sends under a schema or a grammar, read as an answer."""

from __future__ import annotations

from typing import Any

import pytest

from asking_model import ask, call
from promptreg import Answer, Cause, Failure
from promptreg.stages.parse import AnswerReader
from promptreg.suite import AnswerEntry
from promptreg_providers.llama_cpp import LlamaCpp

pytestmark = pytest.mark.model

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "risk_score": {"type": "integer", "minimum": 0, "maximum": 100},
        "summary": {"type": "string", "maxLength": 24},
    },
    "required": ["risk_score", "summary"],
    "additionalProperties": False,
}
THINKING = r"""
root ::= "<think>" thought "</think>\n" answer
thought ::= [a-z ]{10,40}
answer ::= "{\"risk_score\": " ("5" | "50" | "95") "}"
"""
SCENE = "A stranger tries the door. How risky, 0 to 100? Answer in JSON."


def reader(*require: str) -> AnswerReader:
    return AnswerReader(AnswerEntry(require=require))


async def test_a_schema_makes_an_answer(llama_server: str) -> None:
    provider = LlamaCpp(llama_server, sampling={"max_tokens": 48, "seed": 7}, json_schema=SCHEMA)
    (completion,) = await ask(provider, call(SCENE))
    answer = reader("risk_score", "summary").read(completion)
    assert isinstance(answer, Answer), completion.text
    assert 0 <= answer.fields["risk_score"] <= 100
    assert len(answer.fields["summary"]) <= 24
    assert completion.finish == "stop"


async def test_the_token_limit_inside_the_answer_is_a_truncated_trial(llama_server: str) -> None:
    provider = LlamaCpp(llama_server, sampling={"max_tokens": 5, "seed": 7}, json_schema=SCHEMA)
    (completion,) = await ask(provider, call(SCENE))
    failure = reader("risk_score", "summary").read(completion)
    assert completion.text.lstrip().startswith("{")
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.TRUNCATED
    assert not failure.infrastructure


async def test_thinking_is_kept_apart_from_the_answer(llama_server: str) -> None:
    provider = LlamaCpp(llama_server, sampling={"max_tokens": 48, "seed": 7}, grammar=THINKING)
    (completion,) = await ask(provider, call(SCENE))
    answer = reader("risk_score").read(completion)
    assert isinstance(answer, Answer), completion.text
    assert answer.fields["risk_score"] in (5, 50, 95)
    assert answer.thinking.strip()
    assert f"<think>{answer.thinking}</think>" in completion.text
    assert answer.findings == ()


async def test_cut_off_while_thinking(llama_server: str) -> None:
    provider = LlamaCpp(llama_server, sampling={"max_tokens": 5, "seed": 7}, grammar=THINKING)
    (completion,) = await ask(provider, call(SCENE))
    failure = reader("risk_score").read(completion)
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.TRUNCATED
    assert "while thinking" in failure.detail
