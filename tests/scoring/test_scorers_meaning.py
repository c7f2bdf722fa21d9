"""Scorers that compare meanings: with an embedder of words, and with a real model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import promptreg_plugins
import promptreg_providers
import promptreg_scorers
import word_embedder
from promptreg import BatchScorer, Embedder, Score, Trial, Unscored
from promptreg.contracts.services import FakeServices
from promptreg.discovery import load_plugins
from promptreg.errors import SuiteError
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.pipeline.rescore import rescore
from recorded_suite import write_recorded
from scoring_makers import make, scenario, trial
from suite_factory import answer_text, good_score
from word_embedder import ASKED, WordEmbedder


class Words(FakeServices):
    """Services with an embedder."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        super().__init__()
        self.made = embedder or WordEmbedder(256)
        self.batches: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(list(texts))
        return self.made.embed(texts)


def asked(
    use: str, trials: Sequence[Trial], services: Words | None = None, **given: Any
) -> list[Score | Unscored]:
    scorer: Any = make(use, **given)
    assert isinstance(scorer, BatchScorer)
    made = asyncio.run(scorer.score_batch(trials, services or Words()))
    return list(made)  # type: ignore[arg-type]  # these have one scale


def value(of: Score | Unscored) -> float:
    assert isinstance(of, Score), of
    return of.value


def said(reasoning: Any, expected: Any = "a courier leaves a parcel") -> Trial:
    return trial({"reasoning": reasoning}, expected_summary=expected)


def test_similarity_is_the_cosine_of_both_texts() -> None:
    texts = ["a courier leaves a parcel", "a courier rings", "two men fight loudly", " "]
    found = [value(s) for s in asked("similarity", [said(t) for t in texts])]
    assert found[0] == pytest.approx(1, abs=1e-6)
    first, second = WordEmbedder(256).embed(["a courier rings", "a courier leaves a parcel"])
    assert found[1] == pytest.approx(float(first @ second))
    assert found[0] > found[1] > found[2]
    assert found[3] == 0


def test_each_text_is_embedded_once_and_all_together() -> None:
    services = Words()
    asked("similarity", [said("one"), said("two"), said("one"), said("")], services)
    assert services.batches == [["one", "a courier leaves a parcel", "two"]]
    asked("similarity", [said("")], services)
    assert len(services.batches) == 1


def test_what_similarity_cannot_read() -> None:
    scorer = make("similarity")
    scale = scorer.scales[0]
    assert (scale.low, scale.high) == (-1, 1)
    assert scorer.worst(scenario(expected_summary="x"), scale) == 0
    assert scorer.worst(scenario(expected_summary=3), scale) is None
    for truth in ({}, {"expected_summary": None}, {"expected_summary": " "}):
        assert not scorer.applies(scenario(**truth), scale)
    found = asked("similarity", [said(["x"]), said("x", 3)])
    assert isinstance(found[0], Score)
    assert (found[0].value, found[0].note) == (0, "reasoning is ['x'], no text")
    assert isinstance(found[1], Unscored)
    assert found[1].reason == "expected_summary is 3; allowed: a text"


def test_key_points_are_found_in_other_words() -> None:
    points = ["big red parcel", "night"]

    def of(reasoning: str, threshold: float = 0.5) -> Score:
        one = trial({"reasoning": reasoning, "summary": "x"}, key_points=points)
        (found,) = asked("semantic_key_points", [one], threshold=threshold)
        assert isinstance(found, Score)
        return found

    assert of("A Big Red Parcel at NIGHT").value == 1
    near = of("It is a fine day. A red and big parcel! Nobody there")
    assert near.value == 0.5
    assert near.note.startswith("missing: night (0.")
    assert of("A red and big parcel", threshold=0.99).value == 0
    assert of("").note == "missing: big red parcel (0.05), night (0.04)" or of("").value == 0


def test_what_is_said_in_the_same_words_is_not_embedded() -> None:
    services = Words()
    one = trial({"reasoning": "a parcel"}, key_points=["parcel"])
    assert value(asked("semantic_key_points", [one], services)[0]) == 1
    assert services.batches == []


def test_what_semantic_key_points_cannot_read() -> None:
    scorer = make("semantic_key_points")
    assert not scorer.applies(scenario(key_points=[]), scorer.scales[0])
    odd = trial({"reasoning": "x"}, key_points="parcel")
    endless = trial({"reasoning": ". ".join(f"no {i}" for i in range(300))}, key_points=["parcel"])
    found = asked("semantic_key_points", [odd, endless])
    reasons = [s.reason for s in found if isinstance(s, Unscored)]
    assert reasons == [
        "key_points is 'parcel'; allowed: a list of texts",
        "the answer has more than 200 sentences",
    ]
    with pytest.raises(SuiteError, match="threshold is 0"):
        make("semantic_key_points", threshold=0)


SCORERS = [
    {"use": "similarity", "truth": "label"},
    {"use": "semantic_key_points", "threshold": 0.6},
]


def project(folder: Path, embedder: Mapping[str, Any] | None) -> Project:
    def answer(name: str, version: str) -> str:
        about = "A dog barks" if version == "v2" else "The package is at the door"
        return answer_text(good_score(name), about)

    more: dict[str, Any] = {"embedder": dict(embedder)} if embedder else {}
    write_recorded(folder, answer, n=40, gate={"margins": {}}, scorers=SCORERS, **more)
    path = folder / "scenarios.jsonl"
    text = path.read_text("utf-8").replace(
        '{"risk_range"', '{"label": "package at the door", "risk_range"'
    )
    path.write_text(text, "utf-8")
    ASKED.clear()
    plugins = [promptreg_providers, promptreg_scorers, promptreg_plugins, word_embedder]
    return open_project(str(folder / "promptreg.yaml"), load_plugins(plugins, entry_points=False))


def test_a_whole_comparison_embeds_each_text_once(tmp_path: Path) -> None:
    opened = project(tmp_path, {"use": "words"})
    found = compare(opened, "v1", "v2", Options())
    lines = {d.metric: d for d in found.differences if d.slice is None}
    assert lines["similarity"].verdict == "regressed"
    assert lines["semantic_key_points"].verdict == "regressed"
    assert len(ASKED) == len(set(ASKED))
    assert len([text for text in ASKED if not text.startswith("person ")]) == 6
    asked_then = len(ASKED)
    rescore(opened, next(iter(found.candidate.run_ids.values())), Options())
    assert len(ASKED) == asked_then


def test_another_embedder_makes_runs_incomparable(tmp_path: Path) -> None:
    prints = []
    for k, dimensions in enumerate((64, 128)):
        opened = project(tmp_path / str(k), {"use": "words", "dimensions": dimensions})
        prints.append(compare(opened, "v1", "v2", Options()).baseline.fingerprints["scorers"])
    assert prints[0] != prints[1]


def test_a_suite_without_an_embedder_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no embedder is named"):
        compare(project(tmp_path, None), "v1", "v2", Options())


@pytest.mark.heavy
@pytest.mark.xdist_group("heavy")
def test_a_real_model_tells_what_is_alike() -> None:
    from promptreg_plugins.embedders.sentence_transformers import SentenceTransformersEmbedder

    services = Words(SentenceTransformersEmbedder("minilm", threads=1))
    texts = [
        "A delivery driver puts a package on the porch",
        "A cat walks over the lawn",
        "Two men break the back door",
    ]
    found = [value(s) for s in asked("similarity", [said(t) for t in texts], services)]
    print("cosines", found)
    assert found[0] > 0.5 > 0.3 > max(found[1:])
    one = trial(
        {"reasoning": "It is late. A delivery man leaves a package.", "summary": "Nothing odd"},
        key_points=["courier with a parcel", "night", "burglar with a crowbar"],
    )
    plain = make("key_points").score(one)
    assert isinstance(plain, Score)
    (semantic,) = asked("semantic_key_points", [one], services)
    print("points", semantic)
    assert plain.value == 0
    assert value(semantic) > 0.3
    assert "burglar with a crowbar" in getattr(semantic, "note", "")
