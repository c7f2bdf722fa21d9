"""A small suite for the small model: four scenarios, two versions, a score held to a schema."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["write_suite"]

SUITE = """
suite: porch
scenarios: scenarios.jsonl
templates:
  short: {{engine: format, versions: {{v1: v1.txt, v2: v2.txt}}}}
provider:
  use: llama_cpp
  url: {url}
  sampling: {{temperature: 0.7, top_p: 0.95, max_tokens: 16, seed: 7}}
  concurrency: 1
  retries: 0
  timeout: 120
  id_slot: per_version
  json_schema:
    type: object
    properties: {{risk_score: {{type: integer, minimum: 0, maximum: 100}}}}
    required: [risk_score]
    additionalProperties: false
answer: {{parser: json, require: [risk_score]}}
scorers: [{{use: risk_range}}, {{use: answered}}, {{use: latency}}, {{use: tokens}}]
gate: {{slices: [kind]}}
"""
V1 = """<|im_start|>user
How risky is this, 0 to 100? {scene}<|im_end|>
<|im_start|>assistant
"""
V2 = V1.replace("How risky", "Most of what a camera sees is harmless. How risky")
SCENES = (
    ("cat", "A cat walks by.", "normal", [0, 20]),
    ("mail", "The postman leaves a letter.", "normal", [0, 20]),
    ("door", "A stranger tries the door at night.", "threat", [60, 100]),
    ("glass", "A man breaks a window.", "threat", [70, 100]),
)


def write_suite(folder: Path, url: str) -> Path:
    """Write suite, scenarios and templates; return the folder."""
    rows = [
        {"id": name, "scene": scene, "kind": kind, "ground_truth": {"risk_range": span}}
        for name, scene, kind, span in SCENES
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "scenarios.jsonl").write_text(lines, "utf-8")
    (folder / "promptreg.yaml").write_text(SUITE.format(url=url), "utf-8")
    (folder / "v1.txt").write_text(V1, "utf-8")
    (folder / "v2.txt").write_text(V2, "utf-8")
    return folder
