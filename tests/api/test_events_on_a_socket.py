"""The event API on a socket: an app elsewhere sends while the engine waits for its answer."""

from __future__ import annotations

from functools import partial

import anyio.lowlevel
import anyio.to_thread
import httpx

from inngest_testkit import AsyncEngine, Engine, Function, Step, on_event
from inngest_testkit.api.server import LiveServer, serving


def told(url):
    return httpx.post(f"{url}/e/key", json={"name": "told"}, timeout=5).json()["status"]


def test_an_app_that_an_engine_calls_sends_and_is_answered():
    engine = Engine()
    with LiveServer(engine) as server:
        engine.register(Function("f", on_event("e"), steps=[Step("tell", lambda: told(server.url))]))
        run = engine.send("e").run
        assert (run.status, run.output) == ("COMPLETED", 200)
        assert [event.name for event in engine.events()] == ["e", "told"]


async def test_an_app_that_the_servers_engine_calls_sends_and_is_answered():
    """The engine works on the event loop of the server."""
    engine = AsyncEngine()
    async with serving(engine) as server, httpx.AsyncClient(base_url=server.url) as client:

        async def tell():
            return await anyio.to_thread.run_sync(partial(told, server.url))

        await engine.register(Function("f", on_event("e"), steps=[Step("tell", tell)]))
        await client.post("/e/key", json={"name": "e"})
        with anyio.fail_after(10):
            while [run.output for run in engine.runs()] != [200]:
                await anyio.lowlevel.checkpoint()
    assert [event.name for event in engine.events()] == ["e", "told"]
