"""Searching scenarios: what is embedded once is kept, and what is wrong is said."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import word_embedder
from promptreg import Embedder
from promptreg.cli.app import run as promptreg
from promptreg.contracts import check_embedder
from promptreg.discovery import load_plugins
from promptreg.errors import DataError, PluginError, StoreError, SuiteError
from promptreg.pipeline.embed import embed, search
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.pipeline.validate import check
from promptreg.testing import EmbedderContract
from word_embedder import ASKED, WordEmbedder

SUITE = """
suite: door
scenarios: scenarios.json
attributes: [kind]
templates: {t: {versions: {v1: t.txt}}}
provider: {use: scripted}
"""
TEXTS = {
    "fox": "a fox runs around the hen house",
    "cat": "a cat runs over the lawn",
    "thief": "a man breaks the door with a crowbar",
    "child": "a child opens the door with a key",
}


def _project(folder: Path, embedder: str = "embedder: {use: words}") -> Project:
    rows = [{"id": k, "kind": "x", "seen": v, "stamp": "12:00"} for k, v in TEXTS.items()]
    (folder / "scenarios.json").write_text(json.dumps(rows), "utf-8")
    (folder / "t.txt").write_text("{seen}", "utf-8")
    (folder / "promptreg.yaml").write_text(f"{SUITE}{embedder}\n", "utf-8")
    ASKED.clear()
    return open_project(str(folder / "promptreg.yaml"), load_plugins([word_embedder]))


class TestWords(EmbedderContract):
    def make(self) -> Embedder:
        return WordEmbedder()


def test_validate_and_doctor_look_at_the_embedder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing packages cost no verdict; a wrong setting is a mistake."""

    def found(project: Project) -> list[tuple[str, str]]:
        return [(f.level, f.message) for f in check(project).findings if f.code == "embedder"]

    assert found(_project(tmp_path)) == []
    ((level, said),) = found(_project(tmp_path, "embedder: {use: words, text: [gone]}"))
    assert (level, "gone" in said) == ("error", True)
    ((level, said),) = found(_project(tmp_path, "embedder: {use: wrods}"))
    assert (level, "did you mean 'words'" in said) == ("error", True)
    module = "promptreg_plugins.embedders.sentence_transformers.find_spec"
    monkeypatch.setattr(module, lambda name: None)
    ((level, said),) = found(_project(tmp_path, "embedder: {use: sentence_transformers}"))
    assert (level, "pip install" in said) == ("warning", True)
    assert promptreg(["doctor", "-c", str(tmp_path / "promptreg.yaml"), "--json"]) == 2
    checks = json.loads(capsys.readouterr().out)
    (told,) = [c for c in checks if c["check"] == "embedder"]
    assert "pip install" in told["detail"]


def test_the_scenario_that_shares_most_words_comes_first(tmp_path: Path) -> None:
    found = search(_project(tmp_path), "door crowbar", Options(), 3)
    assert [f.scenario.id for f in found][:2] == ["thief", "child"]
    assert found[0].cosine > found[1].cosine > found[2].cosine
    assert found[0].text == TEXTS["thief"]  # no attribute, no time stamp


def test_a_second_search_embeds_the_question_alone(tmp_path: Path) -> None:
    project = _project(tmp_path)
    search(project, "door", Options(), 1)
    assert sorted(ASKED) == sorted(["door", *TEXTS.values()])
    ASKED.clear()
    search(project, "lawn", Options(), 1)
    assert ASKED == ["lawn"]


def test_another_model_gets_vectors_of_its_own(tmp_path: Path) -> None:
    search(_project(tmp_path), "door", Options(), 1)
    search(_project(tmp_path, "embedder: {use: words, dimensions: 32}"), "door", Options(), 1)
    assert len(ASKED) == 5


def test_filters_narrow_what_is_searched(tmp_path: Path) -> None:
    project = _project(tmp_path)
    assert search(project, "door", Options(filters={"kind": ["x"]}), 9)
    with pytest.raises((DataError, SuiteError), match="kind"):
        search(project, "door", Options(filters={"kind": ["y"]}), 9)


def test_batches_that_came_through_are_kept(tmp_path: Path) -> None:
    project = _project(tmp_path)
    texts = [f"text number {i}" for i in range(600)]
    with pytest.raises(RuntimeError, match="fell over"):
        embed(project, texts, WordEmbedder(fail_after=256))
    assert len(ASKED) == 256
    done: list[int] = []
    vectors = embed(project, texts, WordEmbedder(), done.append)
    assert len(ASKED) == 600
    assert done == [256, 256, 88]
    assert vectors.shape == (600, 64)
    assert vectors[5] == pytest.approx(WordEmbedder().embed([texts[5]])[0], abs=1e-6)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (np.ones((1, 3)), "shape"),
        (np.ones(4), "shape"),
        (np.ones((2, 3)), "length is not 1"),
        (np.full((2, 3), np.nan), "length is not 1"),
    ],
)
def test_vectors_that_break_the_contract_are_refused(
    returned: NDArray[Any], said: str, tmp_path: Path
) -> None:
    class Wrong(Embedder):
        def identity(self) -> Mapping[str, Any]:
            return {}

        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return returned

    with pytest.raises(PluginError, match=said):
        embed(_project(tmp_path), ["one", "two"], Wrong())
    assert check_embedder(Wrong())


def test_a_suite_without_embedder_is_told_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"no embedder is named; add.*words"):
        search(_project(tmp_path, ""), "door", Options(), 1)


def test_a_column_that_does_not_exist_is_named(tmp_path: Path) -> None:
    project = _project(tmp_path, "embedder: {use: words, text: [sen]}")
    with pytest.raises(SuiteError, match=r"no scenario has 'sen'.*seen"):
        search(project, "door", Options(), 1)


def test_a_scenario_without_text_is_named(tmp_path: Path) -> None:
    project = _project(tmp_path)
    (tmp_path / "scenarios.json").write_text(
        '[{"id": "a", "kind": "x", "seen": "a b"}, {"id": "mute", "kind": "x", "seen": "c"}]'
    )
    with pytest.raises(DataError, match="'mute' has no text"):
        search(project, "door", Options(), 1)


def test_a_damaged_store_of_vectors_may_be_deleted(tmp_path: Path) -> None:
    project = _project(tmp_path)
    project.store.mkdir()
    (project.store / "vectors.sqlite").write_bytes(b"no database, " * 300)
    with pytest.raises(StoreError, match="delete it"):
        search(project, "door", Options(), 1)


def test_a_vector_cut_short_is_made_again(tmp_path: Path) -> None:
    project = _project(tmp_path)
    embed(project, ["door"])
    with sqlite3.connect(project.store / "vectors.sqlite") as connection:
        connection.execute("UPDATE vectors SET vector = x'00'")
    ASKED.clear()
    assert embed(project, ["door"]).shape == (1, 64)
    assert ASKED == ["door"]
