"""Measures what the history costs: a comparison's outbox entry, recording it in MLflow, its size.

    python tests/benchmarks/history_overhead.py [--scenarios 5000]

CPU seconds of whole processes; MLflow is the embedded one (SQLite). Asserts that no row is lost,
nothing about seconds.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from recorded_suite import threats_missed, write_recorded


def cpu(folder: Path, *args: str) -> float:
    """Return the CPU seconds that a command takes."""
    left_out = ("MLFLOW_", "PROMPTREG_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "promptreg", *args]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(f"promptreg {' '.join(args)}: {done.stderr.decode()}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def size(folder: Path) -> float:
    """Return the megabytes of all files below a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=5000)
    n = parser.parse_args().scenarios
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as place:
        folder = write_recorded(Path(place) / "suite", threats_missed, n=n)
        history = folder / ".promptreg" / "history"
        compared = cpu(folder, "compare", "v1", "v2", "-q")
        again = cpu(folder, "compare", "v1", "v2", "-q")
        outbox = size(history)
        empty = cpu(folder, "history", "sync")  # makes the database
        more = write_recorded(folder, threats_missed, n=n + 1)
        cpu(more, "compare", "v1", "v2", "-q")
        recorded = cpu(folder, "history", "sync")
        held = size(history)
        tables = sorted((history / "artifacts").rglob("trials.parquet"))
        rows = [pq.read_metadata(t).num_rows for t in tables]
        if sorted(rows) != [n, n, n + 1, n + 1]:
            raise SystemExit(f"rows were lost: {rows}")
        with closing(sqlite3.connect(history / "mlflow.db")) as db:
            (metrics,) = db.execute("SELECT count(*) FROM latest_metrics").fetchone()
        runs = size(folder / ".promptreg" / "runs")
    print(f"{2 * n:,} trials compared: {compared:.1f} s, from the store {again:.1f} s (CPU)")
    print(f"the outbox entry: {outbox * 1000:.0f} kB")
    print(
        f"recording it: {recorded:.1f} s (the first one, which makes the database: {empty:.1f} s)"
    )
    print(f"two comparisons in MLflow: {held:.1f} MB, {metrics:,} metrics; runs: {runs:.1f} MB")


if __name__ == "__main__":
    main()
