"""An app on a real port, in a thread: its clock is the machine's, the engine's is not."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import inngest
import pytest
import respx

from inngest_testkit import AsyncEngine, Engine, Limits, RunStatus
from inngest_testkit.clock import unfrozen_now
from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.protocol import hash_step
from tests.servers import listening

from .shop import awaiting, calling, dev_client, sending
from .web import flask_app, production_client

pytestmark = pytest.mark.usefixtures("sockets")
START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sync", "async"])
def kind(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["", "frozen"])
def engine(request):
    with Engine(freeze=request.param) as engine:
        yield engine


def made(client, kind, code, async_code, **options):
    return calling(client, code, **options) if kind == "sync" else awaiting(client, async_code, **options)


def test_a_sleep_lasts_as_long_as_it_says(engine, kind):
    client = dev_client()

    def code(ctx):
        ctx.step.sleep("wait", timedelta(days=3))
        return "done"

    async def async_code(ctx):
        await ctx.step.sleep("wait", timedelta(days=3))
        return "done"

    with listening(flask_app(client, [made(client, kind, code, async_code)])) as origin:
        engine.mount(origin)
        run = engine.send("go").run
        assert run.waiting[0].until == START + timedelta(days=3)
        engine.advance("71h")
        assert run.status is RunStatus.RUNNING
        engine.advance("1h")
    assert (run.output, run.ended_at) == ("done", START + timedelta(days=3))


def test_a_sleep_until_a_date_of_the_apps_clock_lasts_until_then(engine, kind):
    client = dev_client()

    def code(ctx):
        ctx.step.sleep_until("wait", datetime.now(UTC) + timedelta(hours=5))

    async def async_code(ctx):
        await ctx.step.sleep_until("wait", datetime.now(UTC) + timedelta(hours=5))

    with listening(flask_app(client, [made(client, kind, code, async_code)])) as origin:
        engine.mount(origin)
        run = engine.send("go").run
        assert run.waiting[0].until == START + timedelta(hours=5)


@pytest.mark.parametrize("when", [90_000, timedelta(seconds=90), "moment"])
def test_a_retry_comes_when_the_app_says(engine, kind, when):
    client = dev_client()

    def code(ctx):
        at = datetime.now(UTC) + timedelta(seconds=90) if when == "moment" else when
        raise inngest.RetryAfterError("later", at)

    async def async_code(ctx):
        code(ctx)

    with listening(flask_app(client, [made(client, kind, code, async_code, retries=1)])) as origin:
        engine.mount(origin)
        engine.send("go")
        assert engine.next_due == START + timedelta(seconds=90)


@pytest.fixture
def elsewhere(engine):
    """Answers the calls of a mounted function, as an app in another process: its clock is never frozen."""
    client = dev_client()
    url = "http://app.example/api/inngest"
    with listening(flask_app(client, [calling(client, lambda ctx: 1)])) as origin:
        engine.mount(origin)
    engine._core.serving._parts.apps._of["shop-one"].transport.url = httpx.URL(url)
    with respx.mock as mock:

        def respond(status, headers, **answer):
            stamped = {
                "date": format_datetime(unfrozen_now(), usegmt=True),
                "x-inngest-sdk": "inngest-py:v0",
                **headers,
            }
            mock.post(url).respond(status, headers=stamped, **answer)

        yield respond


def test_a_date_in_a_retry_after_header_is_by_the_apps_clock(engine, elsewhere):
    at = unfrozen_now() + timedelta(minutes=10)
    elsewhere(503, {"retry-after": format_datetime(at, usegmt=True)}, text="busy")
    engine.send("go")
    assert timedelta(minutes=10) - (engine.next_due - START) <= timedelta(seconds=2)


def test_a_sleep_of_an_app_in_another_process_is_by_its_clock(engine, elsewhere):
    at = unfrozen_now() + timedelta(days=3)
    sleep = {"op": "Sleep", "id": hash_step("wait"), "displayName": "wait", "name": at.isoformat()}
    elsewhere(206, {}, json=[sleep])
    run = engine.send("go").run
    assert run.waiting[0].until == START + timedelta(days=3)


def test_what_it_sends_belongs_to_its_call(engine, kind):
    """The server's thread has no context of the call, and there is only the one under way."""
    client = dev_client()
    with listening(flask_app(client, [sending(client, kind)])) as origin:
        engine.mount(origin, client=client)
        run = engine.send("go").run
    assert run.output == [event.id for event in engine.events("e")]
    assert [event.ts for event in engine.events("e")] == [1_704_067_200_000]


async def test_what_it_sends_belongs_to_its_call_under_a_running_loop(kind):
    client = dev_client()
    with listening(flask_app(client, [sending(client, kind)])) as origin:
        async with AsyncEngine() as engine:
            await engine.mount(origin, client=client)
            run = (await engine.send("go")).run
            assert run.output == [event.id for event in engine.events("e")]


def test_memos_that_did_not_fit_are_fetched(kind):
    client = dev_client()

    def code(ctx):
        return len(ctx.step.run("a", lambda: "x" * 3000)) + len(ctx.step.run("b", lambda: "x" * 3000))

    async def async_code(ctx):
        async def large():
            return "x" * 3000

        return len(await ctx.step.run("a", large)) + len(await ctx.step.run("b", large))

    app = flask_app(client, [made(client, kind, code, async_code)])
    with Engine(limits=Limits(request=2000)) as engine, listening(app) as origin:
        engine.mount(origin, client=client)
        assert engine.send("go").run.output == 6000


def test_signed_calls_pass_and_steps_are_read():
    client = production_client()
    with Engine() as engine, listening(flask_app(client, [calling(client, lambda ctx: 7)])) as origin:
        engine.mount(f"{origin}/api/inngest")
        assert engine.send("go").run.output == 7


def test_an_address_where_nobody_listens_is_told():
    with socket.socket() as taken, Engine() as engine:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SetupError, match="its answer to PUT was Unable to reach SDK URL"):
            engine.mount(f"http://127.0.0.1:{taken.getsockname()[1]}")


def test_a_server_that_has_gone_costs_an_attempt():
    client = dev_client()
    with Engine() as engine:
        with listening(flask_app(client, [calling(client, lambda ctx: 7, retries=1)])) as origin:
            engine.mount(origin)
        run = engine.send("go").run
        assert run.status is RunStatus.RUNNING
        engine.advance("15s")
        assert run.status is RunStatus.FAILED
        assert "Unable to reach SDK URL" in str(run.error)
