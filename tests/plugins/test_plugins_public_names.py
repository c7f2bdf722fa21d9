"""The public names: all there, from one place each, and imported no sooner than asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import promptreg


def test_every_public_name_is_there_and_no_other_is_promised() -> None:
    assert promptreg._HOMES.keys() <= set(promptreg.__all__)
    for name in promptreg.__all__:
        assert getattr(promptreg, name) is not None, name
    assert set(promptreg.__all__) <= set(dir(promptreg))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Baseline'"):
        _ = promptreg.Baseline


def test_help_imports_nothing_that_it_does_not_say() -> None:
    code = (
        "import sys\n"
        "from promptreg.cli.app import run\n"
        "run(['--help'])\n"
        "heavy = {'promptreg.verdicts', 'promptreg.records', 'promptreg.pipeline', 'numpy',"
        " 'scipy', 'pydantic', 'pandas', 'pyarrow', 'aiohttp', 'httpx', 'jinja2', 'rich', 'mlflow',"
        " 'fastapi', 'sqlalchemy', 'dbos'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
