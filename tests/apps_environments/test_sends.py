"""Events that a served client sends: from steps, from functions, from plain code."""

from __future__ import annotations

import asyncio
import threading

import inngest
import pytest

from inngest_testkit import Engine, Function, Step, on_event

from .shop import START_MS, awaiting, calling, dev_client, listening_to


@pytest.fixture
def engine():
    with Engine() as engine:
        yield engine


@pytest.fixture
def client():
    return dev_client()


def paid(**fields):
    return inngest.Event(name="order/paid", data={"n": 1}, **fields)


def test_a_step_sends_and_the_event_starts_a_run(engine, client):
    seen = []
    function = calling(client, lambda ctx: ctx.step.run("send", lambda: client.send_sync(paid())))
    engine.serve(client, [function, listening_to(client, "order/paid", seen)])
    run = engine.send("go").run
    assert run.output == [seen[0].id]
    assert (seen[0].name, seen[0].data, seen[0].ts) == ("order/paid", {"n": 1}, START_MS)


def test_an_async_step_sends(engine, client):
    async def code(ctx):
        async def send():
            return await client.send([paid(), inngest.Event(name="order/sent")])

        return await ctx.step.run("send", send)

    seen = []
    engine.serve(client, [awaiting(client, code), listening_to(client, "order/*", seen)])
    run = engine.send("go").run
    assert [event.name for event in seen] == ["order/paid", "order/sent"]
    assert run.output == [event.id for event in seen]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_outside_of_steps_every_entry_of_the_handler_sends(engine, client, kind):
    """As on the server: only what is in a step is done once."""

    def code(ctx):
        client.send_sync(paid())
        ctx.step.run("a", lambda: None)

    async def async_code(ctx):
        async def nothing():
            pass

        await client.send(paid())
        await ctx.step.run("a", nothing)

    engine.serve(client, [calling(client, code) if kind == "sync" else awaiting(client, async_code)])
    engine.send("go")
    assert len(engine.events("order/paid")) == 2


def test_a_failed_attempt_has_sent_what_it_sent(engine, client):
    """The SDK's events leave at once, so the retry sends them again."""

    def charge():
        client.send_sync(paid())
        if len(attempts := [*attempts_made, 1]) < 2:
            attempts_made[:] = attempts
            raise RuntimeError("declined")

    attempts_made = []
    engine.serve(client, [calling(client, lambda ctx: ctx.step.run("charge", charge), retries=1)])
    run = engine.send("go").run
    engine.run_until_complete(run)
    assert run.status == "COMPLETED"
    assert [event.ts for event in engine.events("order/paid")] == [START_MS, START_MS + 15_000]


def test_a_step_send_event_is_memoised(engine, client):
    engine.serve(client, [calling(client, lambda ctx: ctx.step.send_event("tell", [paid(), paid(id="mine")]))])
    run = engine.send("go").run
    first, second = engine.events("order/paid")
    assert run.output[0] == first.id
    assert second.id == "mine" != run.output[1]


def test_an_own_id_is_the_events_and_the_answer_is_generated(engine, client):
    seen = []
    engine.serve(client, [listening_to(client, "order/paid", seen)])
    ids = client.send_sync([paid(id="mine"), paid(id="mine"), paid()])
    assert [event.id for event in engine.events("order/paid")] == ["mine", "mine", ids[2]]
    assert "mine" not in ids
    assert len(set(ids)) == 3
    assert len(seen) == 2  # an id starts a function once


def test_ts_is_the_engines_now_unless_it_is_the_senders(engine, client):
    engine.serve(client, [])
    engine.advance("2h")
    client.send_sync([paid(), paid(ts=1_700_000_000_123), paid(ts=4_000_000_000_000)])
    assert [event.ts for event in engine.events()] == [START_MS + 7_200_000, 1_700_000_000_123, 4_000_000_000_000]


def test_what_is_sent_in_the_test_is_worked_before_send_returns(engine, client):
    seen = []
    engine.serve(client, [listening_to(client, "order/paid", seen)])
    (made,) = client.send_sync(paid())
    assert [event.id for event in seen] == [made]


def test_asyncio_run_in_a_sync_test_is_worked_at_the_engines_next_call(engine, client):
    """While another loop runs, the sync engine can only keep events."""
    seen = []
    engine.serve(client, [listening_to(client, "order/paid", seen)])
    ids = asyncio.run(client.send([paid(), paid()]))
    assert seen == []
    engine.advance(0)
    assert [event.id for event in seen] == ids


def test_events_kept_come_before_what_is_sent_next(engine, client):
    seen = []
    engine.serve(client, [listening_to(client, "e", seen)])
    asyncio.run(client.send(inngest.Event(name="e", data={"n": 1})))
    engine.send("e", {"n": 2})
    assert [event.data["n"] for event in seen] == [1, 2]


def test_another_threads_send_is_kept(engine, client):
    seen = []
    engine.serve(client, [listening_to(client, "order/paid", seen)])
    thread = threading.Thread(target=client.send_sync, args=[paid()])
    thread.start()
    thread.join()
    assert seen == []
    engine.advance(0)
    assert len(seen) == 1


def test_a_client_made_in_another_thread_sends_from_async_steps(engine):
    """There the SDK sends with its sync half, from a thread of a pool."""
    made = []
    thread = threading.Thread(target=lambda: made.append(dev_client()))
    thread.start()
    thread.join()
    (client,) = made

    async def code(ctx):
        async def send():
            return await client.send(paid())

        return await ctx.step.run("send", send)

    engine.serve(client, [awaiting(client, code)])
    run = engine.send("go").run
    assert run.output == [event.id for event in engine.events("order/paid")]


def test_a_python_step_of_a_dag_function_sends_through_a_served_client(engine, client):
    """Like the step's own `send`: the event takes effect when the step is completed."""
    seen = []
    engine.serve(client, [listening_to(client, "order/paid", seen)])
    engine.register(Function("dag", on_event("go"), steps=[Step("send", lambda: client.send_sync(paid()))]))
    run = engine.send("go").run
    assert run.steps["send"].output == [seen[0].id]


def test_an_async_python_step_sends_through_a_served_client(engine, client):
    engine.serve(client, [])
    engine.register(Function("dag", on_event("go"), steps=[Step("send", lambda: client.send(paid()))]))
    run = engine.send("go").run
    assert run.output == [event.id for event in engine.events("order/paid")]


def test_helpers_of_the_application_send_without_the_engine_at_hand(engine, client):
    """A view or a service function holds the client only."""

    class Orders:
        def pay(self):
            return client.send_sync(paid())

    seen = []
    engine.serve(client, [listening_to(client, "order/paid", seen)])
    Orders().pay()
    assert len(seen) == 1


def test_with_auto_off_a_sent_event_waits(client):
    seen = []
    with Engine(auto=False) as engine:
        engine.serve(client, [listening_to(client, "order/paid", seen)])
        client.send_sync(paid())
        assert (len(engine.runs()), seen) == (1, [])
        engine.run_next()
        assert len(seen) == 1
