"""A site folder for fake distributions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_distributions import FakeSite


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """An empty folder at the front of sys.path."""
    monkeypatch.delenv("PROMPTREG_DISABLE_PLUGINS", raising=False)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    fake = FakeSite(folder)
    yield fake
    fake.forget()
