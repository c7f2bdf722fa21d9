"""Sessions of pytest with the plug-in installed, whether it is in this environment or not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats
import yaml

from promptreg.cli import gate
from promptreg.discovery import load_plugins
from pytest_promptreg import evaluate, marks, suite_file

ALREADY = (pd, pq, scipy.stats, yaml, gate, evaluate, marks, suite_file, load_plugins())
"""Loaded once: sessions in this process would load it anew each time, which some cannot bear."""
ROOT = Path(__file__).parents[2]
SOURCES = [str(ROOT / part) for part in ("core", "providers", "scorers", "plugins")]
INI = "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
METADATA = "Metadata-Version: 2.1\nName: promptreg-as-installed\nVersion: 1.0\n"
"""Whole: where the package importlib-metadata is loaded, a missing version is an error."""
# Seconds to load, in each session; schemathesis turns our errors into warnings of its old hooks.
_SLOW_TO_LOAD = ("hypothesispytest", "schemathesis", "faker")
QUICK = ("-p", "no:cacheprovider", *(f"-pno:{name}" for name in _SLOW_TO_LOAD))

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path that holds the plug-in's metadata, as an installation leaves it."""
    info = pytester.mkdir("site") / "promptreg_as_installed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA, "utf-8")
    (info / "entry_points.txt").write_text("[pytest11]\npromptreg=pytest_promptreg.plugin\n")
    pytester.syspathinsert(info.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(info.parent), *SOURCES]))
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    pytester.makefile(".ini", pytest=INI)
    return info.parent


@pytest.fixture
def run(pytester: pytest.Pytester, installed: Path) -> Run:
    """Run pytest in this process; warnings are errors."""

    def run_it(*args: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*QUICK, *args)

    return run_it


@pytest.fixture
def start(pytester: pytest.Pytester, installed: Path) -> Run:
    """Run pytest in a process of its own; warnings are errors."""

    def run_it(*args: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(*QUICK, *args)

    return run_it
