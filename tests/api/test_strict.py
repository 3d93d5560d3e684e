"""The strict mode: events are taken with a key that the source registry knows."""

from __future__ import annotations

import logging

import anyio
import httpx
import pytest

from inngest_testkit import Engine
from inngest_testkit.api import ApiSettings
from inngest_testkit.api.keys import create_key, revoke_key
from inngest_testkit.api.server import LiveServer
from inngest_testkit.data_store.memory import MemoryDataStore
from inngest_testkit.errors import SetupError

from .conftest import client_of

STRICT = ApiSettings(strict=True, event_keys=("from-the-start", "another_1"))


async def sent(client, key, path="/e/"):
    return await client.post(f"{path}{key}", json={"name": "e"})


async def test_known_keys_send(engine):
    async with client_of(engine, STRICT) as client:
        for _ in range(2):
            key = (await create_key(engine._core.data, "shop", engine.now)).text
            assert (await sent(client, key)).status_code == 200
        for key in STRICT.event_keys:
            assert (await sent(client, key)).status_code == 200
    assert len(engine.events()) == 4


@pytest.mark.parametrize(
    "key", ["unknown", "FROM-THE-START", "from-the-start-", "from-the-star", "%00", "%F0%9F", "x" * 9999]
)
async def test_unknown_keys_are_refused(engine, key):
    async with client_of(engine, STRICT) as client:
        made = await create_key(engine._core.data, "shop", engine.now)
        for wrong in (key, made.key.id, made.key.hash, made.key.prefix):
            answer = await sent(client, wrong)
            error = "Event key not found: make one with `inngest-testkit keys create`"
            assert answer.json() == {"ids": [], "status": 401, "error": error}
            assert answer.status_code == 401
    assert engine.events() == []


async def test_a_missing_key_is_refused(engine):
    async with client_of(engine, STRICT) as client:
        for path in ("/e", "/e/"):
            answer = await sent(client, "", path)
            assert (answer.status_code, answer.json()["ids"]) == (401, [])
            assert answer.json()["error"].startswith("Event key is required")
    assert engine.events() == []


async def test_a_key_is_refused_once_it_is_revoked(engine):
    data = engine._core.data
    async with client_of(engine, STRICT) as client:
        one, other = [await create_key(data, name, engine.now) for name in ("one", "other")]
        await revoke_key(data, one.key.id, engine.now)
        answer = await sent(client, one.text)
        assert (answer.status_code, answer.json()["status"]) == (401, 401)
        assert answer.json()["error"].startswith("Event key is revoked")
        assert (await sent(client, other.text)).status_code == 200
    assert len(engine.events()) == 1


async def test_a_key_is_looked_at_before_the_body(engine):
    async with client_of(engine, STRICT) as client:
        answer = await client.post("/e/unknown", content=b"x" * 100, headers={"content-length": str(2**40)})
        assert answer.status_code == 401


async def test_in_dev_mode_any_key_will_do(engine):
    async with client_of(engine, ApiSettings(event_keys=("key",))) as client:
        assert (await sent(client, "any")).status_code == 200


class Elsewhere(MemoryDataStore):
    """A store that suspends, as one on a network does."""

    never_suspends = False


def test_keys_in_a_store_that_suspends_are_looked_up_too():
    with Engine(data=Elsewhere()) as engine:
        key = engine._call(create_key(engine._core.data, "shop", engine.now)).text

        async def send():
            async with client_of(engine, STRICT) as client:
                return [(await sent(client, each)).status_code for each in (key, "unknown")]

        assert anyio.run(send) == [200, 401]


@pytest.mark.parametrize("keys", ["key", ("",), ("a b",), ("ok", "a/b")])
def test_keys_that_no_url_can_hold_are_refused_without_being_shown(keys):
    with pytest.raises(SetupError, match=r"^event_keys is a tuple of keys; a key has letters, digits, '-' and '_'$"):
        ApiSettings(event_keys=keys)


def test_settings_show_no_keys():
    shown = repr(ApiSettings(event_keys=("secret",), signing_key="signkey-test-5ec2e7"))
    assert "secret" not in shown
    assert "5ec2e7" not in shown


def test_no_key_is_logged(caplog, capfd):
    """Neither here nor by the server around it, whatever becomes of the request."""
    for client_log in ("httpx", "httpcore"):
        caplog.set_level(logging.CRITICAL, logger=client_log)
    caplog.set_level(logging.DEBUG)
    key, engine = "the-secret-key", Engine()
    server = LiveServer(engine, settings=ApiSettings(strict=True, event_keys=(key,)))
    with server, httpx.Client(base_url=server.url) as client:
        fails = engine._core.keep
        for content in (b'{"name": "e"}', b"[", b"\xff"):
            client.post(f"/e/{key}", content=content)
        client.post(f"/e/{key}x", content=b"{}")
        client.get(f"/e/{key}")
        client.post(f"/e/{key}", content=b"{}", headers={"host": "evil.example"})
        engine._core.keep = None
        assert client.post(f"/e/{key}", content=b'{"name": "e"}').status_code == 500
        engine._core.keep = fails
    assert "_Events.receive failed" in caplog.text
    out = capfd.readouterr()
    for text in (caplog.text, out.out, out.err):
        assert key not in text
