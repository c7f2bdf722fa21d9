"""The example suite, opened from Python in a folder of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import promptreg
from promptreg.api import ComparisonResult, OpenSuite

EXAMPLE = Path(__file__).parents[2] / "examples" / "home_security"


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> OpenSuite:
    folder = tmp_path_factory.mktemp("api") / "home_security"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".promptreg", "out"))
    return promptreg.open_suite(folder / "promptreg.yaml")


@pytest.fixture(scope="session")
def compared(suite: OpenSuite) -> ComparisonResult:
    return suite.compare("v1", "v2", template="basic")
