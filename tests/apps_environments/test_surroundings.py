"""What surrounds the code of functions under the sync engine: the test's thread, context and patches."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from datetime import UTC, datetime, timedelta

import httpx
import inngest
import pytest
import respx

from inngest_testkit import Engine, RunStatus

from .shop import START_MS, awaiting, calling, dev_client
from .web import FRAMEWORKS, web_app

around = contextvars.ContextVar("around", default="unset")
START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sync", "async"])
def kind(request):
    return request.param


@pytest.fixture
def client():
    return dev_client()


def noting(client, kind, look, **options):
    """A function that returns what `look()` gives in the handler and in a step."""

    def code(ctx):
        return [look(), ctx.step.run("step", look)]

    async def async_code(ctx):
        async def step():
            return look()

        return [look(), await ctx.step.run("step", step)]

    return calling(client, code, **options) if kind == "sync" else awaiting(client, async_code, **options)


def outcome(engine, client, *functions):
    engine.serve(client, list(functions))
    run = engine.send("go").run
    assert run.error is None
    return run.output


def test_functions_run_in_the_tests_thread(client, kind):
    with Engine() as engine:
        threads = outcome(engine, client, noting(client, kind, threading.get_ident))
    assert threads == [threading.get_ident()] * 2


def test_thread_locals_are_seen(client, kind):
    local = threading.local()
    local.user = "ann"
    with Engine() as engine:
        assert outcome(engine, client, noting(client, kind, lambda: local.user)) == ["ann", "ann"]


def test_context_variables_are_seen(client, kind):
    token = around.set("the test's")
    try:
        with Engine() as engine:
            assert outcome(engine, client, noting(client, kind, around.get)) == ["the test's"] * 2
    finally:
        around.reset(token)


def test_what_is_patched_is_seen(client, kind, monkeypatch):
    monkeypatch.setenv("PRICE", "7")
    with Engine() as engine:
        assert outcome(engine, client, noting(client, kind, lambda: os.environ["PRICE"])) == ["7", "7"]


def test_a_sync_function_has_no_loop_around_it(client):
    """So code that makes one, or refuses to run in one, works."""

    async def seven():
        return 7

    with Engine() as engine:
        assert outcome(engine, client, noting(client, "sync", lambda: asyncio.run(seven()))) == [7, 7]


def test_a_sync_step_of_an_async_function_has_the_engines_loop_around_it(client):
    loops = set()
    with Engine() as engine:
        outcome(engine, client, noting(client, "async", lambda: loops.add(id(asyncio.get_running_loop()))))
    assert len(loops) == 1


def test_the_real_clock_is_the_users_and_the_virtual_one_the_sleeps(client, kind):
    moments = []

    def code(ctx):
        moments.append(datetime.now(UTC))
        ctx.step.sleep("wait", timedelta(days=3))

    async def async_code(ctx):
        moments.append(datetime.now(UTC))
        await ctx.step.sleep("wait", timedelta(days=3))

    with Engine() as engine:
        engine.serve(client, [calling(client, code) if kind == "sync" else awaiting(client, async_code)])
        run = engine.send("go").run
        engine.advance("3d")
    assert all(abs(datetime.now(UTC) - moment) < timedelta(minutes=5) for moment in moments)
    assert run.ended_at == START + timedelta(days=3)


def test_freeze_lets_user_code_see_the_engines_time(client, kind):
    with Engine(freeze=True, start="2024-02-29T12:00:00Z") as engine:
        seen = outcome(engine, client, noting(client, kind, lambda: datetime.now(UTC).isoformat()))
    assert seen == ["2024-02-29T12:00:00+00:00"] * 2
    assert datetime.now(UTC).year > 2024


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_freeze_reaches_mounted_apps(client, framework):
    def code(ctx):
        before = datetime.now(UTC).isoformat()
        ctx.step.sleep_until("until", datetime.now(UTC).replace(hour=23))
        return before[:16]

    with web_app(framework, client, [calling(client, code)]) as app, Engine(freeze=True) as engine:
        engine.mount(app, client=client)
        run = engine.send("go").run
        assert run.waiting[0].until == START + timedelta(hours=23)
        engine.advance("23h")
        assert run.output == "2024-01-01T23:00"


def test_under_freeze_the_sdks_ts_is_the_engines_now(client, kind):
    with Engine(freeze=True) as engine:
        engine.advance("1h")
        look = lambda: client.send_sync(inngest.Event(name="e"))  # noqa: E731 - one more look
        outcome(engine, client, noting(client, kind, look))
        client.send_sync(inngest.Event(name="e"))
        assert {event.ts for event in engine.events("e")} == {START_MS + 3_600_000}


def test_mocked_http_in_steps_and_the_clients_own_traffic_go_their_ways(client, kind):
    """respx has the user's calls; what the SDK sends is never its business."""
    with respx.mock(assert_all_called=True) as mock, Engine() as engine:
        route = mock.get("https://crm.example/users/1").respond(json={"name": "ann"})

        def get():
            client.send_sync(inngest.Event(name="e"))
            return httpx.get("https://crm.example/users/1").json()["name"]

        assert outcome(engine, client, noting(client, kind, get))[1] == "ann"
        assert len(engine.events("e")) == route.call_count


def test_mocked_async_http_in_async_steps(client):
    async def code(ctx):
        async def get():
            async with httpx.AsyncClient() as http:
                return (await http.get("https://crm.example/users/1")).json()

        name = await ctx.step.run("get", get)
        await ctx.step.send_event("tell", inngest.Event(name="e", data={"name": name}))
        return name

    with respx.mock as mock, Engine() as engine:
        mock.get("https://crm.example/users/1").respond(json="ann")
        assert outcome(engine, client, awaiting(client, code)) == "ann"
        assert engine.events("e")[0].data == {"name": "ann"}


def test_what_respx_does_not_know_fails_the_step(client):
    code = lambda ctx: ctx.step.run("get", lambda: httpx.get("https://unknown.example/").text)  # noqa: E731
    with respx.mock, Engine() as engine:
        engine.serve(client, [calling(client, code, retries=0)])
        run = engine.send("go").run
        assert run.status is RunStatus.FAILED
        assert "AllMockedAssertionError" in str(run.error) or "not mocked" in str(run.error)


def test_a_mounted_app_under_respx(client):
    """The calls into the app are not HTTP requests that respx could take."""
    with respx.mock, web_app("fastapi", client, [calling(client, lambda ctx: 1)]) as app, Engine() as engine:
        engine.mount(app)
        assert engine.send("go").run.output == 1


def test_logging_of_the_context_reaches_caplog(client, caplog):
    caplog.set_level("INFO")
    with Engine() as engine:
        outcome(engine, client, calling(client, lambda ctx: ctx.logger.info("charged %s", ctx.run_id)))
        (run,) = engine.runs()
    assert f"charged {run.id}" in caplog.messages


def test_an_event_loop_of_the_tests_own_is_left_alone(client):
    """`Engine` works on a loop of its own, and sets no current one."""
    loop = asyncio.new_event_loop()
    try:
        with Engine() as engine:
            outcome(engine, client, awaiting(client, _nothing))
            assert loop.run_until_complete(asyncio.sleep(0, 7)) == 7
    finally:
        loop.close()


async def _nothing(ctx):
    pass
