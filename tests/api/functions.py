"""Functions of both kinds, for tests of what is told of their runs."""

from __future__ import annotations

import inngest

from inngest_testkit import Function, Step, after, on_event


def app(**functions):
    """A client with functions, by id: the event that starts each, its options, and its code."""
    client = inngest.Inngest(app_id="shop", is_production=False)
    made = []
    for fn_id, (event, options, code) in functions.items():
        trigger = inngest.TriggerEvent(event=event)
        make = client.create_function(fn_id=fn_id.replace("_", "-"), trigger=trigger, **options)
        made.append(make(code))
    return client, made


async def returns_one():
    return 1


async def fails():
    raise ValueError("no")


async def two_steps(ctx: inngest.Context) -> object:
    await ctx.step.run("x", returns_one)
    await ctx.step.run("x", returns_one)
    return {"done": True}


async def failing(ctx: inngest.Context) -> object:
    return await ctx.step.run("bad", fails)


async def sleeping(ctx: inngest.Context) -> object:
    await ctx.step.sleep("nap", 60_000)
    return "awake"


async def waiting(ctx: inngest.Context) -> object:
    event = await ctx.step.wait_for_event("answer", event="answered", timeout=3_600_000)
    return None if event is None else dict(event.data)


def paying():
    """A DAG function: one step, and one that waits for an event."""
    return Function(
        "pay",
        on_event("order"),
        steps=[
            Step("charge", lambda: {"paid": True}),
            Step("thank", lambda: "thanks", after=after("charge", event="shipped", ttl="1h")),
        ],
    )


def invoking():
    """A client with a function that invokes another one: the invoked one first."""
    shop = inngest.Inngest(app_id="shop", is_production=False)

    @shop.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="never"))
    async def child(ctx: inngest.Context) -> str:
        return "child"

    @shop.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="go"))
    async def parent(ctx: inngest.Context) -> object:
        return await ctx.step.invoke("call", function=child)

    return shop, [child, parent]
