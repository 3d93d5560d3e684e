"""The async engine inside a running loop, under anyio's plugin."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from datetime import timedelta

import anyio
import inngest
import pytest

from inngest_testkit import AsyncEngine, Engine, RunStatus
from inngest_testkit.errors import UsageError

from .shop import awaiting, calling, dev_client, listening_to
from .web import fastapi_app, flask_app

EVENT = inngest.Event(name="e")
around = contextvars.ContextVar("around", default="unset")


@pytest.fixture
async def engine():
    async with AsyncEngine() as engine:
        yield engine


@pytest.fixture
def client():
    return dev_client()


async def three_days(ctx):
    async def charge():
        await asyncio.sleep(0)
        return 20

    charged = await ctx.step.run("charge", charge)
    await ctx.step.sleep("wait", timedelta(days=3))
    return charged + 1


async def test_async_functions_run_in_the_callers_loop(engine, client):
    loops = []

    async def code(ctx):
        loops.append(asyncio.get_running_loop())
        return await three_days(ctx)

    await engine.serve(client, [awaiting(client, code)])
    run = (await engine.send("go")).run
    await engine.advance("3d")
    assert (run.status, run.output) == (RunStatus.COMPLETED, 21)
    assert set(loops) == {asyncio.get_running_loop()}


async def test_sync_functions_run_in_the_callers_thread(engine, client):
    threads = []
    await engine.serve(client, [calling(client, lambda ctx: threads.append(threading.get_ident()))])
    await engine.send("go")
    assert threads == [threading.get_ident()]


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
async def test_mounted_apps_are_called_within_the_loop(engine, client, framework):
    if framework == "fastapi":
        app = fastapi_app(client, [awaiting(client, three_days)])
    else:
        app = flask_app(client, [calling(client, lambda ctx: ctx.step.sleep("wait", timedelta(days=3)) or 21)])
    await engine.mount(app, client=client)
    run = (await engine.send("go")).run
    await engine.advance("3d")
    assert (run.output, run.error) == (21, None)


async def test_a_sync_function_in_fastapis_thread_sees_the_virtual_clock_and_sends(engine, client):
    def code(ctx):
        ctx.step.run("send", lambda: client.send_sync(EVENT))
        ctx.step.sleep("wait", timedelta(days=3))

    await engine.mount(fastapi_app(client, [calling(client, code)]), client=client)
    run = (await engine.send("go")).run
    assert run.waiting[0].until == engine.now + timedelta(days=3)
    assert len(engine.events("e")) == 1


async def test_another_tasks_send_is_worked_when_it_returns(engine, client):
    seen = []
    await engine.serve(client, [listening_to(client, "e", seen)])
    task = asyncio.create_task(client.send(EVENT))
    (made,) = await task
    assert [event.id for event in seen] == [made]


async def test_sends_of_many_tasks_are_all_worked(engine, client):
    seen = []
    await engine.serve(client, [listening_to(client, "e", seen)])
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(client.send, EVENT)
        group.start_soon(engine.send, "e")
    assert len(seen) == 6


async def test_a_send_while_the_engine_works_waits_for_its_turn(engine, client):
    """A task that is not the function's own: its event does not belong to the call."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def code(ctx):
        begun.set()
        await go_on.wait()

    seen = []
    await engine.serve(client, [awaiting(client, code), listening_to(client, "e", seen)])
    working = asyncio.create_task(engine.send("go"))
    await begun.wait()
    sending = asyncio.create_task(client.send(EVENT))
    await asyncio.sleep(0)
    assert not sending.done()
    go_on.set()
    await working
    await sending
    assert len(seen) == 1


async def test_a_task_that_a_step_spawned_sends_for_its_call(engine, client):
    async def code(ctx):
        async def send():
            return await asyncio.create_task(client.send(EVENT))

        return await ctx.step.run("send", send)

    await engine.serve(client, [awaiting(client, code)])
    run = (await engine.send("go")).run
    assert run.output == [event.id for event in engine.events("e")]


async def test_what_a_task_sends_that_a_step_left_behind_is_worked_at_the_next_call(engine, client):
    tasks, seen = [], []

    async def code(ctx):
        async def later():
            await asyncio.sleep(0.001)
            await client.send(EVENT)

        tasks.append(asyncio.create_task(later()))

    await engine.serve(client, [awaiting(client, code), listening_to(client, "e", seen)])
    await engine.send("go")
    assert seen == []
    await asyncio.gather(*tasks)
    await engine.advance(0)
    assert len(seen) == 1


async def test_send_sync_in_an_async_test_is_worked_at_the_next_call(engine, client):
    """It cannot wait for the engine without blocking the loop that the engine works in."""
    seen = []
    await engine.serve(client, [listening_to(client, "e", seen)])
    (made,) = client.send_sync(EVENT)
    assert seen == []
    await engine.advance(0)
    assert [event.id for event in seen] == [made]


async def test_a_thread_of_the_test_sends(engine, client):
    seen = []
    await engine.serve(client, [listening_to(client, "e", seen)])
    await asyncio.to_thread(client.send_sync, EVENT)
    await engine.advance(0)
    assert len(seen) == 1


async def test_context_variables_of_the_caller_are_seen(engine, client):
    async def code(ctx):
        async def step():
            return around.get()

        return [around.get(), await ctx.step.run("step", step)]

    around.set("the test's")
    await engine.serve(client, [awaiting(client, code)])
    assert (await engine.send("go")).run.output == ["the test's", "the test's"]


async def test_a_step_that_calls_the_engine_is_told(engine, client):
    async def code(ctx):
        async def step():
            await engine.send("e")

        await ctx.step.run("step", step)

    await engine.serve(client, [awaiting(client, code, retries=0)])
    run = (await engine.send("go")).run
    assert run.error.name == "UsageError"
    assert "a step called it" in run.error.message


async def test_the_sync_engine_names_the_async_one(client):
    engine = Engine()
    with pytest.raises(UsageError, match="use AsyncEngine there"):
        engine.serve(client, [])


async def test_two_engines_work_side_by_side():
    """Each with its client: what a function sends reaches its own engine."""
    clients = [dev_client("a"), dev_client("b")]

    async def play(client):
        async def code(ctx):
            async def send():
                await asyncio.sleep(0)
                return await client.send(EVENT)

            return await ctx.step.run("send", send)

        async with AsyncEngine() as engine:
            await engine.serve(client, [awaiting(client, code)])
            run = (await engine.send("go")).run
            await anyio.lowlevel.checkpoint()
            return run.output == [event.id for event in engine.events("e")]

    assert await asyncio.gather(*map(play, clients)) == [True, True]


async def test_a_cancelled_send_leaves_the_engine_usable(engine, client):
    async def code(ctx):
        await asyncio.sleep(3600)

    await engine.serve(client, [awaiting(client, code)])
    with anyio.move_on_after(0.01) as scope:
        await engine.send("go")
    assert scope.cancelled_caught
    await engine.serve(client, [awaiting(client, three_days)])
    assert (await engine.send("go")).runs


@pytest.mark.parametrize("anyio_backend", ["trio"])
class TestUnderTrio:
    async def test_sync_functions_work(self, client, anyio_backend):
        def code(ctx):
            ctx.step.run("send", lambda: client.send_sync(EVENT))
            ctx.step.sleep("wait", timedelta(days=3))
            return "done"

        async with AsyncEngine() as engine:
            await engine.serve(client, [calling(client, code)])
            run = (await engine.send("go")).run
            await engine.advance("3d")
            assert (run.output, len(engine.events("e"))) == ("done", 1)

    async def test_async_functions_fail_with_the_reason(self, client, anyio_backend):
        async with AsyncEngine() as engine:
            await engine.serve(client, [awaiting(client, three_days, retries=0)])
            run = (await engine.send("go")).run
            assert run.status is RunStatus.FAILED
            assert "function 'shop-one' is async, and the Inngest SDK runs async functions on asyncio" in str(run.error)

    async def test_the_client_sends(self, client, anyio_backend):
        seen = []
        async with AsyncEngine() as engine:
            await engine.serve(client, [listening_to(client, "e", seen)])
            (made,) = await client.send(EVENT)
            assert [event.id for event in seen] == [made]

    async def test_a_wsgi_app_is_mounted(self, client, anyio_backend):
        async with AsyncEngine() as engine:
            await engine.mount(flask_app(client, [calling(client, lambda ctx: 7)]), client=client)
            assert (await engine.send("go")).run.output == 7

    async def test_an_asgi_app_is_refused_with_the_reason(self, client, anyio_backend):
        async with AsyncEngine() as engine:
            with pytest.raises(UsageError, match="an ASGI app in this process needs an engine on asyncio"):
                await engine.mount(fastapi_app(client, [calling(client, lambda ctx: 7)]), client=client)
