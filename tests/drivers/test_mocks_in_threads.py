"""Mocks that come and go in another thread than the engine's."""

from __future__ import annotations

import sys
from threading import Event, Thread

import inngest
import pytest

from inngest_testkit import Engine
from inngest_testkit.drivers.mock import Mock, Mocks


@pytest.fixture
def _many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_many_switches")
def test_mocks_come_and_go_while_the_engine_works():
    client = inngest.Inngest(app_id="app", is_production=False)

    @client.create_function(fn_id="works", trigger=inngest.TriggerEvent(event="go"))
    async def works(ctx: inngest.Context) -> int:
        async def one() -> int:
            return 1

        return sum([await ctx.step.run(f"step-{number}", one) for number in range(5)])

    engine, stop, added = Engine(), Event(), []
    engine.serve(client, [works])
    mocks = engine._core.drivers.mocks

    def spent(step):
        mock = mocks.add(Mock("app-works", step, returns=1, times=1))
        mock.call_count = 1
        return mock

    for number in range(300):
        spent(f"before-{number}")

    def come_and_go():
        while not stop.is_set() and len(added) < 50_000:
            added.append(spent(f"during-{len(added)}"))
            if len(added) % 2:
                mocks.remove([added[-1]])

    thread = Thread(target=come_and_go)
    thread.start()
    try:
        runs = [engine.send("go").run for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    assert [run.output for run in runs] == [5] * 10
    assert added


def test_a_mock_that_somebody_else_took_away_is_left_out():
    mocks = Mocks()
    first, second = (mocks.add(Mock("f", "s", returns=n)) for n in range(2))
    mocks.remove([first])
    mocks.remove([first, second])
    assert mocks.all() == []
