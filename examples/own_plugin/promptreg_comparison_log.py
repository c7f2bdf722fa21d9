"""A listener for promptreg: adds one line to a file for each finished comparison.

The file is named by the environment variable PROMPTREG_COMPARISON_LOG; without it, nothing is
written. A listener hears what happens and changes nothing: if it fails, promptreg says so and goes
on, and the verdict stays what it is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from promptreg import Comparison, hookimpl


@hookimpl
def promptreg_comparison_finished(comparison: Comparison) -> None:
    """Add the line: JSON, so that a label with a line break in it still makes one line."""
    path = os.environ.get("PROMPTREG_COMPARISON_LOG")
    if not path:
        return
    line = {
        "at": comparison.created_at,
        "suite": comparison.suite,
        "baseline": comparison.baseline.label,
        "candidate": comparison.candidate.label,
        "verdict": comparison.gate.verdict,
    }
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
