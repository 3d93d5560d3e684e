"""Functions that the real SDK runs, and in which something is found."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from .server import kinds, value


def test_ids_that_change(play):
    """An id made of a counter is another one at each entry; found at the second, and only once."""
    counter = itertools.count()

    async def handler(ctx):
        await ctx.step.run("a", value)
        await ctx.step.run(f"token-{next(counter)}", value)

    server = play(handler)
    assert server.ended is None
    assert kinds(server) == ["ids"]
    assert server.findings[0].steps == ("token-0", "token-1")


def test_ids_that_change_in_a_group(play):
    """The same in a group, whose targeted step is then not found."""
    counter = itertools.count()

    async def handler(ctx):
        ids = ["a", f"b-{next(counter)}"]
        await ctx.group.parallel(tuple(lambda i=i: ctx.step.run(i, value) for i in ids))

    assert kinds(play(handler)) == ["ids"]


def test_ids_that_change_alone_in_a_group(play):
    """The only branch of a group, whose missing result raises."""
    counter = itertools.count()

    async def handler(ctx):
        (result,) = await ctx.group.parallel((lambda: ctx.step.run(f"b-{next(counter)}", value),))
        return result

    server = play(handler, retries=0)
    assert server.ended == "FAILED"
    assert kinds(server) == ["ids"]


def test_steps_that_change_places(play):
    """The server does not mind the order; it is found all the same."""
    calls = itertools.count()

    async def handler(ctx):
        ids = ["a", "b", "c"]
        if next(calls) == 3:
            ids = ["a", "c", "b"]
        for i in ids:
            await ctx.step.run(i, value)

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert kinds(server) == ["order"]


def test_a_step_that_disappears(play):
    """A planned step that is gone when it is called ends the run with too few results (recording
    parallel_disappearing)."""
    calls = itertools.count()

    async def handler(ctx):
        branches = [lambda: ctx.step.run("a", value, 1)]
        if next(calls) == 0:
            branches.append(lambda: ctx.step.run("b", value, 2))
        return list(await ctx.group.parallel(tuple(branches)))

    server = play(handler, backwards=True)
    assert (server.ended, server.memos) == ("COMPLETED", {})
    assert kinds(server) == ["missing"]


def test_a_step_that_appears(play):
    """A step before others that were there without it; alone, it looks like another id for the next one."""
    calls = itertools.count()

    async def in_a_row(ctx):
        if next(calls) > 0:
            await ctx.step.run("extra", value)
        await ctx.step.run("a", value)

    async def in_a_group(ctx):
        ids = ["extra", "a", "b"] if next(calls) > 0 else ["a", "b"]
        await ctx.group.parallel(tuple(lambda i=i: ctx.step.run(i, value) for i in ids))

    assert kinds(play(in_a_row)) == ["ids"]
    calls = itertools.count()
    assert kinds(play(in_a_group)) == ["extra"]


def test_an_error_that_is_not_always_caught_the_same_way(play):
    """Code that may fail and falls back to a step is no longer the same code."""
    calls = itertools.count()

    async def handler(ctx):
        await ctx.step.run("fall back" if next(calls) == 0 else "normal", value)

    assert kinds(play(handler)) == ["ids"]


def test_gather(play):
    """Two steps in tasks: the answer names one, and the other's body runs twice."""
    ran = []

    async def body(name):
        ran.append(name)

    async def handler(ctx):
        await asyncio.gather(ctx.step.run("a", body, "a"), ctx.step.run("b", body, "b"))

    server = play(handler)
    assert (server.ended, len(server.entries)) == ("COMPLETED", 3)
    assert ran == ["a", "b", "b"]
    assert kinds(server) == ["gather"]
    assert server.findings[0].steps == ("a", "b")


def test_gather_with_bodies_that_take_time(play):
    """What the timing of tasks changes is told as a gather, and not as nondeterminism."""
    calls = itertools.count()

    async def body(seconds):
        await asyncio.sleep(seconds)

    async def handler(ctx):
        slow = next(calls) % 2

        async def branch(name, seconds):
            await asyncio.sleep(seconds)
            for index in range(2):
                await ctx.step.run(f"{name}{index}", body, seconds)

        await asyncio.gather(branch("a", 0.01 * slow), branch("b", 0.01 * (1 - slow)), branch("c", 0))

    server = play(handler)
    assert set(kinds(server)) == {"gather"}


def test_gather_of_ids_that_change(play):
    """One finding, though each entry has other ids."""
    counter = itertools.count()

    async def handler(ctx):
        await asyncio.gather(*(ctx.step.run(f"s{next(counter)}", value) for _ in range(2)))

    assert kinds(play(handler, most=6)) == ["gather"]


def test_a_task_group(play):
    """The SDK's own interrupt is lost in an exception group; the steps are found before."""

    async def handler(ctx):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ctx.step.run("a", value))
            tasks.create_task(ctx.step.run("b", value))

    with pytest.raises(BaseExceptionGroup):
        play(handler)


def test_one_id_in_several_branches(play):
    """Both uses are named (recording parallel_same_id)."""

    async def handler(ctx):
        await ctx.group.parallel(tuple(lambda: ctx.step.run("x", value) for _ in range(3)))

    server = play(handler)
    assert server.ended == "COMPLETED"
    assert kinds(server) == ["duplicate"]
    assert server.findings[0].steps == ("x", "x:1", "x:2")


def test_one_id_in_branches_that_meet_it_at_different_times(play):
    """A branch that comes to the id later takes the other's place, and with it the other's result."""

    async def handler(ctx):
        async def long():
            await ctx.step.run("a", value)
            await ctx.step.run("b", value)
            return await ctx.step.run("same", value, "of long")

        async def short():
            await ctx.step.run("c", value)
            return await ctx.step.run("same", value, "of short")

        return await ctx.group.parallel((long, short))

    server = play(handler, backwards=True)
    assert server.memos["same"] == {"data": "of short"}
    assert kinds(server) == ["order"]


def test_an_id_that_meets_a_generated_one(play):
    """The second `y` is `y:1` on the wire; as the id is used up, its body would run for ever."""

    async def handler(ctx):
        await ctx.step.run("y", value)
        await ctx.step.run("y:1", value)
        await ctx.step.run("y", value)

    server = play(handler)
    assert server.ended is None
    assert kinds(server) == ["duplicate"]
    assert "'y:1' and 'y'" in server.findings[0].message
