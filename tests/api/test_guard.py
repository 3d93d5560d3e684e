"""What stands before all routes: hosts, origins, headers, and a last answer."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from inngest_testkit.api import ApiSettings
from inngest_testkit.api.guard import Guard

from .conftest import client_of

FOREIGN = "http://evil.example"


async def said(client, method="GET", path="/health", **headers):
    return await client.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8288", "LOCALHOST.", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:8288", "0.0.0.0:8288"],
)
async def test_names_of_the_loopback_interface_are_answered(client, host):
    assert (await said(client, host=host)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8288",
        "localhost.evil.example",
        "evil.example.localhost.",
        "127.0.0.1.evil.example",
        "10.0.0.5",
        "[2001:db8::1]:8288",
        "localhost:80:80",
        "localhost@evil.example",
        "localhost:x",
        ":8288",
        "[",
        "",
    ],
)
async def test_other_names_are_refused_with_the_remedy(client, engine, host):
    """A name of its own that points to this machine is how a foreign page would come here (DNS rebinding)."""
    answer = await said(client, "POST", "/e/key", host=host)
    assert answer.status_code == 403
    assert "ApiSettings(hosts=(...,))" in answer.json()["error"]
    assert engine.events() == []


async def test_two_hosts_are_refused(client):
    answer = await client.get("/health", headers=[("host", "localhost"), ("host", "localhost")])
    assert answer.status_code == 403


async def test_names_that_were_allowed_are_answered(engine):
    async with client_of(engine, ApiSettings(hosts=("Inngest", "ci.example"))) as client:
        for host, status in (("inngest:8288", 200), ("CI.example.", 200), ("x.ci.example", 403), ("localhost", 200)):
            assert (await said(client, host=host)).status_code == status, host


async def test_the_address_that_was_called_is_answered(engine):
    async with client_of(engine) as client:
        assert (await client.get("http://10.1.2.3:8288/health")).status_code == 200
        assert (await client.get("http://10.1.2.3:8288/health", headers={"host": "10.1.2.4"})).status_code == 403


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "http://127.0.0.1", "http://127.0.0.1:8289", "http://[", "file://127.0.0.1:8288", ""]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_pages_of_other_origins_change_nothing(client, engine, method, origin):
    answer = await client.request(method, "/e/key", headers={"origin": origin}, json={"name": "e"})
    assert answer.status_code == 403
    assert "another origin" in answer.json()["error"]
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert engine.events() == []


async def test_the_servers_own_page_may_send(client, engine):
    for origin in ("http://127.0.0.1:8288", "https://127.0.0.1:8288"):
        answer = await client.post("/e/key", headers={"origin": origin}, json={"name": "e"})
        assert answer.status_code == 200
    assert len(engine.events("e")) == 2


async def test_reading_from_another_origin_is_answered_and_cannot_be_read_there(client):
    answer = await said(client, origin=FOREIGN)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/health", "localhost", 200),
        ("GET", "/nowhere", "localhost", 404),
        ("GET", "/e/key", "localhost", 405),
        ("POST", "/e/key", "localhost", 200),
        ("GET", "/health", "evil.example", 403),
    ],
)
async def test_every_answer_has_the_headers(client, method, path, host, status):
    answer = await said(client, method, path, host=host)
    assert answer.status_code == status
    expected = {
        "x-inngest-server-kind": "dev",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    }
    assert {name: answer.headers.get_list(name) for name in expected} == {k: [v] for k, v in expected.items()}


# -- around other applications


async def fails(_):
    raise ZeroDivisionError("secret")


async def is_left(_):
    raise ClientDisconnect


async def fails_late(_):
    async def parts():
        yield b"one"
        raise ZeroDivisionError

    return StreamingResponse(parts())


async def page(_):
    return HTMLResponse("<p>", headers={"content-security-policy": "script-src 'self'"})


async def text(_):
    return PlainTextResponse("text")


@pytest.fixture
async def guarded():
    routes = [
        Route("/e/{key}", fails),
        Route("/left", is_left),
        Route("/late", fails_late),
        Route("/page", page),
        Route("/text", text),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as client:
        yield client


async def test_what_fails_is_logged_and_answered_without_details(guarded, caplog):
    answer = await guarded.get("/e/the-key")
    assert (answer.status_code, answer.json()["status"]) == (500, 500)
    assert "secret" not in answer.text
    assert "GET fails failed" in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text
    assert "the-key" not in caplog.text


async def test_what_fails_in_the_middle_of_its_answer_is_logged(guarded, caplog):
    await guarded.get("/late")
    assert "GET fails_late failed" in caplog.text


async def test_a_client_that_leaves_is_no_failure(caplog):
    routes = [Route("/left", is_left)]
    app = Starlette(routes=routes, middleware=[Middleware(Guard)])
    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost")]
    await app({"type": "http", "method": "GET", "path": "/left", "headers": headers, "query_string": b""}, None, send)
    assert (sent, caplog.text) == ([], "")


async def test_a_page_keeps_its_own_policy(guarded):
    assert (await guarded.get("/page")).headers.get_list("content-security-policy") == ["script-src 'self'"]


async def test_websockets_are_guarded_too():
    sent = []

    async def send(message):
        sent.append(message)

    app = Starlette(middleware=[Middleware(Guard)])
    scope = {"type": "websocket", "path": "/", "subprotocols": []}
    await app({**scope, "headers": [(b"host", b"localhost"), (b"origin", FOREIGN.encode())]}, None, send)
    await app({**scope, "headers": [(b"host", b"evil.example")]}, None, send)
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)] * 2
