"""Measures promptreg against bare aiohttp (and peers that are installed) on a local mock server.

    python tests/benchmarks/run.py [--scenarios 1000] [--large 10000] [--json FILE]

Reports CPU seconds of whole processes, statistics and JSON report included, and the ratio to bare
aiohttp; asserts nothing. Figures depend on the machine and on what else it does: compare ratios.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TEMPLATE = """<|im_start|>system
You assess risk for a home security system. Version {label}.<|im_end|>
<|im_start|>user
Camera: {{camera}}
Detections:
{{detections}}
Answer with JSON.<|im_end|>
<|im_start|>assistant
"""
SUITE = """
suite: bench
scenarios: scenarios.jsonl
cluster: family
templates: {{basic: {{engine: format, versions: {{v1: v1.txt, v2: v2.txt}}}}}}
provider: {{use: llama_cpp, url: "{url}", concurrency: {width}}}
answer: {{parser: json, require: [risk_score, risk_level, summary, reasoning]}}
scorers:
  [{{use: risk_range}}, {{use: risk_level}}, {{use: key_points}}, {{use: latency}}, {{use: tokens}}]
gate: {{slices: [scenario_type], margins: {{tokens: 1.5}}}}
"""


@contextmanager
def server(delay_ms: float) -> Iterator[str]:
    """Yield the URL of a fresh mock server."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, str(HERE / "mock_server.py"), str(port), str(delay_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def suite(folder: Path, url: str, n: int, width: int) -> None:
    """Write a suite of `n` scenarios."""
    kinds = ("normal", "suspicious", "threat", "edge_case")
    ranges = ((0, 25), (30, 55), (70, 100), (20, 60))
    with (folder / "scenarios.jsonl").open("w") as out:
        for i in range(n):
            row = {
                "id": f"s{i:06d}",
                "family": f"f{i // 3}",
                "camera": f"camera {i % 7}",
                "detections": f"person {i}, 0.91, walks up to the door and waits. " * 20,
                "scenario_type": kinds[i % 4],
                "ground_truth": {"risk_range": ranges[i % 4], "key_points": ["door", "package"]},
            }
            out.write(json.dumps(row) + "\n")
    for label in ("v1", "v2"):
        (folder / f"{label}.txt").write_text(TEMPLATE.format(label=label))
    (folder / "promptreg.yaml").write_text(SUITE.format(url=url, width=width))


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Run a process and return its CPU seconds, wall seconds and peak memory in MB."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    started = time.perf_counter()
    process = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, check=False)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode not in (0, 1, 3):
        raise SystemExit(f"{' '.join(command)} exited {process.returncode}")
    return {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.perf_counter() - started,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def isolated(command: list[str], folder: Path) -> dict[str, float]:
    """Measure in a child of its own, so that its usage is not added to that of others."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            os.write(write, json.dumps(measure(command, folder)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    if not text:
        raise SystemExit("the measured process failed")
    found: dict[str, float] = json.loads(text)
    return found


def windowed(command: list[str], folder: Path, url: str) -> dict[str, float]:
    """Measure, and add the calling window as the server saw it."""

    def window() -> float:
        with urllib.request.urlopen(f"{url}/window") as reply:
            return float(reply.read())

    window()
    found = isolated(command, folder)
    return found | {"window_s": window()}


def promptreg(folder: Path, n: int, url: str, width: int, *, again: bool) -> dict[str, float]:
    """Measure `promptreg compare v1 v2 -o out.json`; `again`: with everything cached."""
    suite(folder, url, n, width)
    if not again:
        shutil.rmtree(folder / ".promptreg", ignore_errors=True)
    command = [sys.executable, "-m", "promptreg", "compare", "v1", "v2", "-q", "-o", "out.json"]
    return windowed(command, folder, url)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    n, width = arguments.scenarios, 32
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        isolated([sys.executable, "-m", "promptreg", "--help"], folder)  # compiles the files
        rows["promptreg --help"] = isolated([sys.executable, "-m", "promptreg", "--help"], folder)
        with server(0) as url:
            bare = [sys.executable, str(HERE / "bare_aiohttp.py"), url, str(2 * n), str(width)]
            rows["bare aiohttp"] = windowed(bare, folder, url)
            if importlib.util.find_spec("pydantic_evals"):
                peer = [sys.executable, str(HERE / "peer_pydantic_evals.py"), *bare[2:]]
                rows["pydantic-evals (aiohttp)"] = isolated(peer, folder)
            rows[f"promptreg, 2 x {n:,}"] = promptreg(folder, n, url, width, again=False)
            rows[f"promptreg, 2 x {n:,}, cached"] = promptreg(folder, n, url, width, again=True)
            if arguments.large:
                large = arguments.large
                title = f"promptreg, 2 x {large:,}"
                rows[title] = promptreg(folder, large, url, width, again=False)
                rows[f"{title}, cached"] = promptreg(folder, large, url, width, again=True)
        with server(50) as url:
            slow = [sys.executable, str(HERE / "bare_aiohttp.py"), url, str(2 * n), str(width)]
            rows["bare aiohttp, 50 ms"] = windowed(slow, folder, url)
            rows[f"promptreg, 2 x {n:,}, 50 ms"] = promptreg(folder, n, url, width, again=False)
    base = rows["bare aiohttp"]["cpu_s"]
    print(f"{'':34}{'CPU s':>8}{'x aiohttp':>11}{'window s':>10}{'wall s':>9}{'peak MB':>9}")
    for title, row in rows.items():
        ratio = row["cpu_s"] / base
        window = f"{row['window_s']:10.2f}" if "window_s" in row else " " * 10
        print(
            f"{title:34}{row['cpu_s']:8.2f}{ratio:11.2f}{window}"
            f"{row['wall_s']:9.2f}{row['peak_mb']:9.0f}"
        )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
