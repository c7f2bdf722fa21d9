"""A real model writes scenarios through Data Designer at a real llama.cpp server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from command_line import Promptreg
from writing_model import settings

pytestmark = [pytest.mark.model, pytest.mark.heavy, pytest.mark.slow]

# Held to a schema a model of this size writes valid JSON; whether its stories are told is another
# matter, so the narrative stays as the rules tell it.
COLUMNS = ["expected_summary", "ground_truth"]


def test_a_tiny_real_model_writes_a_few_scenarios(llama_server: str, tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "columns": [COLUMNS[0], {"name": COLUMNS[1], "max_tokens": 140}],
        "attributes": {
            "time_of_day": "morning",
            "day_type": "weekday",
            "camera_location": ["front_door", "backyard"],
            "detection_count": "1",
            "primary_object": "person",
            "scenario_type": ["normal", "threat"],
            "enrichment_level": "none",
            "enrichment_fault": "healthy",
        },
        "rounds": 1,
        "max_parallel_requests": 2,
        "timeout": 200,
        "least_written": 0.01,
    }
    (tmp_path / "promptreg.yaml").write_text(
        json.dumps({"generate": settings(llama_server, **more)}), "utf-8"
    )
    done = Promptreg(tmp_path)("generate", "--json", within_s=230)
    assert done.code == 0, done.err
    rows = pq.read_table(tmp_path / "fixtures" / "scenarios.parquet").to_pylist()
    manifest = json.loads((tmp_path / "fixtures" / "manifest.json").read_text("utf-8"))
    validated, of = manifest["counts"]["checks"]["validated"]
    assert of == len(rows) == 4
    written = [row for row in rows if row["written_by"] == "fake-model"]
    assert len(written) == validated >= 1
    assert manifest["cost"]["calls"] >= 4 * len(COLUMNS)
    assert manifest["cost"]["tokens"] > 500
    for row in written:
        low, high = row["written_ground_truth"]["risk_range"]
        assert 0 <= low <= high <= 100
        assert row["expected_summary"].strip()
        assert row["ground_truth"]["risk_range"] in ([0, 25], [70, 100])
