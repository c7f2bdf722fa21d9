"""A model's server for tests of the command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_model import ModelServer, running


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A server that answers every call well, at once."""
    with running(ModelServer()) as started:
        yield started
