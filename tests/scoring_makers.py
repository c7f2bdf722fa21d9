"""Makes records for the tests of reading and scoring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import promptreg_scorers
from promptreg import Answer, Completion, Failure, Prompt, Scenario, Scorer, Template, Trial
from promptreg.registry import Catalog
from promptreg.stages.parse import AnswerReader
from promptreg.suite import AnswerEntry

REQUIRED = ("risk_score", "risk_level", "summary", "reasoning")
TEMPLATE = Template("basic", "v1", "format", "text")
GOOD: dict[str, Any] = {
    "risk_score": 65,
    "risk_level": "high",
    "summary": "Unknown person at the door",
    "reasoning": "Late hour, no delivery uniform",
}


def text_of(**changes: Any) -> str:
    """A complete answer as JSON, with some fields changed; `None` stays null."""
    return json.dumps({**GOOD, **changes})


def without(*names: str) -> str:
    return json.dumps({k: v for k, v in GOOD.items() if k not in names})


def reader(**settings: Any) -> AnswerReader:
    settings.setdefault("require", REQUIRED)
    return AnswerReader(AnswerEntry.model_validate(settings))


def completion(text: str, **facts: Any) -> Completion:
    return Completion(text, **facts)


def read(text: str, finish: str = "stop", **settings: Any) -> Answer | Failure:
    return reader(**settings).read(Completion(text, finish))


def answered(text: str, finish: str = "stop", **settings: Any) -> Answer:
    found = read(text, finish, **settings)
    assert isinstance(found, Answer), found
    return found


def failed(text: str, finish: str = "stop", **settings: Any) -> Failure:
    found = read(text, finish, **settings)
    assert isinstance(found, Failure), found
    return found


def scenario(ident: str = "s1", **truth: Any) -> Scenario:
    return Scenario(ident, {"place": "porch"}, truth, {"label": "benign"})


def trial(
    fields: Mapping[str, Any] | None = None,
    *,
    failure: Failure | None = None,
    given: Completion | None = None,
    effective: Mapping[str, Any] | None = None,
    **truth: Any,
) -> Trial:
    """A trial with an answer of these fields, or with a failure."""
    answer = Answer(fields) if fields is not None else None
    if given is None and fields is not None:
        given = Completion(json.dumps(dict(fields)))
    shown = Answer(effective) if effective is not None else None
    return Trial(TEMPLATE, scenario(**truth), 0, Prompt("ask"), given, failure, answer, shown)


def catalog() -> Catalog[Scorer]:
    found: Catalog[Scorer] = Catalog("scorer")
    promptreg_scorers.promptreg_register_scorers(found)
    return found


def make(use: str, **settings: Any) -> Scorer:
    """A built-in scorer, made the way a suite makes it."""
    return catalog().create(use, settings, "suite")
