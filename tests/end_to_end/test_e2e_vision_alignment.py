"""A local pipeline against a reference: boxes, descriptions and risk under one policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import promptreg_plugins
import promptreg_providers
import promptreg_scorers
import word_embedder
from promptreg.discovery import load_plugins
from promptreg.pipeline.compare import compare
from promptreg.pipeline.project import Options, open_project
from promptreg.pipeline.rescore import rescore
from promptreg.verdicts import Comparison
from suite_factory import record

KINDS = ("normal", "suspicious", "threat", "edge_case")
SCORES = {"normal": 10, "suspicious": 40, "threat": 85, "edge_case": 45}
SCORERS: list[dict[str, Any]] = [
    {"use": "iou"},
    {"use": "average_precision"},
    {"use": "similarity", "field": "description"},
    {"use": "risk_range"},
    {"use": "monotonicity"},
]


def suite(folder: Path, shift: float, said: str, risk: int) -> str:
    """Write a suite of two pipelines: the reference sees what is there, the local one less well.

    Args:
        folder: where it goes.
        shift: pixels that the local pipeline's boxes lie beside the true ones.
        said: what the local pipeline says of every picture.
        risk: points that its risk scores lie off.
    """
    rows, answers = [], []
    for i in range(65):
        kind = KINDS[i % 4]
        box, text = [40 + i, 30, 100, 100], f"a person {kind} at the door"
        (folder / f"{i}.png").write_bytes(b"never opened")
        rows.append(
            {
                "id": f"p{i}",
                "image_path": f"{i}.png",
                "image_width": 400,
                "image_height": 300,
                "scenario_type": kind,
                "ground_truth": {
                    "expected_boxes": [{"label": "person", "bbox": box}],
                    "expected_summary": text,
                    "risk_range": [SCORES[kind] - 10, SCORES[kind] + 10],
                },
            }
        )
        for version, moved, words, off in (("reference", 0, text, 0), ("local", shift, said, risk)):
            found = {
                "label": "person",
                "bbox": [box[0] + moved, *box[1:]],
                "confidence": 0.5 + i / 200,
            }
            answer = {
                "detections": [found],
                "description": words,
                "risk_score": min(100, SCORES[kind] + off),
            }
            answers.append({"scenario_id": f"p{i}", "version": version, "text": json.dumps(answer)})
    record(folder / "scenarios.jsonl", rows)
    for name in ("reference", "local"):
        record(folder / f"{name}.jsonl", [a for a in answers if a["version"] == name])
    (folder / "look.txt").write_text("look", "utf-8")
    content = {
        "suite": "vision",
        "scenarios": "scenarios.jsonl",
        "providers": {
            name: {"use": "recorded", "path": f"{name}.jsonl"} for name in ("reference", "local")
        },
        "provider": "reference",
        "templates": {
            "look": {
                "versions": {
                    name: {"file": "look.txt", "provider": name} for name in ("reference", "local")
                }
            }
        },
        "answer": {"require": ["detections", "description", "risk_score"]},
        "scorers": SCORERS,
        "embedder": {"use": "words"},
        "gate": {
            "prove": ["iou"],
            "limits": {"iou": {"at_least": 0.70}},
            "require_values": {"scenario_type": list(KINDS)},
        },
    }
    (folder / "promptreg.yaml").write_text(json.dumps(content), "utf-8")
    return str(folder / "promptreg.yaml")


def compared(path: str) -> Comparison:
    plugins = [promptreg_providers, promptreg_scorers, promptreg_plugins, word_embedder]
    project = open_project(path, load_plugins(plugins, entry_points=False))
    found = compare(project, "reference", "local", Options(deciding=True))
    for run in found.candidate.run_ids.values():  # payloads are read back from the stored run
        _, again, _ = rescore(project, run)
        assert again.id == run
    return found


def test_boxes_words_and_risk_that_fall_short_are_each_accused(tmp_path: Path) -> None:
    found = compared(suite(tmp_path, 40, "nothing to see here", 35))
    rows = {d.metric: d for d in found.differences if d.slice is None}
    for metric in ("iou", "pooled_ap", "similarity", "in_range"):
        assert rows[metric].verdict == "regressed", metric
    assert rows["iou"].candidate is not None
    assert abs(rows["iou"].candidate - 60 / 140) < 1e-9
    assert rows["pooled_ap"].baseline == 1.0
    assert rows["pooled_ap"].candidate == 0.0
    (limit,) = found.limits
    assert limit.status == "not_met"
    assert found.gate.verdict == "fail"
    assert found.subject.startswith("providers are compared, not templates: reference")


def test_a_pipeline_that_overlaps_by_seventy_percent_meets_the_criterion(tmp_path: Path) -> None:
    found = compared(suite(tmp_path, 2, "a person at the door", 0))
    rows = {d.metric: d for d in found.differences if d.slice is None}
    assert rows["iou"].verdict in ("equivalent", "no_worse")
    assert rows["in_range"].verdict in ("equivalent", "no_worse", "inconclusive")
    (limit,) = found.limits
    assert limit.status == "met"
    assert found.gate.verdict == "pass" or "similarity" in " ".join(found.gate.reasons)
