"""ASGI apps in this process: their lifespan, and what they do wrong."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager

import anyio
import fastapi
import pytest

from inngest_testkit.drivers.base import direct
from inngest_testkit.engine.bridge import LoopRunner, hand_out
from inngest_testkit.errors import SetupError, UsageError
from inngest_testkit.sdk.transports.asgi import AsgiTransport

from .served import PATH, call_request


def app_with(lifespan, route=lambda: None):
    app = fastapi.FastAPI(lifespan=lifespan)
    app.post(PATH)(route)
    return app


async def answer(send, status=200, body=b"", **more):
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body, **more})


def one_call(app):
    async def scenario(bridge):
        transport = AsgiTransport(app, PATH, bridge=bridge)
        try:
            return await transport.call(call_request())
        finally:
            await transport.close()

    return scenario


def test_the_app_is_started_once_and_stopped_at_close(play):
    """Both in one task, as a scope of structured concurrency must be."""
    seen = []

    @asynccontextmanager
    async def lifespan(app):
        async with anyio.create_task_group():
            await asyncio.sleep(0)
            seen.append("up")
            yield
            await asyncio.sleep(0)
            seen.append("down")

    async def scenario(bridge):
        transport = AsgiTransport(app_with(lifespan, lambda: seen.append("call")), PATH, bridge=bridge)
        assert seen == []
        await transport.call(call_request())
        await transport.call(call_request())
        assert seen == ["up", "call", "call"]
        await transport.close()
        await transport.close()

    play(scenario)
    assert seen == ["up", "call", "call", "down"]


def test_calls_at_the_same_time_wait_for_one_startup():
    seen = []

    @asynccontextmanager
    async def lifespan(app):
        await asyncio.sleep(0.001)
        seen.append("up")
        yield

    async def main():
        transport = AsgiTransport(app_with(lifespan, lambda: seen.append("call")), PATH)
        async with anyio.create_task_group() as group:
            group.start_soon(transport.call, call_request())
            group.start_soon(transport.call, call_request())
        await transport.close()

    anyio.run(main)
    assert seen == ["up", "call", "call"]


def test_requests_see_the_state_of_the_lifespan(play):
    @asynccontextmanager
    async def lifespan(app):
        yield {"database": "ours"}

    def route(request: fastapi.Request):
        return request.state.database

    # FastAPI reads the annotation by its text.
    route.__annotations__["request"] = fastapi.Request
    assert play(one_call(app_with(lifespan, route))).body == b'"ours"'


def test_background_tasks_of_the_app_get_on_during_calls(play):
    """They have no loop of their own under the sync engine, but they are not lost."""
    ticks = []

    @asynccontextmanager
    async def lifespan(app):
        async def tick():
            while True:
                ticks.append(1)
                await asyncio.sleep(0)

        task = asyncio.create_task(tick())
        yield
        task.cancel()

    play(one_call(app_with(lifespan)))
    assert len(ticks) > 1


@pytest.mark.parametrize("reaction", ["raises", "returns"])
def test_an_app_without_lifespan_works(play, reaction):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await answer(send, body=b"hello")
        elif reaction == "raises":
            raise NotImplementedError(scope["type"])

    assert play(one_call(app)).body == b"hello"


def test_a_startup_that_fails_is_raised_at_each_call(play):
    @asynccontextmanager
    async def lifespan(app):
        raise ConnectionError("no database")
        yield

    async def scenario(bridge):
        transport = AsgiTransport(app_with(lifespan), PATH, bridge=bridge)
        for _ in range(2):
            with pytest.raises(SetupError, match=r"^the startup of the app failed: ConnectionError: no database$") as e:
                await transport.call(call_request())
            assert isinstance(e.value.__cause__, ConnectionError)
        await transport.close()

    play(scenario)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ConnectionError("no database"), r"ConnectionError\('no database'\)"), (None, "it gives no reason")],
)
def test_a_startup_that_fails_without_a_word_is_raised(play, error, reason):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed"})
        if error:
            raise error

    with pytest.raises(SetupError, match=f"^the startup of the app failed: {reason}$"):
        play(one_call(app))


def test_a_shutdown_that_fails_is_raised_at_close(play):
    @asynccontextmanager
    async def lifespan(app):
        yield
        raise ConnectionError("already closed")

    with pytest.raises(SetupError, match=r"^the shutdown of the app failed: ConnectionError: already closed$"):
        play(one_call(app_with(lifespan)))


def test_an_app_that_raises_at_shutdown_without_saying_so(play):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            return await answer(send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ConnectionError("already closed")

    with pytest.raises(SetupError, match=r"^the shutdown of the app failed: ConnectionError\('already closed'\)$"):
        play(one_call(app))


def test_an_engine_that_is_closed_first_stops_the_app():
    """Its loop cancels what is left, and closing the transport afterwards is harmless."""
    seen = []

    @asynccontextmanager
    async def lifespan(app):
        try:
            yield
        finally:
            seen.append("down")

    runner = LoopRunner()
    transport = AsgiTransport(app_with(lifespan), PATH, bridge=hand_out)
    runner.run(transport.call(call_request()))
    runner.close()
    assert seen == ["down"]
    runner.run(transport.close())


def test_a_transport_that_was_never_used_has_nothing_to_close():
    """It does not even need a loop."""
    with pytest.raises(StopIteration):
        AsgiTransport(app_with(None), PATH, bridge=hand_out).close().send(None)
    gc.collect()


def test_trio_is_refused():
    async def main():
        with pytest.raises(UsageError, match="an ASGI app in this process needs an engine on asyncio"):
            await AsgiTransport(app_with(None), PATH, bridge=direct).call(call_request())

    anyio.run(main, backend="trio")


def test_what_an_app_raises_is_logged_and_becomes_a_500(play, caplog):
    def route():
        raise ZeroDivisionError("in a middleware")

    response = play(one_call(app_with(None, route)))
    assert (response.status, response.body) == (500, b"Internal Server Error")
    (record,) = caplog.records
    assert record.getMessage() == "the ASGI app failed at /api/inngest"
    assert isinstance(record.exc_info[1], ZeroDivisionError)


def test_what_a_bare_app_raises_is_a_500_as_well(play):
    async def app(scope, receive, send):
        raise ZeroDivisionError

    response = play(one_call(app))
    assert (response.status, response.body) == (500, b"Internal Server Error")


def test_an_app_that_returns_without_an_answer(play, caplog):
    async def app(scope, receive, send):
        pass

    assert play(one_call(app)).status == 500
    assert str(caplog.records[0].exc_info[1]) == "the app returned without finishing its answer"


def test_an_app_that_fails_in_the_middle_of_its_answer_is_out_of_reach(play):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await answer(send, body=b"[", more_body=True)
            raise ZeroDivisionError

    response = play(one_call(app))
    assert response.unreachable == "Unable to reach SDK URL: the app failed in the middle of its answer"
    assert response.status == 0


def test_what_comes_after_the_answer_does_no_harm(play, caplog):
    """Starlette's own background tasks run then."""

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await answer(send, body=b"done")
            raise ZeroDivisionError

    assert play(one_call(app)).body == b"done"
    assert len(caplog.records) == 1


def test_ctrl_c_goes_through(play):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(one_call(app))
