"""`run_to_idle`: on to where all that is left is to wait for events."""

from __future__ import annotations

from datetime import timedelta

import anyio
import inngest
import pytest

from inngest_testkit import AsyncEngine, Engine, Function, Step, after, on_cron, on_event
from inngest_testkit.clock import WallClock
from inngest_testkit.errors import RunIncompleteError


def steps(*, event=None):
    """A step, and one a day later or when an event comes."""
    link = after("a", wait="1d") if event is None else after("a", event=event, ttl="7d")
    return [Step("a", lambda: 1), Step("b", lambda: 2, after=link)]


def test_it_jumps_to_the_end_of_runs():
    engine = Engine()
    engine.register(Function("f", on_event("f"), steps=steps()))
    run = engine.send("f").run
    engine.run_to_idle()
    assert run.is_over
    assert engine.now - run.started_at == timedelta(days=1)


def test_it_does_not_let_a_wait_time_out():
    """A run that waits for an event is where a test has to send it."""
    engine = Engine()
    engine.register(Function("f", on_event("f"), steps=steps(event="go")))
    engine.register(Function("g", on_event("g"), steps=steps()))
    waits, ends = engine.send("f").run, engine.send("g").run
    engine.run_to_idle()
    assert (waits.is_over, ends.is_over, engine.now - ends.started_at) == (False, True, timedelta(days=1))
    assert [wait.kind for wait in waits.waiting] == ["event"]


def test_a_run_that_invokes_one_that_waits_for_an_event_is_idle_too():
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="inner", trigger=inngest.TriggerEvent(event="never"))
    async def inner(ctx: inngest.Context) -> None:
        await ctx.step.wait_for_event("w", event="go", timeout=timedelta(days=9))

    @client.create_function(fn_id="outer", trigger=inngest.TriggerEvent(event="start"))
    async def outer(ctx: inngest.Context) -> None:
        await ctx.step.sleep("s", timedelta(hours=1))
        await ctx.step.invoke("i", function=inner)

    engine = Engine()
    engine.serve(client, [inner, outer])
    run = engine.send("start").run
    engine.run_to_idle()
    assert engine.now - run.started_at == timedelta(hours=1)
    assert {wait.kind for each in engine.runs() for wait in each.waiting} == {"event", "invoke"}


def test_crons_on_the_way_fire_and_are_no_reason_to_go_on():
    engine = Engine()
    engine.register(Function("hourly", on_cron("0 * * * *"), steps=[Step("s", lambda: 1)]))
    engine.run_to_idle()
    assert engine.runs() == []
    engine.register(Function("f", on_event("f"), steps=steps()))
    engine.send("f")
    engine.run_to_idle()
    assert len(engine.runs(function="hourly")) == 24


@pytest.mark.parametrize(
    "rule",
    [{"debounce": {"period": "5m"}}, {"batch_events": {"max_size": 10, "timeout": "5m"}}],
    ids=lambda rule: next(iter(rule)),
)
def test_events_that_are_collected_become_runs(rule):
    engine = Engine()
    engine.register(Function("f", on_event("f"), steps=[Step("s", lambda: 1)], **rule))
    engine.send("f")
    assert engine.runs() == []
    engine.run_to_idle()
    assert [run.output for run in engine.runs()] == [1]


def test_what_has_no_end_stops_at_the_limit_and_says_what_is_next():
    engine = Engine()

    def again(send):
        send("f")

    engine.register(
        Function("f", on_event("f"), steps=[Step("a", lambda: 1), Step("b", again, after=after("a", wait="1h"))])
    )
    engine.send("f")
    with pytest.raises(
        RunIncompleteError, match=r"1 run is not over .* limit of 5h is reached: .*b.* is due 2024-01-01 06:00:00"
    ):
        engine.run_to_idle(limit="5h")


@pytest.mark.anyio
async def test_on_a_wall_clock_it_waits():
    async with AsyncEngine(clock=WallClock()) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(engine.work)
        link = after("a", wait="20ms")
        await engine.register(
            Function("f", on_event("f"), steps=[Step("a", lambda: 1), Step("b", lambda: 2, after=link)])
        )
        run = (await engine.send("f")).run
        await engine.run_to_idle(limit="10s")
        assert run.is_over
        await engine.send("nobody listens")
        await engine.run_to_idle(limit="10s")
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_several_may_wait_in_real_time():
    """Each is told when work is done, whoever began to wait later."""
    async with AsyncEngine(clock=WallClock()) as engine, anyio.create_task_group() as tasks:
        tasks.start_soon(engine.work)
        go = anyio.Event()
        await engine.register(Function("f", on_event("f"), steps=[Step("a", go.wait)]))
        run = (await engine.send("f")).run
        with anyio.fail_after(10):
            async with anyio.create_task_group() as waiters:
                for _ in range(3):
                    waiters.start_soon(lambda: engine.run_to_idle(limit="20s"))
                await anyio.wait_all_tasks_blocked()
                go.set()
        assert run.is_over
        tasks.cancel_scope.cancel()
