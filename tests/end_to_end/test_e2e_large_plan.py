"""A plan of a million trials fits into half a gigabyte."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command_line import Promptreg

# Not getrusage: its peak counts what this process held before it became another.
_MEASURED = """
import pathlib, re, runpy, sys
sys.argv = ["promptreg", "plan", "v1", "v2", "--json"]
try:
    runpy.run_module("promptreg", run_name="__main__")
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1], file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in kilobytes on Linux")
def test_a_plan_of_a_million_trials_takes_less_than_500_mb(tmp_path: Path) -> None:
    n = 500_000
    columns = {
        "id": [f"s{i:06d}" for i in range(n)],
        "event": [f"event {i}" for i in range(n)],
        "kind": [("day", "night")[i % 2] for i in range(n)],
    }
    pq.write_table(pa.table(columns), tmp_path / "scenarios.parquet")
    suite = {
        "suite": "large",
        "scenarios": "scenarios.parquet",
        "templates": {"t": {"versions": {"v1": "v1.txt", "v2": "v2.txt"}}},
        "provider": {"use": "scripted"},
        "scorers": [{"use": "latency"}],
    }
    for label in ("v1", "v2"):
        (tmp_path / f"{label}.txt").write_text(f"Rate {{event}}: {label}", "utf-8")
    (tmp_path / "promptreg.yaml").write_text(json.dumps(suite), "utf-8")
    promptreg = Promptreg(tmp_path)
    done = promptreg.end(promptreg._popen(("-c", _MEASURED), {}, -1, -1), within_s=600)
    assert done.code == 0, done.err
    assert done.json["trials"] == done.json["calls"] == 2 * n
    assert int(done.err.split()[-1]) < 500 * 1024
