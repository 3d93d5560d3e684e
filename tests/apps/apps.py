"""Apps of the SDK as these tests write them: one body for sync and async functions."""

from __future__ import annotations

from functools import cache

import inngest

from inngest_testkit import Engine

KINDS = ("sync", "async")
GO = "shop/go"


@cache
def client_of(app_id="shop", **options):
    """A client of the SDK in dev mode."""
    return inngest.Inngest(app_id=app_id, is_production=False, **options)


def function(client, body, *, id="f", on=GO, kind="sync", **options):  # noqa: A002 - the function's id
    """Make a function of the SDK.

    `body` is a generator function of the context which yields what each step gives: the value in a sync function, the
    coroutine to await in an async one. `on` is an event's name, an SDK trigger or a list of those.
    """
    trigger = inngest.TriggerEvent(event=on) if isinstance(on, str) else on
    return client.create_function(fn_id=id, trigger=trigger, **options)(handler(body, kind))


def handler(body, kind="sync"):
    """Make a function's handler of a body."""

    def run(ctx):
        steps = body(ctx)
        try:
            given = next(steps)
            while True:
                given = steps.send(given)
        except StopIteration as end:
            return end.value

    async def run_async(ctx):
        steps = body(ctx)
        try:
            given = next(steps)
            while True:
                try:
                    value = await given
                except Exception as error:
                    given = steps.throw(error)
                else:
                    given = steps.send(value)
        except StopIteration as end:
            return end.value

    return run if kind == "sync" else run_async


def serving(client, *functions, **options):
    """An engine that serves these functions."""
    engine = Engine(**options)
    engine.serve(client, list(functions))
    return engine


def shop(body, **options):
    """An engine with one function `shop-f`, started by `shop/go`; options of `function` and of the engine."""
    own = {"id", "on", "kind", "retries", "on_failure", "name"}
    client = client_of()
    made = function(client, body, **{key: value for key, value in options.items() if key in own})
    return serving(client, made, **{key: value for key, value in options.items() if key not in own})


def seconds(run, moment):
    """How many seconds after the run's start a moment is."""
    return (moment - run.started_at).total_seconds()
