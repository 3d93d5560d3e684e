"""Who may call which route: from this machine and from another, with keys and without, for every route there is."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import httpx
import pytest
from starlette.routing import Route

from inngest_testkit import AsyncEngine, Function, Step, on_event
from inngest_testkit.api import ApiSettings, make_app
from inngest_testkit.api.app import app_of, make_core_app
from inngest_testkit.api.face import Face
from inngest_testkit.api.host import host_of

from .test_testkit_runs import from_address

HERE, ELSEWHERE = "127.0.0.1", "10.0.0.7"
SIGNING_KEY = "signkey-test-5ec2e7"
HASH = hashlib.sha256(bytes.fromhex("5ec2e7")).hexdigest()
DEV = ApiSettings(event_keys=("good",))
STRICT = replace(DEV, strict=True)
SIGNED = replace(DEV, signing_key=SIGNING_KEY)

#: Every route, by who may call it. A new one belongs where the least may that have to.
ROUTES = {
    "whoever reaches the port": [
        "GET /health",
        "GET /dev",
        "GET /openapi.json",
        "GET /",
        "GET /page/app.css",
        "GET /page/app.js",
        "GET /page/clock.js",
        "GET /page/dom.js",
        "GET /page/events.js",
        "GET /page/functions.js",
        "GET /page/graph.js",
        "GET /page/icon.svg",
        "GET /page/index.html",
        "GET /page/run.js",
        "GET /page/runs.js",
        "GET /page/send.js",
        "GET /page/server.js",
    ],
    "sources": ["POST /e/{key}", "POST /e/", "POST /e", "POST /invoke/{slug:path}"],
    "apps": [
        "POST /fn/register",
        "PUT /fn/register",
        "POST /v1/checkpoint/{run_id}/async",
        "GET /v0/runs/{run_id}/actions",
        "GET /v0/runs/{run_id}/batch",
    ],
    "this machine and who has the signing key": [
        "GET /v1/events",
        "GET /v1/events/{event_id}",
        "GET /v1/events/{event_id}/runs",
        "GET /v1/runs/{run_id}",
        "GET /v1/runs/{run_id}/jobs",
        "DELETE /v1/runs/{run_id}",
        "GET /v1/apps/{app_id}/functions",
        "POST /v1/signals",
        "GET /v1/cancellations",
        "POST /v1/cancellations",
        "DELETE /v1/cancellations/{id}",
        "POST /v0/gql",
    ],
    "this machine": [
        "POST /gql",
        "GET /page/stream",
        "GET /page/status.json",
        "GET /page/runs.json",
        "GET /page/runs/{run_id}.json",
        "GET /page/events.json",
        "GET /page/event.json",
        "GET /page/functions.json",
    ],
    "this machine unless strict": [
        "GET /testkit/clock",
        "POST /testkit/clock",
        "GET /testkit/queue",
        "POST /testkit/queue",
        "POST /testkit/reset",
        "POST /testkit/events",
        "GET /testkit/runs",
        "GET /testkit/runs/{run_id}",
        "POST /testkit/runs/{run_id}/cancel",
        "GET /testkit/mocks",
        "POST /testkit/mocks",
        "DELETE /testkit/mocks",
    ],
}
#: With which status each class refuses, 0 where it does not: the address, the settings, whether a key comes along.
#: The classes are in the order of `ROUTES`.
CASES = [
    (HERE, DEV, None, (0, 0, 0, 0, 0, 0)),
    (ELSEWHERE, DEV, None, (0, 0, 0, 403, 403, 403)),
    (HERE, STRICT, None, (0, 401, 0, 0, 0, 403)),
    (HERE, STRICT, "bad", (0, 401, 0, 0, 0, 403)),
    (HERE, STRICT, "good", (0, 0, 0, 0, 0, 403)),
    (ELSEWHERE, STRICT, None, (0, 401, 0, 403, 403, 403)),
    (ELSEWHERE, STRICT, "bad", (0, 401, 0, 403, 403, 403)),
    (ELSEWHERE, STRICT, "good", (0, 0, 0, 403, 403, 403)),
    (HERE, SIGNED, None, (0, 0, 401, 0, 0, 0)),
    (HERE, SIGNED, HASH, (0, 0, 0, 0, 0, 0)),
    (ELSEWHERE, SIGNED, None, (0, 0, 401, 401, 403, 403)),
    (ELSEWHERE, SIGNED, SIGNING_KEY, (0, 0, 401, 401, 403, 403)),
    (ELSEWHERE, SIGNED, HASH, (0, 0, 0, 0, 403, 403)),
    (ELSEWHERE, replace(SIGNED, strict=True), HASH, (0, 401, 0, 0, 403, 403)),
    (ELSEWHERE, replace(DEV, remote_control=True), None, (0, 0, 0, 0, 0, 0)),
    (ELSEWHERE, replace(STRICT, remote_control=True), None, (0, 401, 0, 0, 0, 403)),
    (ELSEWHERE, replace(SIGNED, remote_control=True), None, (0, 0, 401, 0, 0, 0)),
]

pytestmark = pytest.mark.anyio


def address_of(path, key):
    """An address that a route is for; of `/e/{key}` with the key."""
    return path.replace("{key}", key or "nobodys").replace(":path}", "}").replace("{", "").replace("}", "")


def test_every_route_has_its_place_here():
    found = [f"{method} {route.path}" for route in make_app(AsyncEngine()).routes for method in route.methods]
    listed = [route for routes in ROUTES.values() for route in routes]
    assert sorted(route for route in found if not route.startswith("HEAD ")) == sorted(listed)


@pytest.mark.parametrize(
    ("address", "settings", "key", "expected"),
    CASES,
    ids=[
        f"{address}{' strict' * settings.strict}{' signed' * (settings.signing_key is not None)}"
        f"{' remote' * settings.remote_control} {key}"
        for address, settings, key, _ in CASES
    ],
)
async def test_each_route_refuses_who_may_not_call_it(engine, address, settings, key, expected):
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    found, wanted = {}, {}
    async with from_address(engine, address, settings) as client:
        for routes, refusal in zip(ROUTES.values(), expected, strict=True):
            for route in routes:
                method, path = route.split()
                if path == "/page/stream" and refusal == 0:
                    continue  # it does not end; `page/test_page_stream.py` reads it
                answer = await client.request(method, address_of(path, key), headers=headers)
                found[route] = answer.status_code if answer.status_code in (401, 403) else 0
                # Without a key in the address no events are taken, whoever sends them.
                wanted[route] = 401 if route in ("POST /e", "POST /e/") else refusal
    assert found == wanted


async def test_a_refusal_says_what_to_do(engine):
    async with from_address(engine, ELSEWHERE, STRICT) as client:
        answer = (await client.post("/gql", json={"query": 'mutation {createSourceKey(name: "x") {key}}'})).json()
        assert answer["error"].startswith(f"/gql is open to this machine only, and the request came from {ELSEWHERE}; ")
        assert "start it with --remote-control, or with ApiSettings(remote_control=True)" in answer["error"]
        assert (answer["data"], answer["status"]) == (None, 403)
    assert list(await engine._core.data.source_keys()) == []


async def test_who_has_not_the_signing_key_is_told_of_it(engine):
    async with from_address(engine, ELSEWHERE, SIGNED) as client:
        error = (await client.get("/v1/events")).json()["error"]
    assert error.startswith("/v1/events is open to this machine and to who has the server's signing key, ")


async def test_in_strict_mode_functions_are_invoked_with_a_key(engine):
    await engine.register(Function("f", on_event("f"), steps=[Step("s", lambda: 1)]))
    async with from_address(engine, ELSEWHERE, STRICT) as client:

        async def invoked(**headers):
            answer = await client.post("/invoke/f", json={"data": {}}, headers=headers)
            return answer.status_code, answer.json().get("error")

        needed = "Event key is required: send it in the header Authorization: Bearer KEY"
        for headers in ({}, {"authorization": "good"}, {"authorization": "Bearer "}, {"authorization": "Basic good"}):
            assert await invoked(**headers) == (401, needed)
        unknown = "Event key not found: make one with `inngest-testkit keys create`"
        assert await invoked(authorization="Bearer bad") == (401, unknown)
        assert engine.events() == []
        assert await invoked(authorization="Bearer good") == (200, None)
        assert await invoked(authorization="bearer good") == (200, None)


async def test_the_core_api_on_a_port_of_its_own_asks_nobody(engine):
    """Who reaches that port may deploy, as in the server."""
    transport = httpx.ASGITransport(make_core_app(engine), client=(ELSEWHERE, 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8300") as client:
        answer = await client.post("/gql", json={"query": "{functions {functionId}}"})
        assert (answer.status_code, answer.json()) == (200, {"data": {"functions": []}})
        assert (await client.get("/")).status_code == 200


async def test_a_server_without_control_keeps_the_core_api_closed_too(engine):
    async with from_address(engine, ELSEWHERE, ApiSettings(control=False)) as client:
        assert (await client.post("/gql", json={"query": "{functions {functionId}}"})).status_code == 403


async def test_a_route_without_a_rule_is_an_error(engine):
    face = Face(host_of(engine), ApiSettings())
    with pytest.raises(
        KeyError, match=r"no rule says who may call /new; add one to inngest_testkit\.api\.callers\.RULES"
    ):
        app_of(face, [lambda _: [Route("/new", lambda _: None)]])
