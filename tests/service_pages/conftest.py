"""The pages alone, over the service in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")

from service_fake import FakeService
from service_pages_site import Site, site_of


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = site_of(FakeService())
    async with made.client:
        yield made
