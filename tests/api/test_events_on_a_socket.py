"""The event API on a socket: an app elsewhere sends while the engine waits for its answer."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
import httpx

from inngest_testkit import AsyncEngine, Engine, Function, Step, on_event

from .served import serving, until


def told(url):
    return httpx.post(f"{url}/e/key", json={"name": "told"}, timeout=5).json()["status"]


def test_an_app_that_an_engine_calls_sends_and_is_answered():
    with Engine() as engine, serving(engine) as url:
        engine.register(Function("f", on_event("e"), steps=[Step("tell", lambda: told(url))]))
        run = engine.send("e").run
        assert (run.status, run.output) == ("COMPLETED", 200)
        assert [event.name for event in engine.events()] == ["e", "told"]


def test_an_app_that_the_servers_engine_calls_sends_and_is_answered():
    """The engine works on the event loop of the server."""
    engine, address = AsyncEngine(), []

    async def tell():
        return await anyio.to_thread.run_sync(partial(told, *address))

    anyio.run(engine.register, Function("f", on_event("e"), steps=[Step("tell", tell)]))
    with serving(engine) as url:
        address.append(url)
        with httpx.Client(base_url=url) as client:
            client.post("/e/key", json={"name": "e"})
            until(lambda: [run.output for run in engine.runs()] == [200])
    assert [event.name for event in engine.events()] == ["e", "told"]
