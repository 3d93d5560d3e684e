"""What SDK functions cost in the engine, relative to the SDK itself and to its own stand-in for a server."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from datetime import timedelta

import inngest
import pytest
from inngest.experimental import mocked

from inngest_testkit import Engine, Event, RunStatus
from inngest_testkit.sdk.private import Handler

from .measuring import best, ratio

#: A whole run through the engine, over one through `mocked.trigger`, by number of steps.
WHOLE_RUN = {1: 1.8, 10: 1.0, 100: 0.75}
#: The engine's part of the time of a run of ten steps; the rest is the SDK's.
OWN_SHARE = 0.42
#: A run among 2,000 of one send, over one among 100.
CROWD = 1.3
#: Memory of a finished run among 4,000, over one among 2,000.
MEMORY = 1.1
#: Thirty days of three functions, with retries, over their handlers in `mocked.trigger`.
WORKFLOW = 2.0

client = inngest.Inngest(app_id="shop", is_production=False)
mock_client = mocked.Inngest(app_id="shop", is_production=False)
GO = inngest.Event(name="go", data={"id": 1})


def one():
    return {"ok": True}


async def one_async():
    return {"ok": True}


def sync_function(steps, event="go"):
    @client.create_function(fn_id=f"sync-{steps}", trigger=inngest.TriggerEvent(event=event))
    def function(ctx: inngest.ContextSync) -> str:
        for number in range(steps):
            ctx.step.run(f"s{number}", one)
        return "done"

    return function


def async_function(steps):
    @client.create_function(fn_id=f"async-{steps}", trigger=inngest.TriggerEvent(event="go"))
    async def function(ctx: inngest.Context) -> str:
        for number in range(steps):
            await ctx.step.run(f"s{number}", one_async)
        return "done"

    return function


@pytest.fixture
def engine_of():
    engines = []
    gc.collect()
    gc.freeze()  # what other tests left is not passed over

    def serve(*functions):
        engine = Engine(max_steps=10**9)
        engine.serve(client, list(functions))
        engines.append(engine)
        return engine

    yield serve
    gc.unfreeze()
    for engine in engines:
        engine.close()


@pytest.fixture
def one_loop():
    """`mocked` runs async functions on the current event loop; without one it makes one for each entry."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("one_loop")
@pytest.mark.parametrize("steps", WHOLE_RUN)
@pytest.mark.parametrize("make", [sync_function, async_function], ids=["sync", "async"])
def test_a_run_costs_little_more_than_through_mocked_and_less_with_more_steps(report, engine_of, make, steps):
    function = make(steps)
    engine = engine_of(function)
    times = max(1, 50 // steps)
    attempts = 2 if steps > 10 else 3

    def ours():
        for _ in range(times):
            engine.send("go", {"id": 1})

    def theirs():
        for _ in range(times):
            mocked.trigger(function, GO, mock_client)

    assert report(ours, ratio(ours, theirs, attempts)) <= WHOLE_RUN[steps]
    assert {run.status for run in engine.runs()} == {RunStatus.COMPLETED}


def test_most_of_a_run_is_spent_in_the_sdk(report, engine_of, monkeypatch):
    inside = 0.0
    enter = Handler.enter_sync

    def timed(self, *args):
        nonlocal inside
        start = time.thread_time()
        try:
            return enter(self, *args)
        finally:
            inside += time.thread_time() - start

    monkeypatch.setattr(Handler, "enter_sync", timed)
    engine = engine_of(sync_function(10))
    rounds = []

    def work():
        for _ in range(20):
            engine.send("go", {"id": 1})

    for _ in range(20):
        inside = 0.0
        whole = best(work, rounds=1)
        rounds.append((whole, inside))
    whole, inside = min(rounds)
    assert report(work, 1 - inside / whole) <= OWN_SHARE


def test_a_run_among_2_000_of_one_send_costs_what_one_among_100_does(report, engine_of):
    function = sync_function(1)
    many_events = [Event(name="go", data={"id": number}) for number in range(2000)]
    engine = engine_of(function)

    def many():
        engine.send(many_events)

    def few():
        for start in range(0, 2000, 100):
            engine.send(many_events[start : start + 100])

    measured = min(best(many, rounds=1) / best(few, rounds=1) for _ in range(2))
    assert report(many, measured, rounds=1) <= CROWD


def test_a_finished_run_keeps_as_much_memory_among_4_000_as_among_2_000(engine_of):
    engine = engine_of(sync_function(1))
    engine.send([Event(name="go", data={"id": number}) for number in range(200)])
    kept = {}
    tracemalloc.start()
    try:
        for count in (2000, 4000):
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            engine.send([Event(name="go", data={"id": number}) for number in range(count)])
            gc.collect()
            kept[count] = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert kept[4000] / kept[2000] <= MEMORY


def drip_functions():
    @client.create_function(fn_id="tips", trigger=inngest.TriggerEvent(event="tips/wanted"))
    def tips(ctx: inngest.ContextSync) -> object:
        return ctx.step.run("choose", one)

    def told(ctx: inngest.ContextSync) -> None:
        ctx.step.run("tell", one)

    def decline():
        raise RuntimeError("declined")

    @client.create_function(fn_id="drip", trigger=inngest.TriggerEvent(event="signed.up"), retries=2, on_failure=told)
    def drip(ctx: inngest.ContextSync) -> None:
        ctx.step.run("welcome", one)
        ctx.step.sleep("settle in", timedelta(days=7))
        ctx.step.wait_for_event("login", event="logged.in", timeout=timedelta(days=22))
        ctx.step.invoke("tips", function=tips, data={"id": 1})
        ctx.step.run("bill", decline)

    @client.create_function(fn_id="as-told", trigger=inngest.TriggerEvent(event="unused"))
    def alone(ctx: inngest.ContextSync) -> None:
        told(ctx)

    return drip, tips, alone


def test_thirty_days_of_three_functions_cost_little_more_than_their_handlers(report, engine_of):
    drip, tips, alone = drip_functions()
    engine = engine_of(drip, tips)
    stubs = {"login": mocked.Timeout, "tips": {"ok": True}}
    signed_up = inngest.Event(name="signed.up", data={"id": 1})

    def ours():
        for _ in range(20):
            engine.send("signed.up", {"id": 1})
        engine.advance("30d")

    def theirs():
        for _ in range(20):
            mocked.trigger(drip, signed_up, mock_client, step_stubs=stubs)
            mocked.trigger(tips, signed_up, mock_client)
            mocked.trigger(alone, signed_up, mock_client)

    assert report(ours, ratio(ours, theirs, attempts=3)) <= WORKFLOW
    assert {run.status for run in engine.runs(function=drip)} == {RunStatus.FAILED}
    assert {run.status for run in engine.runs(function="drip-failure")} == {RunStatus.COMPLETED}
