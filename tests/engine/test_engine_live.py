"""The engine in real time: due things are worked as they come, many at once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import anyio.lowlevel
import inngest
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, RunStatus, Step, after, on_event
from inngest_testkit.clock import WallClock
from inngest_testkit.errors import SetupError
from inngest_testkit.queue.base import LEASE
from inngest_testkit.state.memory import MemoryStateStore

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])


@asynccontextmanager
async def working(**options):
    engine = AsyncEngine(clock=WallClock(), **options)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.work)
        with anyio.fail_after(10):
            yield engine
        tasks.cancel_scope.cancel()


async def test_steps_of_different_runs_are_worked_at_once():
    """All of them have begun before the first is over."""
    begun, go = [], anyio.Event()

    async def step(event):
        begun.append(event.data["n"])
        if len(begun) == 20:
            go.set()
        await go.wait()

    async with working() as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", step)]))
        sent = await engine.send([{"name": "go", "data": {"n": n}} for n in range(20)])
        await engine.run_until_complete(sent)
        assert [run.status for run in sent.runs] == [RunStatus.COMPLETED] * 20
    assert sorted(begun) == list(range(20))


async def test_a_wait_lasts_as_long_as_it_says():
    async with working() as engine:
        steps = [Step("a", lambda: 1), Step("b", lambda: 2, after=after("a", wait="50ms"))]
        await engine.register(Function("f", on_event("go"), steps=steps))
        run = (await engine.send("go")).run
        await engine.run_until_complete(run)
        assert run.steps["b"].started_at - run.steps["a"].ended_at >= timedelta(milliseconds=50)


async def test_an_event_sent_meanwhile_takes_effect_at_once():
    """Nobody calls the engine in between."""
    done = anyio.Event()

    async def finish():
        done.set()

    async with working() as engine:
        await engine.register(
            Function("first", on_event("go"), steps=[Step("a", lambda send: send("next"))]),
            Function("second", on_event("next"), steps=[Step("a", finish)]),
        )
        await engine.send("go")
        await done.wait()


async def test_a_run_that_is_cancelled_stays_so_when_its_step_ends():
    """What a step came to that was under way is dropped."""
    begun, go, over = anyio.Event(), anyio.Event(), anyio.Event()

    async def slow():
        begun.set()
        await go.wait()
        over.set()
        return "too late"

    async with working() as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", slow), Step("b", slow, after="a")]))
        run = (await engine.send("go")).run
        await begun.wait()
        assert await engine.cancel(run)
        go.set()
        await over.wait()
        other = (await engine.send("go")).run
        await engine.run_until_complete(other)
        assert run.status is RunStatus.CANCELLED
        assert run.steps["a"].output is None
        assert "b" not in run.steps


async def test_many_may_wait_for_runs():
    go = anyio.Event()

    async with working() as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", go.wait)]))
        sent = await engine.send([{"name": "go"}] * 3)
        async with anyio.create_task_group() as tasks:
            for run in sent.runs:
                tasks.start_soon(engine.run_until_complete, run)
            await anyio.lowlevel.checkpoint()
            go.set()
        assert all(run.is_over for run in sent.runs)


async def test_no_more_items_are_worked_at_once_than_there_are_workers():
    running, most, go = 0, 0, anyio.Event()

    async def step():
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            go.set()
        await go.wait()
        running -= 1

    async with working() as engine:
        engine._core.live._workers = 3
        await engine.register(Function("f", on_event("go"), steps=[Step("a", step)]))
        await engine.run_until_complete(await engine.send([{"name": "go"}] * 10))
    assert most == 3


async def test_a_step_that_takes_longer_than_a_lease_is_not_begun_again(monkeypatch):
    """Its lease is extended while it is worked."""
    monkeypatch.setattr("inngest_testkit.engine.live.LEASE", timedelta(milliseconds=30))
    monkeypatch.setattr("inngest_testkit.queue.memory.LEASE", timedelta(milliseconds=100))
    begun = []

    async def slow():
        begun.append(1)
        await anyio.sleep(0.25)

    async with working() as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", slow)]))
        await engine.run_until_complete(await engine.send("go"))
    assert begun == [1]


async def test_work_that_a_store_refuses_is_logged_and_done_again(monkeypatch, caplog):
    monkeypatch.setattr("inngest_testkit.queue.memory.LEASE", timedelta(milliseconds=30))
    failures = [OSError("the store is away")]

    class Gate:
        async def pass_through(self, store, operation, call):
            if operation == "save_output" and failures:
                raise failures.pop()
            return await call()

    async with working(gate=Gate()) as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", lambda: 1)]))
        run = (await engine.send("go")).run
        await engine.run_until_complete(run)
        assert run.steps["a"].output == 1
    assert "the store is away" in caplog.text
    assert str(LEASE) in caplog.text


async def test_finished_runs_are_dropped_as_keep_says():
    async with working(keep=2) as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", lambda: 1)]))
        for _ in range(5):
            await engine.run_until_complete(await engine.send("go"))
        with anyio.move_on_after(1):
            while len(engine.runs()) > 2:
                await anyio.lowlevel.checkpoint()
        assert len(engine.runs()) == 2


async def test_time_is_not_moved():
    engine = AsyncEngine(clock=WallClock())
    with pytest.raises(SetupError, match=r"a fake clock, and the engine's is WallClock\(\)"):
        await engine.advance("1d")
    with pytest.raises(SetupError, match="a fake clock"):
        await engine.run_next()


async def test_real_time_needs_the_wall_clock_and_an_event_loop():
    with pytest.raises(SetupError, match=r"AsyncEngine\(clock=WallClock\(\)\)"):
        await AsyncEngine().work()
    with pytest.raises(SetupError, match=r"AsyncEngine\(clock=WallClock\(\)\)"):
        Engine(clock=WallClock())
    with pytest.raises(SetupError, match="start= is where the engine's own clock starts"):
        AsyncEngine(clock=WallClock(), start="2025-01-01T00:00Z")
    with pytest.raises(SetupError, match="freeze=True"):
        AsyncEngine(clock=WallClock(), freeze=True)


async def test_what_the_work_warns_of_is_logged(caplog):
    """There is no call that could warn."""
    async with working() as engine:
        bad = Function("f", on_event("next", if_="user.plan > 1"), steps=[Step("a", lambda: 1)])
        sender = Function(
            "g", on_event("go"), steps=[Step("a", lambda send: send({"name": "next", "user": {"plan": "pro"}}))]
        )
        await engine.register(bad, sender)
        await engine.run_until_complete(await engine.send("go"))
        while not caplog.text:
            await anyio.lowlevel.checkpoint()
        assert "function 'f' was not started" in caplog.text


async def test_what_a_mock_answers_after_its_run_was_cancelled_is_dropped():
    """The history ends with the run."""
    begun, go, answered = anyio.Event(), anyio.Event(), anyio.Event()
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="go"))
    def function(ctx: inngest.ContextSync) -> object:
        return ctx.step.run("a", lambda: 1)

    async def slow():
        begun.set()
        await go.wait()
        answered.set()
        return 2

    async with working() as engine:
        await engine.serve(client, [function])
        engine.mock("f", "a", side_effect=slow)
        run = (await engine.send("go")).run
        await begun.wait()
        await engine.cancel(run)
        ended = len(run.history)
        go.set()
        await answered.wait()
        while engine._core.live.is_busy:
            await anyio.lowlevel.checkpoint()
        assert len(run.history) == ended
        assert engine._core.pending() == ()


async def test_a_store_that_fails_once_does_not_end_the_work(monkeypatch, caplog):
    monkeypatch.setattr("inngest_testkit.engine.live.AFTER_FAILURE_S", 0.01)
    failures = [OSError("the queue is away")]

    class Gate:
        async def pass_through(self, store, operation, call):
            if (store, operation) == ("queue", "lease") and failures:
                raise failures.pop()
            return await call()

    async with working(gate=Gate()) as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", lambda: 1)]))
        await engine.run_until_complete(await engine.send("go"))
    assert "the queue is away" in caplog.text


class Slow:
    """A step that is under way until it may go."""

    def __init__(self):
        self.begun, self.go = anyio.Event(), anyio.Event()

    async def __call__(self):
        self.begun.set()
        await self.go.wait()


async def test_a_queue_that_is_held_stays_so_after_drains_that_overlap():
    slow = Slow()

    async with working() as engine:
        control = engine._core.control
        await engine.register(Function("f", on_event("go"), steps=[Step("a", slow)]))
        await control.hold()
        await engine.send("go")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(control.drain, "10s")
            await slow.begun.wait()
            tasks.start_soon(control.drain, "10s")
            await anyio.lowlevel.checkpoint()
            slow.go.set()
        assert control.is_held
        run = (await engine.send("go")).run
        await anyio.lowlevel.checkpoint()
        assert not run.steps


async def test_a_queue_that_is_held_while_it_is_drained_is_held_afterwards():
    slow = Slow()

    async with working() as engine:
        control = engine._core.control
        await engine.register(Function("f", on_event("go"), steps=[Step("a", slow)]))
        await engine.send("go")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(control.drain, "10s")
            await slow.begun.wait()
            await control.hold()
            slow.go.set()
        assert control.is_held


async def test_a_reset_stops_work_that_was_handed_out_and_has_not_begun():
    """However few turns of the loop lie between: no step is waited for."""
    begun = []

    async def endless():
        begun.append(1)
        await anyio.sleep_forever()

    async with working() as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", endless)]))
        for turns in range(8):
            await engine.send("go")
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            await engine.reset()
            assert not engine._core.live.is_busy


async def test_runs_are_dropped_once_by_a_store_that_suspends(caplog):
    """Several items may end at once."""

    class Slow:
        def __init__(self):
            self._inner, self.deleted = MemoryStateStore(), []

        def __getattr__(self, name):
            method = getattr(self._inner, name)

            async def suspended(*args, **named):
                if name == "delete":
                    self.deleted.append(args[0])
                await anyio.lowlevel.checkpoint()
                return await method(*args, **named)

            return suspended if callable(method) else method

    store = Slow()
    async with working(state=store, keep=1) as engine:
        await engine.register(Function("f", on_event("go"), steps=[Step("a", lambda: 1)]))
        await engine.send([{"name": "go"}] * 20)
        while len(store.deleted) < 19 or engine._core.live.is_busy:
            await anyio.lowlevel.checkpoint()
    assert len(set(store.deleted)) == len(store.deleted) == 19
    assert "could not be worked" not in caplog.text
