"""A model's server and a way to run the command, for tests of the whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_model import ModelServer, running


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server that answers every call well, at once."""
    with running(ModelServer()) as started:
        yield started
