"""A suite on recorded completions, and the command line inside this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptreg.cli.app import run
from registry_suite import Done, Say, recorded


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Return a function that runs one command in the current folder."""
    monkeypatch.setenv("PROMPTREG_USER", "Ann")
    monkeypatch.setenv("COLUMNS", "120")

    def call(*args: str) -> Done:
        capsys.readouterr()
        code = run(list(args))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "internal error" not in err, err
        return Done(code, out, err)

    return call


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of v1, v2 (as good) and v3 (worse), with a limit; the current folder."""
    folder = recorded(tmp_path / "suite", ["v1", "v2", "v3"], bad="v3")
    monkeypatch.chdir(folder)
    return folder
