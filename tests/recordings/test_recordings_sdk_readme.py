"""What the README of the SDK's recordings says and no recording shows.

Source: recordings/sdk README, "Step ids and the stack", "Parallel groups" and "Corrections and additions, from further
play"; for numbers, the server's source.
"""

from __future__ import annotations

import json
from unittest import mock

import inngest
import pytest

from inngest_testkit import Engine
from inngest_testkit.sdk.transports.in_process import InProcessTransport


@pytest.fixture
def calls():
    """Note each call: whether it targets a step, must plan, and what it found."""
    made = []
    real = InProcessTransport.call

    async def call(transport, request):
        response = await real(transport, request)
        must_plan = json.loads(request.body)["ctx"]["disable_immediate_execution"]
        found = json.loads(response.body) if response.status == 206 else []
        ops = [f"{operation['op']} {operation['displayName']}" for operation in found]
        made.append(("discovery" if request.step_id == "step" else "targeted", must_plan, ops))
        return response

    with mock.patch.object(InProcessTransport, "call", call):
        yield made


@pytest.fixture
def engine():
    with Engine() as engine:
        yield engine


def play(engine, handler):
    client = inngest.Inngest(app_id="shop", is_production=False)
    function = client.create_function(fn_id="flow", trigger=inngest.TriggerEvent(event="go"))(handler)
    engine.serve(client, [function])
    engine.send("go")
    engine.advance("10s")
    (run,) = engine.runs()
    assert run.status == "COMPLETED", run.error
    return run


async def value():
    return 1


def test_a_group_that_ends_with_a_sleep_costs_the_next_step_a_call(engine, calls):
    async def handler(ctx):
        await ctx.group.parallel((lambda: ctx.step.run("a", value), lambda: ctx.step.sleep("nap", 1000)))
        await ctx.step.run("b", value)
        await ctx.step.run("c", value)

    play(engine, handler)
    assert calls == [
        ("discovery", False, ["StepPlanned a", "Sleep nap"]),
        ("targeted", True, ["StepRun a"]),
        ("discovery", True, ["StepPlanned b"]),
        ("targeted", False, ["StepRun b"]),
        ("discovery", False, ["StepRun c"]),
        ("discovery", False, []),
    ]


def test_a_group_that_does_not_end_with_its_sleep_costs_no_call(engine, calls):
    async def handler(ctx):
        await ctx.group.parallel((lambda: ctx.step.sleep("nap", 1000), lambda: ctx.step.sleep("day", 5000)))
        await ctx.group.parallel(
            (
                lambda: ctx.step.sleep("short", 1000),
                lambda: ctx.step.wait_for_event("wait", event="never", timeout=2000),
            )
        )
        await ctx.step.run("b", value)

    play(engine, handler)
    assert calls[-2:] == [("discovery", False, ["StepRun b"]), ("discovery", False, [])]


def test_the_flag_is_not_set_twice(engine, calls):
    """A group that is found by a call with the flag is not marked, so that the step after it runs at once."""

    async def handler(ctx):
        await ctx.group.parallel((lambda: ctx.step.run("a", value), lambda: ctx.step.sleep("nap", 1000)))
        await ctx.group.parallel((lambda: ctx.step.run("b", value), lambda: ctx.step.sleep("rest", 1000)))
        await ctx.step.run("c", value)

    play(engine, handler)
    assert calls == [
        ("discovery", False, ["StepPlanned a", "Sleep nap"]),
        ("targeted", True, ["StepRun a"]),
        ("discovery", True, ["StepPlanned b", "Sleep rest"]),
        ("targeted", False, ["StepRun b"]),
        ("discovery", False, ["StepRun c"]),
        ("discovery", False, []),
    ]


@pytest.mark.parametrize("step", ["a", ""])
def test_a_targeted_step_may_have_any_id(engine, calls, step):
    async def handler(ctx):
        return await ctx.group.parallel((lambda: ctx.step.run(step, value), lambda: ctx.step.run("other", value)))

    assert play(engine, handler).output == [1, 1]
    assert [kind for kind, _, _ in calls] == ["discovery", "targeted", "targeted", "discovery"]


def test_numbers_in_memos_are_as_the_step_wrote_them(engine):
    """The server keeps what a step returned as the text that it got."""

    async def handler(ctx):
        async def numbers():
            return [2.0, 2, 0.5]

        return repr(await ctx.step.run("numbers", numbers))

    assert play(engine, handler).output == "[2.0, 2, 0.5]"


def test_numbers_in_events_are_whole_without_a_fraction(engine):
    """The server reads an event as 64-bit floats, and writes such a float without its fraction of zero."""
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="never"))
    async def child(ctx):
        return [4.0, 4.5]

    @client.create_function(fn_id="flow", trigger=inngest.TriggerEvent(event="go"))
    async def flow(ctx):
        return repr([ctx.event.data["n"], await ctx.step.invoke("child", function=child)])

    engine.serve(client, [child, flow])
    engine.send("go", {"n": [1.0, -0.0, 2.5, 1e16, 1e21]})
    (run,) = engine.runs(function=flow)
    assert run.output == "[[1, 0, 2.5, 10000000000000000, 1e+21], [4, 4.5]]"
    engine.mock("flow", "child", returns=[5.0])
    assert engine.send("go", {"n": None}).runs[0].output == "[None, [5]]"
