"""The async engine, on asyncio and trio."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from inngest_testkit import AsyncEngine, Function, RunStatus, Step, after, on_event


@pytest.fixture
async def engine():
    async with AsyncEngine() as engine:
        yield engine


async def test_sync_and_async_steps_run_in_the_callers_loop(engine):
    async def slow(event):
        await anyio.lowlevel.checkpoint()
        return event.data["n"] + 1

    steps = [Step("a", slow), Step("b", lambda steps: steps["a"] + 1, after=after("a", wait="3d"))]
    await engine.register(Function("f", on_event("e"), steps=steps))
    sent = await engine.send("e", {"n": 1})
    await engine.advance("3d")
    assert sent.run.status is RunStatus.COMPLETED
    assert sent.run.output == 3


async def test_calls_of_several_tasks_are_worked_one_after_the_other(engine):
    active = []

    async def alone():
        active.append(1)
        await anyio.lowlevel.checkpoint()
        assert len(active) == 1
        active.pop()

    await engine.register(Function("f", on_event("e"), steps=[Step("s", alone)]))
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(engine.send, "e")
    assert [run.status for run in engine.runs()] == [RunStatus.COMPLETED] * 5


async def test_the_whole_surface_is_there(engine, tmp_path):
    assert await engine.load(tmp_path) == ()
    await engine.register(Function("f", on_event("e"), steps=[Step("s", after=after(wait="1d"))]))
    engine.mock("f", "s", returns=7)
    first = (await engine.send("e")).run
    assert await engine.cancel(first)
    second = (await engine.send("e")).run
    await engine.run_until_complete(second)
    assert second.output == 7
    assert await engine.run_next() is None
    assert await engine.queue.clear() == 0
    assert engine.queue.pending == ()
    assert repr(engine) == "<AsyncEngine at 2024-01-02 00:00:00, 1 function, 2 runs>"


async def test_a_task_that_a_step_left_behind_may_use_the_engine_later(engine):
    async with anyio.create_task_group() as group:
        sent = []

        async def later():
            await anyio.sleep(0.001)
            sent.append(await engine.send("late"))

        async def step():
            group.start_soon(later)

        await engine.register(Function("f", on_event("e"), steps=[Step("s", step)]))
        await engine.send("e")
    assert sent[0].ids


async def test_a_call_that_is_cancelled_loses_nothing(engine):
    async def slow():
        await anyio.sleep(10)

    await engine.register(Function("f", on_event("e"), steps=[Step("s", slow)]))
    with anyio.move_on_after(0.01):
        await engine.send("e")
    engine.mock("f", "s", returns="done")
    await engine.run_until_complete()
    assert [run.output for run in engine.runs()] == ["done"]


async def test_a_call_that_is_cancelled_while_it_waits_for_another_is_not_made(engine):
    async def slow():
        await anyio.sleep(0.02)

    await engine.register(Function("f", on_event("e"), steps=[Step("s", slow)]))
    async with anyio.create_task_group() as group:
        group.start_soon(engine.send, "e")
        await anyio.sleep(0.001)
        with anyio.move_on_after(0.001):
            await engine.send("other")
    assert engine.events("other") == []
