"""Web apps mounted as objects: the whole way through their framework, without a socket."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import fastapi
import inngest
import pytest
import respx

from inngest_testkit import Engine, RunStatus
from inngest_testkit.errors import SetupError

from .shop import GO, awaiting, calling, dev_client, sending
from .web import FRAMEWORKS, fastapi_app, flask_app, production_client, web_app


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    return request.param


@pytest.fixture(params=["sync", "async"])
def kind(request):
    return request.param


@pytest.fixture
def engine():
    with Engine() as engine:
        yield engine


def functions(client, kind, *, failing=False):
    """A function that charges, sleeps three days and asks another for the total."""
    if kind == "sync":
        total = calling(client, lambda ctx: ctx.event.data["n"] + 1, fn_id="total")

        def code(ctx):
            charged = ctx.step.run("charge", lambda: 20)
            ctx.step.sleep("wait", timedelta(days=3))
            if failing:
                raise inngest.NonRetriableError("no")
            return ctx.step.invoke("total", function=total, data={"n": charged})

        def told(ctx):
            ctx.step.run("tell", lambda: ctx.event.data["error"]["message"])

        return [calling(client, code, on_failure=told), total]

    async def add(ctx):
        return ctx.event.data["n"] + 1

    total = awaiting(client, add, fn_id="total")

    async def charge():
        return 20

    async def async_code(ctx):
        charged = await ctx.step.run("charge", charge)
        await ctx.step.sleep("wait", timedelta(days=3))
        if failing:
            raise inngest.NonRetriableError("no")
        return await ctx.step.invoke("total", function=total, data={"n": charged})

    async def async_told(ctx):
        async def message():
            return ctx.event.data["error"]["message"]

        await ctx.step.run("tell", message)

    return [awaiting(client, async_code, on_failure=async_told), total]


def started(engine):
    return next(run for run in engine.runs(function="one"))


def test_steps_sleeps_and_invokes_go_through_the_app(engine, framework, kind):
    client = dev_client()
    with web_app(framework, client, functions(client, kind)) as app:
        mounted = engine.mount(app, client=client)
        engine.send("go", {"n": 0})
        run = started(engine)
        assert run.waiting[0].until == engine.now + timedelta(days=3)
        engine.advance("3d")
    assert {"shop-one", "shop-total"} <= {function.id for function in mounted}
    assert (run.status, run.output) == (RunStatus.COMPLETED, 21)
    assert list(run.steps) == ["charge", "wait", "total"]
    assert run.ended_at == datetime(2024, 1, 4, tzinfo=UTC)


def test_on_failure_goes_through_the_app(engine, framework, kind):
    client = dev_client()
    with web_app(framework, client, functions(client, kind, failing=True)) as app:
        engine.mount(app, client=client)
        engine.send("go", {"n": 0})
        engine.advance("3d")
    assert started(engine).status is RunStatus.FAILED
    (told,) = engine.runs(function="one-failure")
    assert told.steps["tell"].output == "no"


def test_the_client_is_found_by_its_registration(engine, framework):
    client, other = dev_client(), dev_client("crm")
    with web_app(framework, client, functions(client, "sync")) as app:
        engine.mount(app)
        client.send_sync(inngest.Event(name="e"))
        assert len(engine.events("e")) == 1
    assert other.app_id == "crm"


def test_sends_of_a_function_belong_to_its_call(engine, framework, kind):
    client = dev_client()
    with web_app(framework, client, [sending(client, kind)]) as app:
        engine.mount(app, client=client)
        run = engine.send("go").run
    assert run.output == [event.id for event in engine.events("e")]
    assert len(run.output) == 1


def test_middleware_of_the_client_takes_part(engine, framework):
    seen = []

    class Noting(inngest.MiddlewareSync):
        def transform_input(self, ctx, function, steps):
            seen.append(type(self.raw_request).__name__)

        def transform_output(self, result):
            if result.step is None and isinstance(result.output, int):
                result.output += 100

    client = dev_client(middleware=[Noting])
    with web_app(framework, client, [calling(client, lambda ctx: 1)]) as app:
        engine.mount(app, client=client)
        run = engine.send("go").run
    assert run.output == 101
    assert len(seen) == 1


def test_a_production_client_checks_the_signature(engine, framework, kind):
    client = production_client()
    with web_app(framework, client, functions(client, kind)) as app:
        engine.mount(app, client=client)
        engine.send("go", {"n": 0})
        engine.advance("3d")
        assert started(engine).output == 21


def test_a_call_signed_with_another_key_fails(engine, framework):
    """As when the key of the app's environment is not that of the server."""
    client = production_client()
    with web_app(framework, client, [calling(client, lambda ctx: 1, retries=0)]) as app:
        client._signing_key = "signkey-test-ffff"
        engine.mount(app, client=client)
        run = engine.send("go").run
    assert run.status is RunStatus.FAILED
    assert "nauthorized" in str(run.output) or "sig_verification_failed" in str(run.output)


def test_a_wrong_path_says_what_the_app_answered(engine, framework):
    client = dev_client()
    with web_app(framework, client, [calling(client, lambda ctx: 1)]) as app:
        with pytest.raises(SetupError, match=r"the app at '/elsewhere' did not register .* PUT was 404 .*path=\.\.\."):
            engine.mount(app, "/elsewhere", client=client)
        assert engine.functions == ()
        engine.mount(app, client=client)
        assert len(engine.functions) == 1


def test_another_client_than_the_apps_is_told(engine):
    client, other = dev_client(), dev_client("crm")
    app = flask_app(client, [calling(client, lambda ctx: 1)])
    told = "serves the client of app 'shop', and the one given is of app 'crm'"
    with respx.mock, pytest.raises(SetupError, match=told):  # nothing is asked of any server
        engine.mount(app, client=other)


def test_what_is_no_client_is_refused(engine):
    with pytest.raises(SetupError, match=r"expected the app's inngest\.Inngest client, found str"):
        engine.mount(flask_app(dev_client(), []), client="shop")


def test_an_app_at_a_path_of_its_own(engine):
    client = dev_client()
    app = flask_app(client, [calling(client, lambda ctx: 1)], serve_path="/hooks/jobs")
    engine.mount(app, "/hooks/jobs")
    assert engine.send("go").run.output == 1


def test_mounting_again_replaces_the_apps_functions(engine):
    client = dev_client()
    engine.mount(flask_app(client, [calling(client, lambda ctx: 1), calling(client, lambda ctx: 0, fn_id="old")]))
    engine.mount(flask_app(client, [calling(client, lambda ctx: 2)]))
    assert [run.output for run in engine.send("go").runs] == [2]


def test_two_apps_in_one_engine_invoke_each_other(engine):
    shop, crm = dev_client(), dev_client("crm")
    add = crm.create_function(fn_id="add", trigger=inngest.TriggerEvent(event="never"))(_one_more)
    caller = calling(shop, lambda ctx: ctx.step.invoke_by_id("add", app_id="crm", function_id="add", data={"n": 1}))
    engine.mount(flask_app(crm, [add]), client=crm)
    engine.mount(fastapi_app(shop, [caller]), client=shop)
    run = engine.send("go").run
    assert run.output == 2


def _one_more(ctx: inngest.ContextSync) -> int:
    return ctx.event.data["n"] + 1


def test_the_lifespan_of_an_asgi_app_spans_the_engines_life():
    client, log = dev_client(), []

    @asynccontextmanager
    async def lifespan(app: fastapi.FastAPI):
        log.append("startup")
        yield {"price": 7}
        log.append("shutdown")

    app = fastapi_app(client, [calling(client, lambda ctx: log.append("call"))], lifespan=lifespan)
    with Engine() as engine:
        engine.mount(app, client=client)
        engine.send("go")
        engine.send("go")
        assert log == ["startup", "call", "call"]
    assert log == ["startup", "call", "call", "shutdown"]


def test_a_lifespan_that_fails_refuses_the_mount(engine):
    @asynccontextmanager
    async def lifespan(app: fastapi.FastAPI):
        raise RuntimeError("no database")
        yield

    client = dev_client()
    with pytest.raises(SetupError, match="the startup of the app failed: RuntimeError: no database"):
        engine.mount(fastapi_app(client, [calling(client, lambda ctx: 1)], lifespan=lifespan), client=client)


def test_http_middleware_of_the_app_takes_part(engine):
    """Such as one that refuses what has no token: the server's retries see its answer."""
    client, refused = dev_client(), []
    app = fastapi_app(client, [calling(client, lambda ctx: 1)])

    @app.middleware("http")
    async def guard(request, call_next):
        if request.method == "POST" and not refused:
            refused.append(request.url.path)
            return fastapi.Response("busy", status_code=503, headers={"Retry-After": "90"})
        return await call_next(request)

    engine.mount(app, client=client)
    run = engine.send("go").run
    assert refused == ["/api/inngest"]
    assert run.status is RunStatus.RUNNING
    engine.advance("90s")
    assert run.output == 1
    assert run.ended_at - run.started_at == timedelta(seconds=90)


def test_a_sync_function_that_fastapi_runs_in_a_thread_sleeps_by_the_engines_clock(engine):
    """The thread has no context of the call; so has what it sends and how long it waits."""
    client, threads = dev_client(), []

    def code(ctx):
        threads.append(threading.get_ident())
        ctx.step.sleep_until("until", datetime(2024, 1, 2, tzinfo=UTC))
        ctx.step.sleep("more", timedelta(hours=5))
        raise inngest.RetryAfterError("later", timedelta(hours=1))

    engine.mount(fastapi_app(client, [calling(client, code, retries=1)]), client=client)
    run = engine.send("go").run
    assert run.waiting[0].until == datetime(2024, 1, 2, tzinfo=UTC)
    engine.advance("1d")
    assert run.waiting[0].until == datetime(2024, 1, 2, 5, tzinfo=UTC)
    engine.advance("5h")
    assert engine.next_due == datetime(2024, 1, 2, 6, tzinfo=UTC)
    assert threading.get_ident() not in threads


def test_a_cron_runs_a_mounted_function(engine):
    client, seen = dev_client(), []

    @client.create_function(fn_id="nightly", trigger=[inngest.TriggerCron(cron="0 3 * * *"), GO])
    def nightly(ctx: inngest.ContextSync) -> None:
        seen.append(ctx.event.name)

    engine.mount(flask_app(client, [nightly]))
    engine.advance("2d")
    assert seen == ["inngest/scheduled.timer"] * 2
