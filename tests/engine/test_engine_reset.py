"""`reset()`: an engine begins again, with its functions."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio
import inngest
import pytest

from inngest_testkit import AsyncEngine, Engine, Event, Function, Step, after, on_cron, on_event
from inngest_testkit.clock import WallClock
from inngest_testkit.errors import NotFoundError, SetupError
from inngest_testkit.queue.memory import MemoryQueue

START = datetime(2024, 1, 1, tzinfo=UTC)


def drip():
    """A run that waits a day, of a function that runs for each user one after the other."""
    steps = [Step("charge", lambda: 1), Step("nudge", lambda: 2, after=after("charge", wait="1d"))]
    return Function("drip", on_event("signed.up"), steps=steps, concurrency=1, idempotency="event.data.user")


def told(engine):
    """All that an engine tells of a first day."""
    sent = engine.send([{"name": "signed.up", "data": {"user": user}} for user in (1, 2, 1)])
    engine.advance("1d")
    return sent.ids, [(run.id, run.timeline()) for run in engine.runs()], [entry.to_dict() for entry in engine.history]


def test_a_reset_engine_tells_the_same_as_a_new_one():
    """Ids, idempotency, places of flow control, the history: nothing of before is left."""
    engine, new = Engine(seed=7), Engine(seed=7)
    for each in (engine, new):
        each.register(drip())
    engine.send("signed.up", {"user": 1})
    engine.advance("3h")
    engine.reset()
    assert (engine.now, engine.runs(), engine.history, engine.held, len(engine.queue)) == (START, [], (), (), 0)
    first = told(engine)
    assert first == told(new)
    engine.reset()
    assert told(engine) == first


def test_functions_and_links_of_clients_survive_and_mocks_go():
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="order"))
    def pay(ctx: inngest.ContextSync) -> str:
        return ctx.step.run("card", lambda: "real")

    engine = Engine()
    engine.serve(client, [pay])
    mock = engine.mock(pay, "card", returns="mocked")
    client.send_sync(inngest.Event(name="order"))
    assert mock.called
    engine.reset()
    client.send_sync(inngest.Event(name="order"))
    assert [run.output for run in engine.runs()] == ["real"]
    assert engine.unused_mocks == ()


def test_crons_fire_anew_from_the_start_of_the_clock():
    engine = Engine(start="2024-03-01T08:30:00Z")
    engine.register(Function("report", on_cron("0 9 * * *"), steps=[Step("write", lambda: 1)]))
    engine.advance("3d")
    assert len(engine.runs()) == 3
    engine.reset()
    assert engine.next_due == datetime(2024, 3, 1, 9, tzinfo=UTC)
    engine.advance("1d")
    assert len(engine.runs()) == 1


def test_the_standard_library_goes_back_with_the_clock():
    seen = []
    engine = Engine(freeze=True)
    engine.register(Function("f", on_event("f"), steps=[Step("s", lambda: seen.append(datetime.now(UTC)))]))
    engine.advance("2d")
    engine.send("f")
    engine.reset()
    engine.send("f")
    assert seen == [datetime(2024, 1, 3, tzinfo=UTC), START]


def test_a_view_of_before_says_that_the_engine_was_reset():
    engine = Engine()
    engine.register(drip())
    run = engine.send("signed.up", {"user": 1}).run
    engine.reset()
    with pytest.raises(NotFoundError, match="or the engine was reset"):
        assert run.status


def test_events_that_were_kept_are_forgotten_and_no_step_runs_for_them():
    ran = []
    engine = Engine()
    engine.register(Function("f", on_event("f"), steps=[Step("s", lambda: ran.append(1))]))
    engine._core.keep([Event("f")])
    engine.reset()
    assert (ran, engine.runs()) == ([], [])


def test_an_engine_that_was_made_to_be_held_is_held_again():
    engine = Engine(auto=False)
    engine.register(drip())
    engine._call(engine._core.control.release())
    engine.reset()
    assert len(engine.send("signed.up", {"user": 1}).run.steps) == 0


def test_a_store_of_your_own_is_not_emptied():
    """The error names it, and nothing is forgotten."""

    class Queue:
        """A queue that is not in memory, as far as the engine can see."""

        never_suspends = True

        def __init__(self):
            self._inner = MemoryQueue()

        def __getattr__(self, name):
            if name == "reset":
                raise AttributeError(name)
            return getattr(self._inner, name)

    engine = Engine(queue=Queue())
    engine.register(drip())
    run = engine.send("signed.up", {"user": 1}).run
    with pytest.raises(SetupError, match=r"its own queue=; make a new engine instead"):
        engine.reset()
    assert "charge" in run.steps


@pytest.mark.anyio
async def test_an_async_engine_begins_again():
    async with AsyncEngine() as engine:
        await engine.register(drip())
        first = (await engine.send("signed.up", {"user": 1})).run.id
        await engine.advance("1h")
        await engine.reset()
        assert (await engine.send("signed.up", {"user": 1})).run.id == first


@pytest.mark.anyio
async def test_what_is_worked_in_real_time_is_stopped():
    """A step under way is cancelled before the engine forgets; afterwards it works as ever."""
    began, ended, cancelled = anyio.Event(), [], []

    async def slow():
        began.set()
        try:
            await anyio.sleep(60)
        except BaseException:
            cancelled.append(True)
            raise
        ended.append(True)

    async with AsyncEngine(clock=WallClock()) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(engine.work)
        await engine.register(Function("slow", on_event("slow"), steps=[Step("s", slow)]))
        await engine.register(Function("quick", on_event("quick"), steps=[Step("s", lambda: 1)]))
        await engine.send("slow")
        await began.wait()
        await engine.reset()
        assert (engine.runs(), cancelled, ended) == ([], [True], [])
        run = (await engine.send("quick")).run
        await engine.run_until_complete(run, limit="10s")
        assert run.output == 1
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_step_that_resets_its_own_engine_ends_and_the_engine_works_on():
    """In real time the step's own work is what is stopped; the engine is not left standing."""
    async with AsyncEngine(clock=WallClock()) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(engine.work)
        tried = anyio.Event()

        async def reset():
            tried.set()
            await engine.reset()

        await engine.register(Function("bad", on_event("bad"), steps=[Step("s", reset)]))
        await engine.register(Function("quick", on_event("quick"), steps=[Step("s", lambda: 1)]))
        await engine.send("bad")
        await tried.wait()
        run = (await engine.send("quick")).run
        await engine.run_until_complete(run, limit="10s")
        assert run.output == 1
        tasks.cancel_scope.cancel()
