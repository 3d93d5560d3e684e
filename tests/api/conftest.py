"""Clients of the HTTP face, in this process: no socket, no thread."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx
import pytest

from inngest_testkit import AsyncEngine
from inngest_testkit.api import ApiSettings, make_app


@pytest.fixture
def anyio_backend():
    return "asyncio"


@asynccontextmanager
async def client_of(engine, settings=None):
    """A client of the face of an engine, whose background work runs meanwhile."""
    app = make_app(engine, settings or ApiSettings())
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as client,
    ):
        yield client


@pytest.fixture
async def engine():
    async with AsyncEngine() as engine:
        yield engine


@pytest.fixture
async def client(engine):
    async with client_of(engine) as client:
        yield client
