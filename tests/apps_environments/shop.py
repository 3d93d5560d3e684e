"""What the tests here share: clients of one app, and functions of theirs."""

from __future__ import annotations

import inngest

START_MS = 1_704_067_200_000
GO = inngest.TriggerEvent(event="go")


def dev_client(app_id="shop", **options):
    return inngest.Inngest(app_id=app_id, is_production=False, **options)


def calling(client, code, *, fn_id="one", **options):
    """A sync function that returns `code(ctx)`."""

    @client.create_function(fn_id=fn_id, trigger=GO, **options)
    def function(ctx: inngest.ContextSync) -> object:
        return code(ctx)

    return function


def awaiting(client, code, *, fn_id="one", **options):
    """An async function that returns `await code(ctx)`."""

    @client.create_function(fn_id=fn_id, trigger=GO, **options)
    async def function(ctx: inngest.Context) -> object:
        return await code(ctx)

    return function


def listening_to(client, event, seen, *, fn_id="listener"):
    """A sync function that notes the events that it gets."""

    @client.create_function(fn_id=fn_id, trigger=inngest.TriggerEvent(event=event))
    def listener(ctx: inngest.ContextSync) -> None:
        seen.append(ctx.event)

    return listener


def sending(client, kind):
    """A function, sync or async, with a step that sends `e`."""

    def code(ctx):
        return ctx.step.run("send", lambda: client.send_sync(inngest.Event(name="e")))

    async def async_code(ctx):
        async def send():
            return await client.send(inngest.Event(name="e"))

        return await ctx.step.run("send", send)

    return calling(client, code) if kind == "sync" else awaiting(client, async_code)
