"""The API against its own document: thousands of requests, valid and not, by schemathesis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_fake import ADMIN

HERE = Path(__file__).parent


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server with the fake service."""
    place = os.pathsep.join(entry for entry in sys.path if entry)
    with subprocess.Popen(
        [sys.executable, str(HERE.parent / "service_server.py"), "--guess"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": place},
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@pytest.mark.heavy
def test_the_api_keeps_its_word(address: str, tmp_path: Path) -> None:
    # All checks, as none are named: statuses, content types, headers and bodies as documented,
    # nothing that is invalid accepted, nothing without a token, other methods refused, no 5xx.
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{address}/api/v1/openapi.json", "--no-color"),
            *("--header", f"Authorization: Bearer {ADMIN}", "--seed", "20261122"),
            *("--max-examples", "10", "--request-timeout", "30", "--warnings", "off"),
            *("--phases", "examples,coverage,fuzzing"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr
    assert "No issues found" in found.stdout
