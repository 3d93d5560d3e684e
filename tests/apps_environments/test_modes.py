"""Dev and production mode, and what the SDK's environment variables do."""

from __future__ import annotations

import inngest
import pytest
from inngest._internal.errors import EventKeyUnspecifiedError

from inngest_testkit import Engine
from inngest_testkit.errors import SetupError

from .shop import calling
from .web import KEY, flask_app, production_client

EVENT = inngest.Event(name="e")


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in ("INNGEST_DEV", "INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY", "INNGEST_ENV"):
        monkeypatch.delenv(name, raising=False)


def test_a_production_client_without_a_key_is_told_what_to_do():
    """What every client is that was made without INNGEST_DEV."""
    client = inngest.Inngest(app_id="shop")
    with Engine() as engine, pytest.raises(SetupError, match="no signing key") as caught:
        engine.serve(client, [calling(client, lambda ctx: 1)])
    assert "make it with is_production=False, or set INNGEST_DEV=1 before it is made" in str(caught.value)
    assert "conftest.py" in str(caught.value)


@pytest.mark.parametrize("value", ["1", "true", "http://localhost:8288"])
def test_inngest_dev_makes_a_dev_client(monkeypatch, value):
    monkeypatch.setenv("INNGEST_DEV", value)
    client = inngest.Inngest(app_id="shop")
    with Engine() as engine:
        engine.serve(client, [calling(client, lambda ctx: 1)])
        client.send_sync(EVENT)
        assert engine.send("go").run.output == 1


def test_a_production_client_with_keys_of_the_environment(monkeypatch):
    monkeypatch.setenv("INNGEST_SIGNING_KEY", KEY)
    monkeypatch.setenv("INNGEST_EVENT_KEY", "event-key")
    client = inngest.Inngest(app_id="shop")
    assert client.is_production
    with Engine() as engine:
        engine.serve(client, [calling(client, lambda ctx: 1)])
        client.send_sync(EVENT)
        assert (engine.send("go").run.output, len(engine.events("e"))) == (1, 1)


def test_a_production_client_without_an_event_key_cannot_send():
    """The SDK's own refusal, as in production."""
    client = inngest.Inngest(app_id="shop", is_production=True, signing_key=KEY)
    with Engine() as engine:
        engine.serve(client, [calling(client, lambda ctx: 1)])
        with pytest.raises(EventKeyUnspecifiedError):
            client.send_sync(EVENT)
        assert engine.send("go").run.output == 1


def test_a_branch_environment_changes_nothing():
    client = production_client(env="feature/x")
    with Engine() as engine:
        engine.serve(client, [calling(client, lambda ctx: 1)])
        client.send_sync(EVENT)
        assert engine.send("go").run.output == 1


def test_addresses_of_its_own_are_never_asked():
    client = inngest.Inngest(
        app_id="shop",
        is_production=False,
        api_base_url="http://api.invalid:1",
        event_api_base_url="http://events.invalid:2",
    )
    with Engine() as engine:
        engine.serve(client, [calling(client, lambda ctx: 1)])
        client.send_sync(EVENT)
        assert len(engine.events("e")) == 1


def test_a_fallback_key_takes_part_as_in_production(monkeypatch):
    """While keys are rotated the server still signs with the old one."""
    monkeypatch.setenv("INNGEST_SIGNING_KEY_FALLBACK", "signkey-test-ffff")
    client = production_client()
    with Engine() as engine:
        engine.mount(flask_app(client, [calling(client, lambda ctx: 1)]), client=client)
        client._signing_key = "signkey-test-ffff"
        engine.mount(flask_app(client, [calling(client, lambda ctx: 2)]), client=client)
        assert engine.send("go").run.output == 2


def test_steps_of_a_signed_app_are_read():
    client = production_client()
    with Engine() as engine:
        engine.serve(client, [calling(client, lambda ctx: ctx.step.run("a", lambda: 1) + ctx.step.run("b", lambda: 2))])
        assert engine.send("go").run.output == 3
