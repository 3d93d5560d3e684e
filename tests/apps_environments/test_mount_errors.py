"""What a mounted app's function raises that is no exception of the ordinary kind."""

from __future__ import annotations

import asyncio

import fastapi
import inngest
import inngest.fast_api

from inngest_testkit import Engine, RunStatus


def test_a_cancellation_of_the_functions_own_is_the_apps_error():
    client = inngest.Inngest(app_id="cancelling", is_production=False)

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="go"), retries=0)
    async def cancels(ctx):
        raise asyncio.CancelledError

    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, [cancels])
    with Engine() as engine:
        engine.mount(app, client=client)
        run = engine.send("go").run
    assert run.status is RunStatus.FAILED
    assert "HTTP 500" in run.error.message
