"""Which engine a client reaches, and that it is given back."""

from __future__ import annotations

import asyncio
import gc
import weakref

import httpx
import inngest
import pytest
import respx

import inngest_testkit.sdk.client as client_module
from inngest_testkit import Engine, UnservedClientError
from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.private import http_clients

from .shop import calling, dev_client, listening_to
from .web import flask_app

EVENT = inngest.Event(name="e")
SERVER = "http://127.0.0.1:8288/e/NO_EVENT_KEY_SET"


def transports_of(client):
    return [(half._transport, half._mounts) for half in http_clients(client)]


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """No engine that another test has left open counts."""
    monkeypatch.setattr(client_module, "_owners", weakref.WeakSet())


@pytest.fixture
def server():
    """The dev server of the SDK's default address, as far as it takes events."""
    with respx.mock(assert_all_called=False) as mock:
        yield mock.post(SERVER).respond(json={"ids": ["from-the-server"], "status": 200})


def test_a_second_engine_takes_a_client_over():
    client, seen = dev_client(), []
    listener = listening_to(client, "e", seen)
    with Engine() as first, Engine() as second:
        first.serve(client, [listener])
        client.send_sync(EVENT)
        second.serve(client, [listener])
        client.send_sync(EVENT)
        assert [len(engine.events("e")) for engine in (first, second)] == [1, 1]
        assert len(seen) == 2


def test_an_engine_that_lost_a_client_does_not_cut_it_when_closed():
    client = dev_client()
    with Engine() as second:
        with Engine() as first:
            first.serve(client, [])
            second.serve(client, [])
        client.send_sync(EVENT)
        assert len(second.events()) == 1


def test_an_engine_that_lost_a_client_still_calls_its_functions():
    """What the function sends goes to the engine that has the client."""
    client = dev_client()
    function = calling(client, lambda ctx: ctx.step.run("send", lambda: client.send_sync(EVENT)))
    with Engine() as first, Engine() as second:
        first.serve(client, [function])
        second.serve(client, [])
        run = first.send("go").run
        assert run.status == "COMPLETED"
        second.advance(0)
        assert (len(first.events("e")), len(second.events("e"))) == (0, 1)


def test_one_engine_after_the_other(server):
    client, seen = dev_client(), []
    before = transports_of(client)
    for _ in range(3):
        with Engine() as engine:
            engine.serve(client, [listening_to(client, "e", seen)])
            client.send_sync(EVENT)
            assert len(engine.events("e")) == 1
        assert transports_of(client) == before
    assert len(seen) == 3
    assert not server.called


def test_after_close_a_client_sends_to_its_server_again(server):
    client = dev_client()
    with Engine() as engine:
        engine.serve(client, [])
    assert client.send_sync(EVENT) == ["from-the-server"]
    assert asyncio.run(client.send(EVENT)) == ["from-the-server"]
    assert engine.events() == []


def test_an_unserved_client_is_refused_by_its_name(server):
    served, other = dev_client(), dev_client("crm")
    with Engine() as engine:
        engine.serve(served, [])
        with pytest.raises(
            UnservedClientError, match=r"^the client of app 'crm' is not served by the engine"
        ) as caught:
            other.send_sync(EVENT)
        assert caught.value.app_id == "crm"
        with pytest.raises(UnservedClientError, match="'crm'"):
            asyncio.run(other.send(EVENT))
        assert not server.called
    assert other.send_sync(EVENT) == ["from-the-server"]


def test_an_unserved_client_in_a_step_fails_the_step():
    client, other = dev_client(), dev_client("crm")
    with Engine() as engine:
        engine.serve(
            client, [calling(client, lambda ctx: ctx.step.run("s", lambda: other.send_sync(EVENT)), retries=0)]
        )
        run = engine.send("go").run
        assert run.error.name == "UnservedClientError"
        assert "engine.serve(client, [...]) first" in run.error.message


def test_an_engine_that_serves_nothing_refuses_nobody(server):
    with Engine() as engine:
        engine.send("e")
        assert dev_client().send_sync(EVENT) == ["from-the-server"]


def test_an_engine_and_a_client_that_are_dropped_without_close_are_forgotten(server):
    def leave_open():
        client, engine = dev_client(), Engine()
        engine.serve(client, [calling(client, lambda ctx: None)])
        return weakref.ref(client), weakref.ref(engine)

    gone = leave_open()
    gc.collect()
    assert [each() for each in gone] == [None, None]
    assert dev_client("crm").send_sync(EVENT) == ["from-the-server"]


def test_an_engine_that_is_dropped_without_close_gives_its_clients_back(server):
    """Such as the client of an application's module, which lives as long as the process."""
    client = dev_client()
    before = transports_of(client)
    engine = Engine()
    engine.serve(client, [calling(client, lambda ctx: None)])
    engine.send("go")
    assert transports_of(client) != before
    del engine
    gc.collect()
    assert transports_of(client) == before
    assert dev_client("crm").send_sync(EVENT) == ["from-the-server"]


def test_mounting_without_a_client_leaves_those_of_other_engines(server):
    """The app's client is found by trying all of them; the others are given back."""
    shop, crm, unserved = dev_client(), dev_client("crm"), dev_client("mail")
    before = transports_of(unserved)
    with Engine() as first, Engine() as second:
        first.serve(shop, [])
        second.mount(flask_app(crm, [calling(crm, lambda ctx: None)]))
        shop.send_sync(EVENT)
        crm.send_sync(EVENT)
        assert [len(engine.events("e")) for engine in (first, second)] == [1, 1]
        assert transports_of(unserved) == before
        with pytest.raises(UnservedClientError, match="'mail'"):
            unserved.send_sync(EVENT)


def test_a_mount_that_fails_leaves_every_client_where_it_was(server):
    shop, crm = dev_client(), dev_client("crm")
    with Engine() as first, Engine() as second:
        first.serve(shop, [])
        with pytest.raises(SetupError, match="did not register its functions"):
            second.mount(flask_app(crm, []), "/elsewhere")
        shop.send_sync(EVENT)
        assert len(first.events("e")) == 1
        second.close()
        first.close()
        assert crm.send_sync(EVENT) == ["from-the-server"]


def test_clients_of_several_apps_reach_one_engine():
    shop, crm, seen = dev_client(), dev_client("crm"), []
    with Engine() as engine:
        engine.serve(shop, [listening_to(shop, "e", seen)])
        engine.serve(crm, [listening_to(crm, "e", seen)])
        crm.send_sync(EVENT)
        shop.send_sync(EVENT)
        assert len(seen) == 4


def test_serving_a_client_again_keeps_its_connection():
    client, seen = dev_client(), []
    before = transports_of(client)
    with Engine() as engine:
        engine.serve(client, [listening_to(client, "e", seen)])
        engine.serve(client, [listening_to(client, "e", seen), calling(client, lambda ctx: None)])
        client.send_sync(EVENT)
        assert len(seen) == 1
    assert transports_of(client) == before


def test_a_client_that_could_not_be_served_is_given_back():
    client = dev_client()
    before = transports_of(client)
    with Engine() as engine:
        broken = client.create_function(fn_id="f", trigger=inngest.TriggerCron(cron="no cron"))(lambda ctx: None)
        with pytest.raises(SetupError, match="no cron"):
            engine.serve(client, [broken])
        assert transports_of(client) == before


def test_close_twice_is_once():
    client = dev_client()
    engine = Engine()
    engine.serve(client, [])
    engine.close()
    engine.close()
    with Engine() as other:
        other.serve(client, [])
        engine.close()
        client.send_sync(EVENT)
        assert len(other.events()) == 1


def test_a_client_with_a_proxy_and_transport_of_its_own_gets_them_back(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    client = dev_client()
    before = transports_of(client)
    assert any(mounts for _, mounts in before)
    with Engine() as engine:
        engine.serve(client, [])
        client.send_sync(EVENT)
        assert len(engine.events()) == 1
    assert transports_of(client) == before
    assert all(isinstance(each, httpx.Client | httpx.AsyncClient) for each in http_clients(client))
