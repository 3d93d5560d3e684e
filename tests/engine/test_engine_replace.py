"""Functions take the place of others while runs are under way."""

from __future__ import annotations

import pytest

from inngest_testkit import AsyncEngine, Function, RunStatus, Step, after, on_cron, on_event
from inngest_testkit.errors import InvalidFunctionsError


@pytest.fixture
def anyio_backend():
    return "asyncio"


def function(name, *steps, on="go"):
    return Function(name, on_event(on), steps=[Step(step, lambda step=step: step) for step in steps])


async def test_a_retired_function_is_started_by_nothing_and_its_run_goes_on():
    async with AsyncEngine() as engine:
        waits = Step("late", lambda: "done", after=after(wait="1h"))
        await engine.register(Function("old", on_event("go"), on_cron("0 3 * * *"), steps=[waits]))
        run = (await engine.send("go")).run
        await engine._core.replace([function("new", "a")], ["old"])
        assert [run.function_id for run in (await engine.send("go")).runs] == ["new"]
        await engine.advance("1d")
        assert (run.status, run.output) == (RunStatus.COMPLETED, "done")
        assert len(engine.runs(function="new")) == 1
        assert len(engine.runs()) == 2  # the schedule is gone, too


async def test_nothing_changes_when_one_has_a_problem():
    async with AsyncEngine() as engine:
        await engine.register(function("old", "a"), function("stays", "b"))
        with pytest.raises(InvalidFunctionsError):
            await engine._core.replace([function("new", "a"), Function("broken")], ["old"])
        assert sorted(run.function_id for run in (await engine.send("go")).runs) == ["old", "stays"]
