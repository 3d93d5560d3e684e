"""An app of the JavaScript SDK, in Node: it registers, and its functions run on virtual time and in real time."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from inngest_testkit import AsyncEngine, Engine, RunStatus
from inngest_testkit.api.server import LiveServer, serving
from inngest_testkit.clock import WallClock

from .conftest import running

pytestmark = pytest.mark.timeout(400)

FUNCTIONS = ["js-order", "js-doubled", "js-flaky", "js-failing"]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def app(javascript, tmp_path):
    """Starts the app with a server's environment, and gives its address."""

    def start(server):
        return running(["node", "app.mjs"], javascript, server.env, tmp_path / "app.log")

    return start


def registered(address):
    reply = httpx.put(f"{address}/api/inngest")
    assert reply.status_code == 200
    assert reply.json()["message"] == "Successfully registered"


def settled(server):
    """Return when the engine has nothing more to do now."""
    answer = httpx.post(f"{server.url}/testkit/queue", json={"action": "drain"}, timeout=60)
    assert answer.status_code == 200, answer.text


def sent(server, name, **data):
    reply = httpx.post(f"{server.url}/e/test", json={"name": name, "data": data})
    assert reply.status_code == 200
    settled(server)


def test_functions_run_on_virtual_time(app):
    """Steps, a sleep of hours, a wait of days, an invocation and a parallel group, in a moment."""
    engine = Engine()
    with LiveServer(engine) as server, app(server) as address:
        registered(address)
        assert [function.id for function in engine.functions] == FUNCTIONS
        sent(server, "js/order", id=7, items=3)
        [order] = engine.runs()
        assert order.waiting[0].until - engine.now == timedelta(hours=2)
        engine.advance("1d")
        assert order.waiting[0].event == "js/paid"
        sent(server, "js/paid", id=8, by="nobody")
        assert order.status is RunStatus.RUNNING
        sent(server, "js/paid", id=7, by="card")
        assert order.status is RunStatus.COMPLETED
        assert order.output == {"price": 30, "paid": "card", "double": 60, "both": "lr"}
        assert list(order.steps) == ["price", "pause", "paid", "double", "left", "right", "tell"]
        assert [event.data for event in engine.events("js/done")] == [{"id": 7}]


def test_a_wait_times_out(app):
    engine = Engine()
    with LiveServer(engine) as server, app(server) as address:
        registered(address)
        sent(server, "js/order", id=1, items=1)
        engine.advance("4d")
        [order] = engine.runs(function="js-order")
        assert order.output["paid"] is None
        assert order.ended_at - order.started_at == timedelta(days=3, hours=2)


def test_errors_and_retries(app):
    engine = Engine()
    with LiveServer(engine) as server, app(server) as address:
        registered(address)
        sent(server, "js/flaky")
        [flaky] = engine.runs()
        engine.run_until_complete(flaky)
        assert flaky.output == 3
        assert [attempt.error and attempt.error.message for attempt in flaky.steps["try"].attempts] == [
            "no 1",
            "no 2",
            None,
        ]
        sent(server, "js/failing")
        [failing] = engine.runs(function="js-failing")
        assert failing.status is RunStatus.FAILED
        assert failing.error.message == "never"


async def test_functions_run_in_real_time(app):
    engine = AsyncEngine(clock=WallClock(), retry_interval="10ms")
    async with serving(engine) as server:
        with app(server) as address:
            async with httpx.AsyncClient() as client:
                reply = await client.put(f"{address}/api/inngest")
                assert reply.json()["message"] == "Successfully registered"
                await client.post(f"{server.url}/e/test", json={"name": "js/flaky"})
                await engine.run_until_complete(limit="30s")
                [flaky] = engine.runs(function="js-flaky")
                assert flaky.output == 3
