"""Keys, completions, trials and runs to test the store with."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptreg.records import (
    Answer,
    Cause,
    Completion,
    Failure,
    Outcome,
    Prompt,
    Run,
    RunFacts,
    Scale,
    Scenario,
    Template,
    Trial,
)
from promptreg.store.runs import RunWriter

TEMPLATE = Template("basic", "v1", "format", "Judge {what}.")
SCALES = (
    Scale("in_range", kind="binary", margin=0.05),
    Scale("latency", kind="count", unit="s", high=float("inf"), direction="lower_is_better"),
)
FACTS = RunFacts(
    suite="home",
    template="basic",
    label="v1",
    template_sha256=TEMPLATE.sha256,
    fingerprints={"scenarios": "abc", "parser": "1"},
    partial=False,
    synthetic=False,
    provider="recorded",
    created_at="2026-01-02T03:04:05Z",
    source="templates/basic.v1.txt",
)


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def keys(count: int) -> list[str]:
    return [key(number) for number in range(count)]


def names(folder: Path) -> list[str]:
    """What lies in a folder, sorted."""
    return sorted(entry.name for entry in folder.iterdir())


def completion(name: str) -> Completion:
    """The completion a fixed model would give for a key."""
    return Completion(
        text=f'{{"risk_score": {int(name[:4], 16) % 101}, "summary": "{name[:12]} ünï"}}',
        finish="stop",
        model="nemotron",
        prompt_tokens=int(name[4:7], 16),
        completion_tokens=None,
        latency_s=int(name[7:10], 16) / 1000,
        raw=f"raw {name}",
        extra={"slot": 1},
    )


Contributions = dict[str, tuple[float | None, Outcome]]


def trials(count: int, repeats: int = 2, seed: int = 1) -> Iterator[tuple[Trial, Contributions]]:
    """Trials of which some failed, some have gaps, and one in ten does not apply."""
    rng = random.Random(seed)
    for number in range(count):
        scenario = Scenario(
            f"s{number:05d}",
            {"what": number},
            attributes={"type": rng.choice(["threat", "benign"])} if number % 5 else {},
            family=f"f{number // 2}",
        )
        for repeat in range(repeats):
            yield _trial(scenario, repeat, rng)


def _trial(scenario: Scenario, repeat: int, rng: random.Random) -> tuple[Trial, Contributions]:
    fields = {"risk_score": rng.randrange(101), "summary": "a person at the door"}
    trial = Trial(TEMPLATE, scenario, repeat, Prompt(f"Judge {scenario.id}."))
    sort = rng.randrange(10)
    latency = rng.randrange(1, 4000) / 1000
    done = Completion(f"<think>hm</think>{fields}", model="nemotron", latency_s=latency)
    if sort == 0:
        trial.failure = Failure(Cause.CONNECT, "connection refused", attempts=3, duration_s=1.5)
        return trial, {"in_range": (None, Outcome.GAP), "latency": (None, Outcome.GAP)}
    trial.completion = done
    if sort == 1:
        trial.failure = Failure(Cause.UNPARSEABLE, "no object in the text")
        return trial, {"in_range": (0.0, Outcome.FAILED), "latency": (None, Outcome.FAILED)}
    trial.answer = trial.effective = Answer(fields, thinking="hm", findings=("text around",))
    trial.scores["latency"] = SCALES[1].score(latency)
    if sort == 2:
        trial.scores["in_range"] = SCALES[0].unscored("no risk range")
        return trial, {"in_range": (None, Outcome.GAP), "latency": (latency, Outcome.SCORED)}
    if sort == 3:
        na = (None, Outcome.NOT_APPLICABLE)
        return trial, {"in_range": na, "latency": (latency, Outcome.SCORED)}
    trial.scores["in_range"] = SCALES[0].score(float(rng.random() < 0.8))
    score = 1.0 if rng.random() < 0.8 else 0.0
    return trial, {"in_range": (score, Outcome.SCORED), "latency": (latency, Outcome.SCORED)}


def write_run(
    root: Path,
    rows: Sequence[tuple[Trial, Contributions]],
    facts: RunFacts = FACTS,
    repeats: int = 2,
) -> Run:
    with RunWriter(root, facts, repeats, SCALES, attributes=["type"]) as writer:
        for trial, contributions in rows:
            writer.add(trial, contributions, key="k")
        return writer.finish()
