"""Functions that the real SDK runs, and that do as they should: nothing is found."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import inngest
import pytest

from inngest_testkit.sdk.inspection import find_disagreement, steps_in_tasks

from .server import fail, keys, kinds, value


def assert_agrees(server):
    """No finding, and no two entries disagree."""
    assert kinds(server) == []
    assert not any(find_disagreement(*both) for both in itertools.combinations(server.entries, 2))


def test_steps_in_a_row(play):
    """Each entry comes to one more step."""

    async def handler(ctx):
        for _ in range(3):
            await ctx.step.run("x", value)
        await ctx.step.sleep("nap", timedelta(days=1))

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert [keys(entry) for entry in server.entries][:3] == [["x"], ["x", "x:1"], ["x", "x:1", "x:2"]]
    assert_agrees(server)


def test_a_sync_handler(play):
    """Sync handlers are entered in the same way."""

    def handler(ctx):
        ctx.step.run("a", lambda: 1)
        ctx.group.parallel((lambda: ctx.step.run("b", lambda: 1), lambda: ctx.step.run("c", lambda: 1)))
        return ctx.step.run("d", lambda: 2)

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert_agrees(server)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("mode", list(inngest._internal.server_lib.ParallelMode))
def test_branches_with_several_steps(play, mode, backwards):
    """New steps come in the middle when branches get on, in targeted calls too, in both modes."""

    async def handler(ctx):
        async def branch(name, length):
            for index in range(length):
                await ctx.step.run(f"{name}{index}", value)

        await ctx.step.run("first", value)
        branches = (lambda: branch("a", 3), lambda: branch("b", 1), lambda: branch("c", 2))
        await ctx.group.parallel(branches, parallel_mode=mode)
        await ctx.step.run("last", value)

    server = play(handler, backwards=backwards)
    assert server.ended == "COMPLETED"
    assert keys(server.entries[-1]) == ["first", "a0", "a1", "a2", "b0", "c0", "c1", "last"]
    assert_agrees(server)


def test_a_nested_group_with_open_steps(play):
    """A targeted call walks on after a nested group that is not done, to steps that no other entry comes to."""

    async def handler(ctx):
        async def branch():
            results = await ctx.group.parallel((lambda: ctx.step.run("p", value), lambda: ctx.step.run("q", value)))
            await ctx.step.run("all" if len(results) == 2 else "some", value)

        await ctx.group.parallel((branch, lambda: ctx.step.run("t", value)))

    server = play(handler, backwards=True)
    assert server.ended == "COMPLETED"
    assert {"some", "all"} <= {key for entry in server.entries for key in keys(entry)}
    assert_agrees(server)


def test_a_nested_group_that_is_unpacked(play):
    """The same, where too few results raise in the handler."""

    async def handler(ctx):
        async def branch():
            _, _ = await ctx.group.parallel((lambda: ctx.step.run("p", value), lambda: ctx.step.run("q", value)))
            await ctx.step.run("all", value)

        await ctx.group.parallel((branch, lambda: ctx.step.run("t", value)))

    server = play(handler, backwards=True)
    assert 500 in {entry.status for entry in server.entries}
    assert_agrees(server)


def test_a_caught_failure(play):
    """A step that fails for good sends the handler another way, at each later entry."""

    async def handler(ctx):
        try:
            await ctx.step.run("charge", fail)
            await ctx.step.run("ship", value)
        except inngest.StepError:
            await ctx.step.run("roll back", value)

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert keys(server.entries[-1]) == ["charge", "roll back"]
    assert_agrees(server)


def test_a_branch_that_fails(play):
    """An uncaught failure of one branch ends entries before they come to the others."""

    async def handler(ctx):
        await ctx.group.parallel((lambda: ctx.step.run("a", fail), lambda: ctx.step.run("b", value)))

    server = play(handler)
    assert server.ended == "FAILED"
    assert [keys(entry) for entry in server.entries][-1] == ["a"]
    assert_agrees(server)


def test_code_between_steps_that_raises(play):
    """An entry that an error ends early is no disagreement, nor is what comes after it."""
    calls = itertools.count()

    async def handler(ctx):
        await ctx.step.run("a", value)
        if next(calls) in {1, 3}:
            raise ValueError("flaky")
        await ctx.step.run("b", value)
        await ctx.step.run("c", value)

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert [entry.status for entry in server.entries].count(500) == 2
    assert_agrees(server)


def test_an_error_that_a_step_lets_through(play):
    """RetryAfterError ends the call without an operation; the step comes again."""
    calls = itertools.count()

    async def later():
        if next(calls) == 0:
            raise inngest.RetryAfterError("later", 1000)

    async def handler(ctx):
        await ctx.step.run("a", value)
        await ctx.step.run("b", later)

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert_agrees(server)


def test_a_step_inside_a_step(play):
    """A nested step shows in the trace once, and not when its parent's failure is memoised."""

    async def handler(ctx):
        async def body():
            return await ctx.step.run("child", value)

        try:
            await ctx.step.run("parent", body)
        except inngest.StepError:
            await ctx.step.run("other", value)

    server = play(handler)
    assert [keys(entry) for entry in server.entries][:2] == [["parent", "child"], ["parent", "other"]]
    assert_agrees(server)


def test_one_step_in_a_task(play):
    """asyncio.wait_for may make a task for a step; one at a time does no harm."""

    async def handler(ctx):
        await asyncio.ensure_future(ctx.step.run("a", value))
        await asyncio.ensure_future(ctx.step.run("b", value))

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert [len(steps_in_tasks(entry)) for entry in server.entries] == [1, 2, 2]
    assert_agrees(server)
