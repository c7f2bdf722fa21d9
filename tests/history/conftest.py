"""MLflow writes the address it is given into the environment; the next module must not see it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from history_files import files_history


@pytest.fixture(scope="module", autouse=True)
def _environment_as_before() -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    yield
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a history of files is installed: once, as a module can be loaded but once."""
    return files_history(tmp_path_factory.mktemp("site"))
