"""The provider `detector`: settings, identity, a team's own pipeline, and reading model outputs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fault_server import FaultServer, ok
from promptreg import Call, Prompt
from promptreg.errors import CallError, DataError, UsageError
from promptreg.records import Cause
from promptreg_providers.detector.candidates import answer_of
from promptreg_providers.detector.decoders import DECODERS
from promptreg_providers.detector.labels import COCO

Image = pytest.importorskip("PIL.Image", reason="images need Pillow (extra 'vision')")
from promptreg_providers.detector import Detector  # noqa: E402 - after the check for Pillow

TESTS = str(Path(__file__).parents[1])


@pytest.fixture
def lamp(tmp_path: Path) -> str:
    picture = Image.new("RGB", (60, 40), (20, 20, 20))
    picture.paste((255, 255, 255), (10, 5, 30, 25))
    picture.save(tmp_path / "lamp.png")
    return str(tmp_path / "lamp.png")


def pipeline(name: str, **settings: Any) -> Detector:
    return Detector("python", TESTS, function=f"detector_pipeline:{name}", **settings)


def call(image: str, text: str = "{}") -> Call:
    return Call(Prompt(text, (image,)), key="k", scenario_id="s1")


async def answer(provider: Detector, asked: Call) -> Any:
    try:
        return json.loads((await provider.complete(asked)).text)
    finally:
        await provider.aclose()


async def test_a_teams_own_function_answers(lamp: str) -> None:
    found = await answer(pipeline("brightest", options={"label": "torch"}), call(lamp))
    assert found == {"detections": [{"label": "torch", "confidence": 0.9, "bbox": [10, 5, 20, 20]}]}
    found = await answer(pipeline("enriched"), call(lamp, "look closely"))
    assert found["description"] == "asked: look closely"


@pytest.mark.parametrize(
    ("name", "cause", "why"),
    [
        ("broken", Cause.PLUGIN, "raised RuntimeError: no GPU left"),
        ("crashes", Cause.PLUGIN, "the worker process died"),
        ("nonsense", Cause.INVALID, "returned a str; allowed: a dict or a list"),
        ("hangs", Cause.TIMEOUT, "no answer within 1 s"),
    ],
)
async def test_a_pipeline_that_fails_fails_the_call(
    name: str, cause: Cause, why: str, lamp: str
) -> None:
    provider = pipeline(name)
    if cause is Cause.TIMEOUT:  # the others take as long as Python needs to start
        provider.limits(connect_s=1, read_s=1, connections=1)
    with pytest.raises(CallError, match=why) as caught:
        await answer(provider, call(lamp))
    assert caught.value.cause == cause


async def test_a_function_that_is_not_there_shows_before_the_first_call() -> None:
    provider = pipeline("no_such")
    probe = await provider.probe()
    await provider.aclose()
    assert not probe.ready
    assert "has no function 'no_such'" in probe.detail


def test_identity_follows_every_file_that_shapes_answers(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def find(path, prompt): return []\n")
    (tmp_path / "weights.bin").write_bytes(b"1")

    def identity() -> Any:
        settings: dict[str, Any] = {"function": "mine:find", "files": ["weights.bin"]}
        return Detector("python", str(tmp_path), **settings).identity()

    first = identity()
    assert len(first["sha256"]) == 2
    assert identity() == first
    (tmp_path / "weights.bin").write_bytes(b"2")
    assert identity() != first
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(DataError, match=r"weights\.bin cannot be read"):
        identity()


async def test_a_pipeline_behind_an_address(lamp: str) -> None:
    said = {"detections": [{"label": "person", "confidence": 0.5, "bbox": [1, 2, 3, 4]}]}
    async with FaultServer(ok(json.dumps(said).encode())) as server:
        provider = Detector("http", url=f"{server.url}/detect")
        assert await answer(provider, call(lamp, "find people")) == said
    sent = server.requests[0]
    assert sent.path == "/detect"
    assert base64.b64decode(sent.json["image"]) == Path(lamp).read_bytes()
    assert (sent.json["media_type"], sent.json["prompt"]) == ("image/png", "find people")


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"engine": "onnx"}, "path: needed with engine 'onnx'"),
        ({"engine": "python"}, "function: needed"),
        ({"engine": "http"}, "url: needed"),
        ({"engine": "http", "url": "ftp://x"}, "url: found"),
        ({"engine": "python", "function": "os"}, "allowed: module:function"),
        ({"engine": "python", "function": "no_such_module_x:f"}, "no module no_such_module_x"),
        ({"engine": "python", "function": "json:loads", "model": {"a": 1}}, "has no meaning"),
        ({"engine": "onnx", "path": "m.onnx"}, r"model\.decoder: needed; allowed: yolo, boxes"),
        (
            {"engine": "onnx", "path": "m.onnx", "model": {"decoder": "ssd"}},
            "model.decoder is 'ssd'; allowed: yolo, boxes, nanodet",
        ),
        (
            {"engine": "onnx", "path": "m", "model": {"decoder": "yolo", "size": [640]}},
            "two whole numbers from 16",
        ),
        (
            {"engine": "onnx", "path": "m", "model": {"decoder": "yolo", "std": [0, 1, 1]}},
            "three numbers",
        ),
        ({"engine": "opencv_hog", "model": {"stride": 3}}, "allowed: 4, 8, 16"),
        ({"engine": "opencv_hog", "min_confidence": 2}, "min_confidence is 2; allowed: 0 to 1"),
        ({"engine": "opencv_hog", "workers": 0}, "workers is 0"),
        ({"engine": "http", "url": "http://h", "images": {"max": 1}}, "images.max is unknown"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Detector(**settings)


def test_decoders_read_what_the_families_mean() -> None:
    size = (64, 32)
    row = np.zeros((1, 6, 9), np.float32)  # 4 sides + 2 classes, 9 candidates
    row[0, :, 3] = [20, 10, 8, 4, 0.1, 0.9]
    ends, confidences, classes = DECODERS["yolo"]([row], size, 0.5)
    assert (ends.tolist(), classes.tolist()) == ([[16, 8, 24, 12]], [1])
    assert confidences == pytest.approx([0.9])
    turned = DECODERS["yolo"]([row.transpose(0, 2, 1)], size, 0.5)
    assert turned[0].tolist() == ends.tolist()
    whole = np.array([[[1, 2, 3, 4, 0.7, 5], [0, 0, 1, 1, 0.1, 2]]], np.float32)
    ends, confidences, classes = DECODERS["boxes"]([whole], size, 0.5)
    assert (ends.tolist(), classes.tolist()) == ([[1, 2, 3, 4]], [5])
    # Stride 8 on 64 x 32: 8 x 4 places; place 10 is column 2, row 1; all sides one stride away.
    scores, sides = np.zeros((1, 32, 3), np.float32), np.zeros((1, 32, 32), np.float32)
    scores[0, 10, 2] = 0.8
    sides[0, 10, 1::8] = 50
    ends, confidences, classes = DECODERS["nanodet"]([scores, sides], size, 0.5)
    assert ends.round(3).tolist() == [[11.5, 3.5, 27.5, 19.5]]
    assert classes.tolist() == [2]
    for name, output in (("yolo", whole[0]), ("boxes", row), ("nanodet", scores)):
        with pytest.raises(ValueError, match="output"):
            DECODERS[name]([output], size, 0.5)
    assert len(COCO) == 80


def test_the_answer_holds_each_thing_once_and_inside_the_picture() -> None:
    candidates = [
        ("car", 0.9, 10.0, 10.0, 30.0, 30.0),
        ("car", 0.8, 11.0, 10.0, 31.0, 30.0),  # the same car
        ("dog", 0.8, 11.0, 10.0, 31.0, 30.0),
        ("car", 0.7, 90.0, -5.0, 120.0, 20.0),  # reaches beyond the edge
        ("car", 0.6, 200.0, 0.0, 220.0, 20.0),  # is not in the picture
        ("car", 0.1, 50.0, 50.0, 60.0, 60.0),
    ]
    found = answer_of(candidates, (100, 80), 0.25, 0.5)
    assert [(d["label"], d["confidence"], d["bbox"]) for d in found["detections"]] == [
        ("car", 0.9, [10, 10, 20, 20]),
        ("dog", 0.8, [11, 10, 20, 20]),
        ("car", 0.7, [90, 0, 10, 20]),
    ]
    assert (found["image_width"], found["image_height"]) == (100, 80)


async def test_a_detector_looks_at_one_image(lamp: str) -> None:
    provider = pipeline("brightest")
    with pytest.raises(UsageError, match="scenario 's1' has 2 images"):
        await provider.complete(Call(Prompt("{}", (lamp, lamp)), scenario_id="s1"))
