"""What functions can be made with: middleware, serializers, and the context's other parts."""

from __future__ import annotations

import inspect
from datetime import timedelta

import inngest
import pydantic
import pytest

from inngest_testkit import AsyncEngine, Engine

from .shop import GO, awaiting, calling, dev_client, listening_to


class Order(pydantic.BaseModel):
    id: int
    lines: list[str] = []


@pytest.fixture
def engine():
    with Engine() as engine:
        yield engine


def log_of(base, log):
    """A middleware that notes each of its hooks."""

    def noted(name, real):
        if base is inngest.Middleware:

            async def hook(self, *args):
                log.append(name)

        else:

            def hook(self, *args):
                log.append(name)

        return hook

    hooks = {
        name: noted(name, real) for name, real in vars(base).items() if not name.startswith("_") and callable(real)
    }
    return type("Noting", (base,), hooks)


def test_the_clients_middleware_runs_around_sends_of_the_test(engine):
    log = []
    client = dev_client(middleware=[log_of(inngest.MiddlewareSync, log)])
    engine.serve(client, [])
    client.send_sync(inngest.Event(name="e"))
    assert log == ["before_send_events", "after_send_events"]


async def test_async_middleware_runs_around_async_sends():
    log = []
    client = dev_client(middleware=[log_of(inngest.Middleware, log)])
    async with AsyncEngine() as engine:
        await engine.serve(client, [])
        await client.send(inngest.Event(name="e"))
    assert log == ["before_send_events", "after_send_events"]


def test_middleware_changes_what_is_sent_and_sees_the_answer(engine):
    results = []

    class Stamp(inngest.MiddlewareSync):
        def before_send_events(self, events):
            for event in events:
                event.data["by"] = "middleware"

        def after_send_events(self, result):
            results.append((result.ids, result.error))

    client = dev_client(middleware=[Stamp])
    seen = []

    def code(ctx):
        ctx.step.send_event("tell", inngest.Event(name="e"))
        ctx.step.run("send", lambda: client.send_sync(inngest.Event(name="e")))

    engine.serve(client, [calling(client, code), listening_to(client, "e", seen)])
    engine.send("go")
    client.send_sync(inngest.Event(name="e"))
    assert [event.data for event in seen] == [{"by": "middleware"}] * 3
    assert sorted(each.id for each in seen) == sorted(made for ids, error in results for made in ids)
    assert {error for _, error in results} == {None}


def test_middleware_sees_the_refusal_of_an_event(engine):
    results = []

    class Watch(inngest.MiddlewareSync):
        def after_send_events(self, result):
            results.append(result.error)

    client = dev_client(middleware=[Watch])
    engine.serve(client, [])
    with pytest.raises(Exception, match="reserved"):
        client.send_sync(inngest.Event(name="inngest/e"))
    assert results == ["event name is reserved for internal use: inngest/e"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_middleware_of_one_function_runs_for_it_alone(engine, kind):
    log = []
    client = dev_client()
    middleware = [log_of(inngest.MiddlewareSync if kind == "sync" else inngest.Middleware, log)]
    plain = calling(client, lambda ctx: 0, fn_id="plain")

    async def seven(ctx):
        return 7

    one = (
        calling(client, lambda ctx: 7, middleware=middleware)
        if kind == "sync"
        else awaiting(client, seven, middleware=middleware)
    )
    engine.serve(client, [one, plain])
    assert [run.output for run in engine.send("go").runs] == [7, 0]
    assert log.count("transform_input") == 1
    assert "transform_output" in log


def test_input_and_output_are_transformed(engine):
    class Encrypted(inngest.MiddlewareSync):
        def transform_input(self, ctx, function, steps):
            ctx.event.data = {key: value.removeprefix("secret:") for key, value in ctx.event.data.items()}

        def transform_output(self, result):
            if isinstance(result.output, str):
                result.output = f"secret:{result.output}"

    client = dev_client(middleware=[Encrypted])
    engine.serve(client, [calling(client, lambda ctx: ctx.step.run("read", lambda: ctx.event.data["text"]))])
    run = engine.send("go", {"text": "secret:hello"}).run
    assert run.steps["read"].output == "secret:hello"
    assert run.output == "secret:secret:hello"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_serializer_carries_models_through_steps(engine, kind):
    client = dev_client(serializer=inngest.PydanticSerializer())
    kinds = []

    def code(ctx):
        order = ctx.step.run("make", lambda: Order(id=1, lines=["a"]), output_type=Order)
        kinds.append(type(order))
        ctx.step.sleep("wait", timedelta(days=1))
        return order

    async def async_code(ctx):
        async def make():
            return Order(id=1, lines=["a"])

        order = await ctx.step.run("make", make, output_type=Order)
        kinds.append(type(order))
        await ctx.step.sleep("wait", timedelta(days=1))
        return order

    one = (
        calling(client, code, output_type=Order) if kind == "sync" else awaiting(client, async_code, output_type=Order)
    )
    engine.serve(client, [one])
    run = engine.send("go").run
    engine.advance("1d")
    assert run.steps["make"].output == {"id": 1, "lines": ["a"]}
    assert run.output == {"id": 1, "lines": ["a"]}
    assert set(kinds) == {Order}


def test_a_mock_of_a_serialized_step_gives_its_json(engine):
    client = dev_client(serializer=inngest.PydanticSerializer())
    one = calling(
        client,
        lambda ctx: ctx.step.run("make", lambda: Order(id=1), output_type=Order).lines,
        output_type=list[str],
    )
    engine.serve(client, [one])
    engine.mock("one", "make", returns={"id": 2, "lines": ["mocked"]})
    assert engine.send("go").run.output == ["mocked"]


def test_a_typed_invoke_returns_a_model(engine):
    client = dev_client(serializer=inngest.PydanticSerializer())
    made = client.create_function(fn_id="make", trigger=inngest.TriggerEvent(event="never"), output_type=Order)(_make)
    kinds = []

    def code(ctx):
        order = ctx.step.invoke("make", function=made, data={"id": 3})
        kinds.append(type(order))

    engine.serve(client, [calling(client, code), made])
    run = engine.send("go").run
    assert (run.error, run.steps["make"].output) == (None, {"id": 3, "lines": []})
    assert kinds == [Order]


def _make(ctx: inngest.ContextSync) -> Order:
    return Order(id=ctx.event.data["id"])


def test_arguments_of_a_step_are_given_to_it(engine):
    client = dev_client()
    engine.serve(client, [calling(client, lambda ctx: ctx.step.run("add", lambda a, b: a + b, 2, 3))])
    assert engine.send("go").run.output == 5


def test_the_context_tells_the_run(engine):
    client, seen = dev_client(), []

    @client.create_function(fn_id="one", trigger=GO)
    def one(ctx: inngest.ContextSync) -> None:
        seen.append(
            (ctx.run_id, ctx.attempt, ctx.event.id, [event.id for event in ctx.events], ctx.logger is client.logger)
        )

    engine.serve(client, [one])
    run = engine.send("go").run
    assert seen[0][:4] == (run.id, 0, run.events[0].id, [run.events[0].id])
    assert {"run_id", "attempt", "event", "events", "group", "step", "logger"} <= set(
        inspect.signature(inngest.ContextSync).parameters
    )


def test_a_function_is_still_the_sdks_own(engine):
    """Served functions are untouched: they can be served by a web framework afterwards."""
    client = dev_client()
    one = calling(client, lambda ctx: 1)
    before = dict(vars(one))
    engine.serve(client, [one])
    engine.send("go")
    assert dict(vars(one)) == before
