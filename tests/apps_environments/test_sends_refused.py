"""Events that a served client sends and the engine refuses."""

from __future__ import annotations

import asyncio

import inngest
import pytest
from inngest._internal.errors import SendEventsError

from inngest_testkit import Engine, Limits

from .shop import awaiting, calling, dev_client


def event(name="e", **fields):
    return inngest.Event(name=name, **fields)


BAD = [
    pytest.param(event("inngest/e"), "event name is reserved for internal use: inngest/e", id="reserved"),
    pytest.param(event("inngest/function.failed"), "event name is reserved .*: inngest/function.failed", id="internal"),
    pytest.param(event(""), "event name is empty", id="no name"),
    pytest.param(event(ts=1), "timestamp is before Jan 1, 1980", id="too early"),
    pytest.param(event(ts=4_102_444_800_001), "timestamp is after Jan 1, 2100", id="too late"),
]


@pytest.fixture
def client():
    return dev_client()


@pytest.mark.parametrize(("bad", "text"), BAD)
@pytest.mark.parametrize("how", ["sync", "async"])
def test_the_sdk_raises_the_servers_text_and_nothing_is_taken(client, bad, text, how):
    """A list with a bad event in it is refused as a whole, unlike on the server."""
    send = client.send_sync if how == "sync" else lambda events: asyncio.run(client.send(events))
    with Engine() as engine:
        engine.serve(client, [])
        with pytest.raises(SendEventsError, match=text) as caught:
            send([event("good"), bad, event("good")])
        engine.advance(0)
        assert caught.value.ids == []
        assert engine.events() == []


def test_a_name_that_only_looks_reserved_is_taken(client):
    with Engine() as engine:
        engine.serve(client, [])
        client.send_sync([event("inngest"), event("my/inngest/e")])
        assert [each.name for each in engine.events()] == ["inngest", "my/inngest/e"]


def test_an_event_over_the_limit_is_refused_with_its_size(client):
    with Engine(limits=Limits(event=200)) as engine:
        engine.serve(client, [])
        client.send_sync(event(data={"text": "x" * 100}))
        with pytest.raises(SendEventsError, match=r"Event is over the max size: Max 200 bytes / Size \d{3} bytes"):
            client.send_sync(event(data={"text": "x" * 200}))
        assert len(engine.events()) == 1


def test_the_servers_limit_is_the_default(client):
    with Engine() as engine:
        engine.serve(client, [])
        client.send_sync(event(data={"text": "x" * (3 * 1024 * 1024 - 100)}))
        with pytest.raises(SendEventsError, match="Max 3145728 bytes"):
            client.send_sync(event(data={"text": "x" * 3 * 1024 * 1024}))


def test_an_empty_list_is_nothing(client):
    with Engine() as engine:
        engine.serve(client, [])
        client.send_sync([])
        assert engine.events() == []


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_in_a_step_it_fails_the_attempt_and_the_rest_of_the_step_is_kept(client, kind):
    def send():
        client.send_sync(event("first"))
        client.send_sync(event("inngest/bad"))

    async def send_async():
        await client.send(event("first"))
        await client.send(event("inngest/bad"))

    async def async_code(ctx):
        await ctx.step.run("send", send_async)

    with Engine() as engine:
        one = (
            calling(client, lambda ctx: ctx.step.run("send", send), retries=0)
            if kind == "sync"
            else awaiting(client, async_code, retries=0)
        )
        engine.serve(client, [one])
        run = engine.send("go").run
        assert run.status == "FAILED"
        assert "event name is reserved for internal use: inngest/bad" in str(run.error)
        assert len(engine.events("first")) == 1


def test_step_send_event_is_refused_as_client_send(client):
    with Engine() as engine:
        engine.serve(client, [calling(client, lambda ctx: ctx.step.send_event("tell", event("inngest/e")), retries=0)])
        run = engine.send("go").run
        assert run.status == "FAILED"
        assert "event name is reserved for internal use: inngest/e" in str(run.error)


def test_what_json_cannot_hold_is_refused_by_the_sdk(client):
    with Engine() as engine:
        engine.serve(client, [])
        with pytest.raises(Exception, match=r"(?i)serializ|valid"):
            client.send_sync(event(data={"when": object()}))
        assert engine.events() == []
