"""The engines in the standard library's test cases."""

from __future__ import annotations

import unittest
from datetime import timedelta

import inngest

from inngest_testkit import AsyncEngine, Engine

client = inngest.Inngest(app_id="shop", is_production=False)


@client.create_function(fn_id="remind", trigger=inngest.TriggerEvent(event="user/signed.up"))
async def remind(ctx: inngest.Context) -> str:
    await ctx.step.sleep("wait", timedelta(days=3))
    return "sent"


class AsyncCase(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.engine = await self.enterAsyncContext(AsyncEngine())
        await self.engine.serve(client, [remind])

    async def test_three_days(self):
        run = (await self.engine.send("user/signed.up")).run
        await self.engine.advance("3d")
        assert run.output == "sent"

    async def test_the_client_sends(self):
        await client.send(inngest.Event(name="user/signed.up"))
        assert len(self.engine.runs()) == 1


class SyncCase(unittest.TestCase):
    def setUp(self):
        self.engine = self.enterContext(Engine())
        self.engine.serve(client, [remind])

    def test_three_days(self):
        run = self.engine.send("user/signed.up").run
        self.engine.advance("3d")
        assert run.output == "sent"

    def test_the_client_sends(self):
        client.send_sync(inngest.Event(name="user/signed.up"))
        assert len(self.engine.runs()) == 1
