"""The async engine and the plugin where pytest-asyncio runs the loop, in both of its modes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import inngest
import pytest
import pytest_asyncio

from inngest_testkit import AsyncEngine, Function, Step, on_event
from inngest_testkit.errors import UsageError

# Needed in strict mode, harmless in auto mode.
asyncio_test = pytest.mark.asyncio

client = inngest.Inngest(app_id="shop", is_production=False)
loops: list[asyncio.AbstractEventLoop] = []


@client.create_function(fn_id="remind", trigger=inngest.TriggerEvent(event="user/signed.up"))
async def remind(ctx: inngest.Context) -> str:
    loops.append(asyncio.get_running_loop())

    async def send() -> list[str]:
        await asyncio.sleep(0)
        return await client.send(inngest.Event(name="mail/sent"))

    await ctx.step.sleep("wait", timedelta(days=3))
    await ctx.step.run("send", send)
    return f"mail to {ctx.event.data['email']}"


@pytest_asyncio.fixture
async def engine():
    async with AsyncEngine() as engine:
        await engine.serve(client, [remind])
        yield engine


async def play(engine: AsyncEngine) -> None:
    run = (await engine.send("user/signed.up", {"email": "ann@example.com"})).run
    await engine.advance("3d")
    assert run.output == "mail to ann@example.com"
    assert len(engine.events("mail/sent")) == 1


@asyncio_test
async def test_an_engine_of_an_async_fixture_works_in_the_tests_loop(engine):
    loops.clear()
    await play(engine)
    assert set(loops) == {asyncio.get_running_loop()}


@asyncio_test
async def test_the_plugins_engine_works_in_the_tests_loop(inngest_async_engine, inngest_clock):
    await inngest_async_engine.serve(client, [remind])
    await play(inngest_async_engine)
    assert inngest_clock.now().day == 4


@asyncio_test
async def test_the_plugins_engine_gives_the_client_back(inngest_async_engine):
    """A second test with the same client, after the first engine was closed without its loop."""
    await inngest_async_engine.serve(client, [remind])
    await play(inngest_async_engine)


@asyncio_test
async def test_the_client_sends_from_another_task(engine):
    await asyncio.create_task(client.send(inngest.Event(name="user/signed.up", data={"email": "b@example.com"})))
    assert len(engine.runs(function="remind")) == 1


@asyncio_test
async def test_async_python_steps_of_a_dag_function(inngest_async_engine):
    async def seven() -> int:
        await asyncio.sleep(0)
        return 7

    await inngest_async_engine.register(Function("f", on_event("go"), steps=[Step("seven", seven)]))
    assert (await inngest_async_engine.send("go")).run.output == 7


@asyncio_test
async def test_the_sync_engine_names_the_async_one(inngest_engine):
    with pytest.raises(UsageError, match="use AsyncEngine there"):
        inngest_engine.send("go")


def test_a_sync_test_has_the_sync_engine(inngest_engine):
    inngest_engine.serve(client, [remind])
    run = inngest_engine.send("user/signed.up", {"email": "ann@example.com"}).run
    inngest_engine.run_until_complete(run)
    assert run.output == "mail to ann@example.com"
