"""An application on the fake service, and clients with tokens of each role."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from service_api_app import application, client
from service_fake import ADMIN, READ, RUN, FakeService


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def app(service: FakeService) -> FastAPI:
    return application(service)


@pytest.fixture
async def nobody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, None) as asking:
        yield asking


@pytest.fixture
async def reader(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, READ) as asking:
        yield asking


@pytest.fixture
async def runner(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, RUN) as asking:
        yield asking


@pytest.fixture
async def admin(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, ADMIN) as asking:
        yield asking
