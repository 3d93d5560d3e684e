"""A call that is too large carries no memos, and the SDK fetches them from the engine."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import Engine, Limits

from .shop import GO, awaiting, calling, dev_client
from .web import fastapi_app, flask_app, production_client

LIMITS = Limits(request=2000)


def sums(ctx):
    parts = [ctx.step.run(f"part-{n}", lambda: "x" * 700) for n in range(5)]
    return sum(map(len, parts)) + len(ctx.event.data.get("text", "")) + len(ctx.events)


async def sums_async(ctx):
    async def part():
        return "x" * 700

    parts = [await ctx.step.run(f"part-{n}", part) for n in range(5)]
    return sum(map(len, parts)) + len(ctx.event.data.get("text", "")) + len(ctx.events)


def made(client, kind):
    return calling(client, sums) if kind == "sync" else awaiting(client, sums_async)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("size", [1, 5000])
def test_a_served_function_fetches_its_memos_and_events(kind, size):
    client = dev_client()
    with Engine(limits=LIMITS) as engine:
        engine.serve(client, [made(client, kind)])
        run = engine.send("go", {"text": "y" * size}).run
        assert (run.output, run.error) == (3501 + size, None)


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("framework", [fastapi_app, flask_app])
def test_a_mounted_function_fetches_its_memos_and_events(kind, framework):
    client = dev_client()
    with Engine(limits=LIMITS) as engine:
        engine.mount(framework(client, [made(client, kind)]), client=client)
        run = engine.send("go", {"text": "y" * 5000}).run
        assert (run.output, run.error) == (8501, None)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_signed_call_fetches_too(kind):
    client = production_client()
    with Engine(limits=LIMITS) as engine:
        engine.serve(client, [made(client, kind)])
        assert engine.send("go", {"text": "y" * 5000}).run.output == 8501


def test_without_a_limit_nothing_is_fetched(monkeypatch):
    client = dev_client()
    monkeypatch.setattr(client, "_get_steps_sync", lambda _: pytest.fail("the request carries the memos"))
    with Engine(limits=Limits(request=None)) as engine:
        engine.serve(client, [made(client, "sync")])
        assert engine.send("go", {"text": "y" * 5000}).run.output == 8501


def test_a_group_of_large_steps_is_fetched_for_every_branch():
    client = dev_client()

    @client.create_function(fn_id="group", trigger=GO)
    async def group(ctx: inngest.Context) -> int:
        async def part():
            return "x" * 1500

        parts = await ctx.group.parallel(tuple(lambda n=n: ctx.step.run(f"part-{n}", part) for n in range(4)))
        return sum(map(len, parts))

    with Engine(limits=LIMITS) as engine:
        engine.serve(client, [group])
        assert engine.send("go").run.output == 6000
