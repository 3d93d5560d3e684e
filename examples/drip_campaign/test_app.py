"""The campaign through the real web app: its routes, its middleware, its own Inngest handler."""

from __future__ import annotations

import httpx
import pytest

from .app import app
from .emails import gateway
from .functions import client


@pytest.fixture(autouse=True)
def outbox():
    yield gateway.outbox
    gateway.outbox.clear()


@pytest.fixture
def anyio_backend():
    """The SDK runs async functions on asyncio."""
    return "asyncio"


def test_the_app_runs_the_campaign(inngest_engine, outbox):
    inngest_engine.mount(app, client=client)
    run = inngest_engine.send("user/signed.up", {"id": 1, "email": "u1@example.com", "plan": "free"}).run
    inngest_engine.advance("30d")
    assert run.output == "closed"
    assert [mail.template for mail in outbox] == ["welcome", "reminder", "goodbye"]


async def test_a_sign_up_at_the_web_app_starts_the_campaign(inngest_async_engine, outbox):
    await inngest_async_engine.mount(app, client=client)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as browser:
        reply = await browser.post("/users", json={"id": 1, "email": "u1@example.com"})
    assert reply.status_code == 202
    (run,) = inngest_async_engine.runs(function="campaign")
    assert [run.events[0].id] == reply.json()["events"]
    assert [mail.template for mail in outbox] == ["welcome"]
