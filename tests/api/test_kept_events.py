"""Events that were taken stay taken, whatever becomes of what comes after."""

from __future__ import annotations

import httpx
import pytest

from inngest_testkit import Engine, Function, Step, on_event
from inngest_testkit.api.server import LiveServer
from inngest_testkit.clock import epoch_ms, unfrozen_now
from inngest_testkit.errors import UsageError

from .conftest import client_of


def test_a_reset_that_is_refused_forgets_no_event():
    """A step cannot reset the engine that runs it; what it sent before has its run."""
    engine = Engine()
    with LiveServer(engine) as server:

        def send_and_reset():
            httpx.post(f"{server.url}/e/key", json={"name": "told"})
            with pytest.raises(UsageError):
                engine.reset()

        engine.register(
            Function("f", on_event("go"), steps=[Step("a", send_and_reset)]),
            Function("g", on_event("told"), steps=[Step("a", lambda: 1)]),
        )
        engine.send("go")
        assert [run.output for run in engine.runs(function="g")] == [1]


@pytest.mark.anyio
async def test_an_event_that_is_taken_is_answered_so_when_a_store_fails_at_it(engine):
    """The client is not to send it again: it is worked when the store is back."""
    handle, failures = engine._core._runner.handle, [OSError("the store is away")]

    async def failing(message):
        if failures:
            raise failures.pop()
        await handle(message)

    engine._core._runner.handle = failing
    await engine.register(Function("f", on_event("go"), steps=[Step("a", lambda: 1)]))
    async with client_of(engine) as client:
        answer = await client.post("/e/key", json={"name": "go"})
    assert answer.status_code == 200
    await engine.advance("1h")
    assert [run.output for run in engine.runs()] == [1]


def test_a_moment_that_another_process_filled_in_is_the_engines_on_a_frozen_clock():
    """That process sees the machine's time, and not the frozen one."""
    engine = Engine(freeze=True)
    with LiveServer(engine) as server:

        def send():
            httpx.post(f"{server.url}/e/key", json={"name": "told", "ts": epoch_ms(unfrozen_now())})

        engine.register(Function("f", on_event("go"), steps=[Step("a", send)]))
        engine.send("go")
        [told] = engine.events("told")
    assert told.ts == 1704067200000
