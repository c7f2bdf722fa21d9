"""Ground truth from pictures: asked of any provider, failures kept, confirmed by people."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from fake_model import running
from fault_server import Fault, FaultServer, Request, chat, ok, status
from promptreg.cli.app import run as promptreg

pytest.importorskip("PIL", reason="pictures need Pillow (extra 'vision')")
ANSWER: dict[str, Any] = {
    "description": "A courier at the door.",
    "detections": [{"label": "person", "bbox": [10, 5, 20, 30], "confidence": 0.9}],
    "risk_score": 12,
    "risk_level": "low",
    "reasoning": "daylight",
}


def png(shade: int, width: int = 64, height: int = 48) -> bytes:
    """Return a grey picture."""

    def part(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes([shade]) * width for _ in range(height))
    parts = (part(b"IHDR", head), part(b"IDAT", zlib.compress(rows)), part(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


class Vision(FaultServer):
    """A server of chat completions that says of every picture what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Callable[[int], Fault] = lambda n: ok(chat(json.dumps(ANSWER)))
        self.calls: list[Request] = []

    def _choose(self, request: Request) -> Fault:
        if not request.path.endswith("/chat/completions"):
            return ok(b'{"data": []}')
        self.calls.append(request)
        return self.answer(len(self.calls))


@pytest.fixture
def server() -> Iterator[Any]:
    with running(Vision()) as started:
        yield started


class Folder:
    """A suite file that makes scenarios of six pictures, and the command in its folder."""

    def __init__(self, path: Path, url: str, capsys: Any) -> None:
        self.path, self.url, self.capsys = path, url, capsys
        for i, kind in enumerate(("normal", "normal", "threat", "threat", "edge_case", "normal")):
            (path / "pics" / kind).mkdir(parents=True, exist_ok=True)
            (path / "pics" / kind / f"{i}.png").write_bytes(png(40 * i))
        self.write()

    def write(self, **keys: Any) -> None:
        provider = {
            "use": "openai_chat",
            "url": f"{self.url}/v1",
            "model": "eyes",
            "images": True,
            "retries": 0,
            "concurrency": 1,
            "timeout": 60,
        }
        generate = {"use": "images", "images": "pics", "output": "truth", "provider": provider}
        suite = {"suite": "seen", "generate": generate | keys}
        (self.path / "promptreg.yaml").write_text(json.dumps(suite), "utf-8")

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = promptreg([*arguments, "-c", str(self.path / "promptreg.yaml")])
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err

    def rows(self) -> list[dict[str, Any]]:
        return pq.read_table(self.path / "truth" / "multimodal_ground_truth.parquet").to_pylist()


@pytest.fixture
def folder(tmp_path: Path, server: Vision, capsys: pytest.CaptureFixture[str]) -> Folder:
    return Folder(tmp_path, server.url, capsys)


def test_a_vision_model_s_word_becomes_truth_that_nobody_has_confirmed(
    folder: Folder, server: Vision
) -> None:
    folder.write(prefix="nvidia_")
    code, _, err = folder("generate")
    assert code == 0, err
    rows = folder.rows()
    assert len(rows) == len(server.calls) == 6
    sent = server.calls[0].json["messages"][-1]["content"]
    assert sent[1]["image_url"]["url"].startswith("data:image/")
    row = rows[0]
    assert row["scenario_type"] == "edge_case"
    assert row["nvidia_vision_description"] == ANSWER["description"]
    assert row["nvidia_detected_objects"][0]["label"] == "person"
    assert row["nvidia_risk_assessment"]["risk_score"] == 12
    assert row["ground_truth"]["risk_range"] == [2, 22]
    assert row["ground_truth"]["expected_boxes"][0]["bbox"] == [10, 5, 20, 30]
    assert (row["image_width"], row["image_height"]) == (64, 48)
    assert row["source"] == "openai_chat fake"
    assert {r["reviewed"] for r in rows} == {False}
    assert (folder.path / "truth" / row["image_path"]).is_file()


def test_what_cannot_be_read_fails_with_its_cause(folder: Folder, server: Vision) -> None:
    far = ANSWER | {"detections": [{"label": "person", "bbox": [0, 0, 900, 9]}]}
    said = [
        ok(chat("I see nothing")),
        status(500),
        ok(chat(json.dumps(far))),
        ok(chat(json.dumps(ANSWER | {"risk_score": 400}))),
        ok(chat(json.dumps(ANSWER), finish="length")),
    ]
    server.answer = lambda n: said[n - 1] if n <= 5 else ok(chat(json.dumps(ANSWER)))
    folder.write(max_failed=0.9)
    code, _, err = folder("generate")
    assert code == 0, err
    assert len(folder.rows()) == 1
    manifest = json.loads((folder.path / "truth" / "manifest.json").read_text("utf-8"))
    reasons = " | ".join(manifest["counts"]["reasons"])
    assert manifest["counts"]["failed"] == 5
    for cause in ("no JSON object", "500", "does not lie in 64 x 48", "risk_score is 400", "cut"):
        assert cause in reasons


def test_a_spent_budget_goes_on_and_asks_nothing_twice(folder: Folder, server: Vision) -> None:
    code, _, err = folder("generate", "--budget", "2")
    assert code == 5
    assert "the same command goes on" in err
    assert len(server.calls) == 2
    assert folder("generate")[0] == 0
    assert len(server.calls) == 6
    assert len(folder.rows()) == 6


def test_a_person_s_word_stands_over_the_machine_s(folder: Folder) -> None:
    lines = [
        {"scenario_id": "threat-2", "expected_boxes": [], "risk_range": [70, 100]},
        {"scenario_id": "threat-3"},
    ]
    review = "".join(json.dumps(line) + "\n" for line in lines)
    (folder.path / "looked.jsonl").write_text(review, "utf-8")
    folder.write(review="looked.jsonl")
    assert folder("generate")[0] == 0
    rows = {r["scenario_id"]: r for r in folder.rows()}
    assert rows["threat-2"]["ground_truth"]["risk_range"] == [70, 100]
    assert rows["threat-2"]["ground_truth"]["expected_boxes"] == []
    assert [rows[f"threat-{i}"]["reviewed"] for i in (2, 3)] == [True, True]
    assert rows["normal-0"]["reviewed"] is False
    (folder.path / "looked.jsonl").write_text('{"scenario_id": "threat-9"}\n', "utf-8")
    code, _, err = folder("generate")
    assert code == 2
    assert "threat-9, of which there is no picture" in err


def test_validate_and_comparisons_say_what_nobody_has_confirmed(
    folder: Folder, tmp_path: Path
) -> None:
    assert folder("generate")[0] == 0
    suite = json.loads((folder.path / "promptreg.yaml").read_text("utf-8"))
    said = [
        {"scenario_id": r["scenario_id"], "version": v, "text": json.dumps(ANSWER)}
        for r in folder.rows()
        for v in ("a", "b")
    ]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(s) + "\n" for s in said), "utf-8")
    (tmp_path / "t.txt").write_text("{image_width}", "utf-8")
    suite |= {
        "scenarios": "truth/multimodal_ground_truth.parquet",
        "templates": {"look": {"versions": {"a": "t.txt", "b": "t.txt"}}},
        "provider": {"use": "recorded", "path": "said.jsonl"},
        "scorers": [{"use": "iou"}, {"use": "average_precision"}],
    }
    (folder.path / "promptreg.yaml").write_text(json.dumps(suite), "utf-8")
    code, out, err = folder("validate")
    assert code == 0, err
    assert "6 of 6 scenarios was made by a machine (openai_chat fake)" in " ".join(
        (out + err).split()
    )
    assert "other-scenarios" not in out + err
    code, out, err = folder("compare", "a", "b", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert any("no person has confirmed it" in w for w in report["warnings"])
    rows = {d["metric"]: d for d in report["comparisons"] if not d["slice"]}
    assert rows["pooled_ap"]["baseline"] == rows["pooled_ap"]["candidate"] == 1.0
    assert "bootstrap" in " ".join(rows["pooled_ap"]["notes"])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"images": "none"}, "none is no folder"),
        ({"provider": {"use": "openai_chat", "url": "http://h/v1", "model": "m"}}, "not sent"),
        ({"provider": {"use": "opencv"}}, "opencv"),
        ({"units": "inches"}, "units"),
        ({"spread": 90}, "allowed: 0 to 50 points"),
        ({"size": 3}, "the folder holds 6 pictures"),
    ],
)
def test_settings_that_are_wrong_are_told(folder: Folder, keys: dict[str, Any], said: str) -> None:
    folder.write(**keys)
    code, _, err = folder("generate")
    assert code == 2
    assert said in err


@pytest.mark.heavy
def test_a_real_detector_makes_truth_of_real_photos(folder: Folder, tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data")
    pytest.importorskip("cv2")
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for name in ("astronaut", "chelsea", "coffee"):
        Image.fromarray(getattr(data, name)()).save(tmp_path / "photos" / f"{name}.png")
    (tmp_path / "settings.json").write_text('{"min_confidence": 0.1}', "utf-8")
    folder.write(
        images="photos",
        provider={"use": "detector", "engine": "opencv_hog"},
        prompt="settings.json",
    )
    code, _, err = folder("generate")
    assert code == 0, err
    rows = {r["scenario_id"]: r for r in folder.rows()}
    assert set(rows) == {"astronaut", "chelsea", "coffee"}
    assert rows["astronaut"]["image_width"] == 512
    assert rows["astronaut"]["source"] == "detector opencv_hog"
    for row in rows.values():
        for box in row["ground_truth"]["expected_boxes"]:
            assert box["label"] == "person"
