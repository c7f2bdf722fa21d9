"""One trial as a row of the run's table, and as what the run's id depends on."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from promptreg.records import Score, Trial
from promptreg.store.trial_table import json_text

__all__ = ["TrialRow", "trial_row"]

_NO_FAILURE: tuple[Any, ...] = (None, None, None, None)


class TrialRow(NamedTuple):
    """One trial, taken apart.

    Attributes:
        cells: the values of `trial_table.BASE`.
        content: what the run's id depends on, apart from the text and the scores. How long a
            failure took, how many attempts there were and whether the completion came from the
            store say nothing about the content: a run read whole from the store has the id of
            the run that filled it.
        cause: why it failed; empty where it did not.
        cached: whether its completion came from the store.
        called: whether a call was made.
        characters: of the long texts.
    """

    cells: tuple[Any, ...]
    content: tuple[Any, ...]
    cause: str
    cached: bool
    called: bool
    characters: int


def trial_row(trial: Trial, key: str) -> TrialRow:
    """Return a trial's row.

    Raises:
        StoreError: its answer cannot be written as JSON.
    """
    scenario, prompt = trial.scenario, trial.prompt
    completion, failure, answer = trial.completion, trial.failure, trial.answer
    sha256 = hashlib.sha256(prompt.text.encode("utf-8", "surrogatepass")).hexdigest()
    text = completed = None
    cached = called = False
    attempts, characters = 0, len(prompt.text)
    if completion is not None:
        text = completion.text
        completed = (
            completion.finish,
            completion.model,
            completion.latency_s,
            completion.prompt_tokens,
            completion.completion_tokens,
            completion.cost,
        )
        cached, attempts = completion.cached, completion.attempts
        called = not cached
        characters += len(text)
    cause, failed = "", _NO_FAILURE
    if failure is not None:
        cause = failure.cause.value
        failed = (cause, failure.detail, failure.status, failure.duration_s)
        if completion is None:
            attempts = failure.attempts
            called = attempts > 0
    answered = _answered(trial)
    cells = (
        scenario.id,
        scenario.family,
        trial.repeat,
        key or None,
        prompt.text,
        sha256,
        text,
        answer.thinking or None if answer is not None else None,
        *(completed or (None,) * 6),
        cached,
        attempts,
        *failed,
        *answered,
        _votes(trial),
    )
    content = (
        scenario.id,
        scenario.family,
        trial.repeat,
        sha256,
        prompt.images,
        completed,
        cause,
        failed[2],
    )
    return TrialRow(cells, content, cause, cached, called, characters)


def _votes(trial: Trial) -> str | None:
    """Return the opinions behind scores that have any, as JSON."""
    found = {}
    for name, score in trial.scores.items():
        if type(score) is Score and score.votes:
            votes = [[None if v != v else v for v in judge] for judge in score.votes]
            found[name] = {"votes": votes, "note": score.note} if score.note else {"votes": votes}
    return json_text(found, trial.scenario.id) if found else None


def _answered(trial: Trial) -> tuple[Any, ...]:
    """Return answer and findings, effective answer and its rules."""
    answer, effective = trial.answer, trial.effective
    fields = effective_fields = None
    if answer is not None:
        fields = json_text(answer.fields, trial.scenario.id)
    if effective is not None:
        # The rules change few answers: most effective answers need no JSON of their own.
        same = answer is not None and not effective.rules and effective.fields == answer.fields
        effective_fields = fields if same else json_text(effective.fields, trial.scenario.id)
    return (
        fields,
        answer.findings if answer is not None else (),
        effective_fields,
        effective.rules if effective is not None else (),
    )
