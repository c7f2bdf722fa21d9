"""Vectors frozen with generated scenarios: written, checked, and used instead of computed ones."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import promptreg_plugins
import promptreg_providers
import word_embedder
from promptreg.discovery import Plugins, load_plugins
from promptreg.errors import PluginError, SuiteError
from promptreg.pipeline.embed import embed, scenario_texts, search
from promptreg.pipeline.fixtures import check_fixture
from promptreg.pipeline.generate import generate, open_generation
from promptreg.pipeline.project import Options, Project, open_project
from promptreg.stages.nearest import alike
from promptreg.store.fixture import MANIFEST, read_manifest
from promptreg.store.fixture.manifest import file_facts
from word_embedder import ASKED, WordEmbedder

GENERATE: dict[str, Any] = {"use": "grid", "size": 60, "seed": 3, "strength": 2}
SUITE: dict[str, Any] = {
    "suite": "door",
    "scenarios": "fixtures/scenarios.parquet",
    "templates": {"t": {"versions": {"v1": "t.txt"}}},
    "provider": {"use": "scripted"},
    "embedder": {"use": "words", "text": ["detections_list"]},
}


def plugins() -> Plugins:
    return load_plugins([promptreg_plugins, promptreg_providers, word_embedder], entry_points=False)


def write(folder: Path, *, suite: dict[str, Any] | None = None, **section: Any) -> Path:
    """Write a suite that generates its scenarios; None among the keys leaves one out."""
    folder.mkdir(exist_ok=True)
    keys = SUITE | {"generate": GENERATE | section} | (suite or {})
    path = folder / "promptreg.yaml"
    path.write_text(json.dumps({k: v for k, v in keys.items() if v is not None}), "utf-8")
    (folder / "t.txt").write_text("{detections_list}", "utf-8")
    return path


def made(folder: Path, **section: Any) -> Path:
    """Generate, and return the fixture's folder."""
    path = write(folder, **section)
    ASKED.clear()
    generate(open_generation(str(path), plugins=plugins()))
    return folder / "fixtures"


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("usual")
    made(folder)
    return folder


@pytest.fixture
def ready(usual: Path, tmp_path: Path) -> Path:
    """A folder in which the usual set was generated."""
    return shutil.copytree(usual, tmp_path / "ready")


def opened(folder: Path) -> Project:
    return open_project(str(folder / "promptreg.yaml"), plugins())


def forget(folder: Path) -> None:
    """Remove the run store, so that only the fixture knows vectors."""
    (folder / ".promptreg" / "vectors.sqlite").unlink()
    ASKED.clear()


def test_rows_of_the_file_are_those_of_the_scenarios(ready: Path) -> None:
    folder = ready / "fixtures"
    vectors = np.load(folder / "embeddings.npy", allow_pickle=False)
    project = opened(ready)
    texts = scenario_texts(project, project.every_scenario())
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(WordEmbedder().embed(texts), abs=1e-6)
    manifest = read_manifest(folder)
    assert manifest is not None
    facts = dict(manifest.embeddings)
    assert (facts.pop("rows"), facts.pop("dimensions"), facts.pop("dtype")) == (60, 64, "float32")
    assert facts.pop("identity") == {"dimensions": 64}
    assert facts.pop("text") == ["detections_list"]
    assert len(str(facts.pop("texts_sha256"))) == 64
    assert facts == {"use": "words", "owner": "word_embedder"}
    assert {"embeddings.npy", "coverage_map.svg"} <= set(manifest.files)


def test_other_files_do_not_depend_on_the_embedder(tmp_path: Path) -> None:
    with_vectors = made(tmp_path / "with")
    again = made(tmp_path / "again")
    without = made(tmp_path / "without", suite={"embedder": None})
    for name in ("scenarios.parquet", "ground_truth.json"):
        assert (with_vectors / name).read_bytes() == (without / name).read_bytes()
    for name in ("embeddings.npy", "coverage.json", "coverage.md", "coverage_map.svg"):
        assert (with_vectors / name).read_bytes() == (again / name).read_bytes()
    manifest = read_manifest(without)
    assert manifest is not None
    assert manifest.embeddings == {}
    assert "embeddings" not in json.loads((without / MANIFEST).read_text("utf-8"))


def test_near_duplicates_by_embedding_stand_beside_those_by_words(tmp_path: Path) -> None:
    folder = made(tmp_path, near_duplicate_cosine=0.8)
    coverage = json.loads((folder / "coverage.json").read_text("utf-8"))
    near = coverage["near_duplicates_by_embedding"]
    vectors = np.load(folder / "embeddings.npy").astype(np.float64)
    cosines = np.round(vectors @ vectors.T, 4)
    i, j = np.nonzero(np.triu(cosines >= 0.8, k=1))
    assert near["pairs"] == len(i) > 0
    assert near["scenarios"] == len({*i.tolist(), *j.tolist()})
    assert near["at_least"] == 0.8
    first, second, cosine = near["most_alike"][0]
    assert cosine == pytest.approx(max(cosines[i, j]), abs=2e-4)
    assert first < second
    page = (folder / "coverage.md").read_text("utf-8")
    assert "## Likeness by embedding" in page
    assert f"| {first} | {second} | {cosine:.3f} |" in page
    assert coverage["near_duplicates"]["at_least"] == 0.8  # those by words are still there


def test_pairs_are_found_across_blocks_and_listed_up_to_a_number() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(2500, 8)).astype(np.float32)
    vectors[2400] = vectors[10]
    vectors[1500] = vectors[10]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = alike(vectors, 0.9999, 2)
    assert (found.pairs, found.touched) == (3, 3)
    assert found.most == ((10, 1500, 1.0), (10, 2400, 1.0))
    assert alike(vectors[:0], 0.9, 5).pairs == 0


def test_the_map_is_one_picture_that_loads_nothing_and_escapes_everything(tmp_path: Path) -> None:
    attributes = {"kind": ["<script>alert(1)</script>", "]]>&\u202e", "plain"], "n": [1, 2]}
    folder = made(
        tmp_path,
        suite={"embedder": {"use": "words", "text": ["kind"]}},
        recipe="plain",
        attributes=attributes,
        size=12,
        map_by="kind",
    )
    text = (folder / "coverage_map.svg").read_text("utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert [e for e in root.iter() if e.tag.endswith("script")] == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    words = " ".join(root.itertext())
    assert "<script>alert(1)</script> 4" in words
    assert "\u202e" not in words
    marks = [e for e in root.iter() if "kind" in e.get("class", "").split()]
    assert len(marks) == 12 + 3  # scenarios, and the legend
    assert len({e.get("class") for e in marks}) == 3
    assert len({e.tag for e in marks}) > 1  # shapes, not colour alone


def test_a_search_and_a_map_use_the_vectors_of_the_fixture(ready: Path) -> None:
    forget(ready)
    found = search(opened(ready), "person at the door", Options(), 3)
    assert len(found) == 3
    assert ASKED == ["person at the door"]
    forget(ready)
    project = opened(ready)
    some = project.scenarios(Options(limit=7))
    vectors = embed(project, scenario_texts(project, some))
    assert ASKED == []
    assert vectors == pytest.approx(WordEmbedder().embed(scenario_texts(project, some)), abs=1e-6)


@pytest.mark.parametrize(
    "suite",
    [
        {"embedder": {"use": "words", "text": ["detections_list"], "dimensions": 32}},
        {"embedder": {"use": "words", "text": ["scenario_type"]}},
    ],
)
def test_vectors_of_another_model_or_other_texts_are_not_used(
    ready: Path, suite: dict[str, Any]
) -> None:
    forget(ready)
    write(ready, suite=suite)
    search(opened(ready), "door", Options(), 1)
    assert len(ASKED) > 1


def test_damaged_vectors_are_computed_again_and_validate_says_so(ready: Path) -> None:
    folder = ready / "fixtures"
    forget(ready)
    path = folder / "embeddings.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    search(opened(ready), "door", Options(), 1)
    assert len(ASKED) > 1
    assert [f.code for f in check_fixture(opened(ready))] == ["fixture-changed"]


def npy(array: Any, *, pickled: bool = False) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=pickled)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npy(np.ones((60, 64), dtype=np.float32)), "row 0 has the length 8"),
        (npy(np.full((60, 64), np.nan, dtype=np.float32)), "60 of 60"),
        (npy(np.ones((59, 64), dtype=np.float32)), r"shape \(59, 64\)"),
        (npy(np.ones((60, 32))), "float64"),
        (npy(np.ones((60, 64))), "are more than 60 rows"),
        (npy(np.array([{}, []], dtype=object), pickled=True), "pickle"),
        (b"\x80\x04K\x01.", "pickle"),
        (b"", "cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    ],
)
def test_a_file_that_holds_something_else_is_named_whatever_the_manifest_says(
    ready: Path, content: bytes, said: str
) -> None:
    folder = ready / "fixtures"
    path = folder / "embeddings.npy"
    path.write_bytes(content)
    facts = json.loads((folder / MANIFEST).read_text("utf-8"))
    facts["files"]["embeddings.npy"] = file_facts(path)
    (folder / MANIFEST).write_text(json.dumps(facts), "utf-8")
    (finding,) = check_fixture(opened(ready))
    assert finding.level == "error"
    assert re.search(said, finding.message)
    assert str(path) in finding.message or str(path) == finding.where
    search(opened(ready), "door", Options(), 1)  # they are computed then


@pytest.mark.parametrize(
    ("facts", "said"),
    [({"rows": 59}, "59 rows for 60 scenarios"), ({"rows": "60"}, "0 rows for 60")],
)
def test_a_manifest_that_contradicts_itself_is_named(
    ready: Path, facts: dict[str, Any], said: str
) -> None:
    folder = ready / "fixtures"
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    manifest["embeddings"] |= facts
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    (finding,) = check_fixture(opened(ready))
    assert (finding.level, finding.code) == ("error", "fixture-embeddings")
    assert said in finding.message


def test_validate_tells_of_another_embedder_and_of_one_that_was_never_asked(ready: Path) -> None:
    assert check_fixture(opened(ready)) == []
    write(ready, suite={"embedder": {"use": "words", "dimensions": 32}})
    (finding,) = check_fixture(opened(ready))
    assert (finding.level, finding.code) == ("warning", "fixture-embeddings")
    assert "another embedder" in finding.message
    made(ready / "bare", suite={"embedder": None})
    write(ready / "bare")
    (finding,) = check_fixture(opened(ready / "bare"))
    assert (finding.level, finding.code) == ("info", "fixture-embeddings")


@pytest.mark.parametrize(
    ("suite", "section", "said"),
    [
        ({}, {"map_by": "scenario_typ"}, r"map_by: 'scenario_typ' is no attribute.*scenario_type"),
        ({"embedder": None}, {"map_by": "scenario_type"}, "needs an 'embedder'"),
        ({"embedder": {"use": "wrods"}}, {}, "wrods"),
        ({}, {"near_duplicate_cosine": 0}, "near_duplicate_cosine"),
    ],
)
def test_mistakes_are_named_before_anything_is_made(
    tmp_path: Path, suite: dict[str, Any], section: dict[str, Any], said: str
) -> None:
    with pytest.raises((SuiteError, PluginError), match=said):
        made(tmp_path, suite=suite, **section)
    assert not (tmp_path / "fixtures").exists()


def test_a_file_that_only_generates_may_name_an_embedder(tmp_path: Path) -> None:
    path = tmp_path / "promptreg.yaml"
    path.write_text(json.dumps({"generate": GENERATE, "embedder": SUITE["embedder"]}), "utf-8")
    generate(open_generation(str(path), plugins=plugins()))
    assert np.load(tmp_path / "fixtures" / "embeddings.npy").shape == (60, 64)
