"""Parallel groups in both modes."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import RunStatus

from .apps import GO, KINDS, client_of, function, seconds, serving, shop

RACE = inngest.ParallelMode.RACE


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_gives_the_results_in_the_order_of_its_branches(kind):
    def body(ctx):
        steps = tuple(lambda name=name: ctx.step.run(name, lambda: name.upper()) for name in "cab")
        results = yield ctx.group.parallel(steps)
        return list(results)

    run = shop(body, kind=kind).send(GO).run
    assert run.output == ["C", "A", "B"]
    assert list(run.steps) == ["c", "a", "b"]
    assert [(entry.target, entry.found) for entry in run.entries] == [
        ("", ("c", "a", "b")),
        ("c", ("c",)),
        ("a", ("a",)),
        ("b", ("b",)),
        ("", ()),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_of_every_kind_of_step_goes_on_when_the_last_is_done(kind):
    def body(ctx):
        results = yield ctx.group.parallel(
            (
                lambda: ctx.step.run("run", lambda: 1),
                lambda: ctx.step.sleep("sleep", timedelta(hours=1)),
                lambda: ctx.step.wait_for_event("wait", event="shop/paid", timeout=timedelta(hours=2)),
                lambda: ctx.step.invoke("invoke", function=child),
                lambda: ctx.step.send_event("send", inngest.Event(name="shop/note")),
            )
        )
        return [type(result).__name__ for result in results]

    def work(ctx):
        yield ctx.step.sleep("nap", timedelta(hours=3))
        return "child"

    client = client_of()
    child = function(client, work, id="child", on="never", kind=kind)
    engine = serving(client, function(client, body, kind=kind), child)
    run = engine.send(GO).run
    assert {wait.step for wait in run.waiting} == {"sleep", "wait", "invoke"}
    engine.run_until_complete(run)
    assert run.output == ["int", "NoneType", "NoneType", "str", "list"]
    assert seconds(run, run.ended_at) == 3 * 3600
    assert sum(entry.target == "" for entry in run.entries) == 2


def test_in_race_mode_the_function_goes_on_after_each_step():
    seen = []

    def body(ctx):
        def nap(hours):
            ctx.step.sleep(f"nap-{hours}", timedelta(hours=hours))
            return ctx.step.run(f"then-{hours}", lambda: seen.append(hours))

        yield ctx.group.parallel(tuple(lambda hours=hours: nap(hours) for hours in (3, 1, 2)), parallel_mode=RACE)

    engine = shop(body)
    run = engine.send(GO).run
    engine.advance("2h")
    assert seen == [1, 2]
    engine.run_until_complete(run)
    assert seen == [1, 2, 3]
    assert all(len(step.attempts) == 1 for step in run.steps.values())


def test_in_wait_mode_a_second_step_of_a_branch_waits_for_the_whole_group():
    begun = []

    def body(ctx):
        def nap(hours):
            ctx.step.sleep(f"nap-{hours}", timedelta(hours=hours))
            return ctx.step.run(f"then-{hours}", lambda: begun.append(hours))

        yield ctx.group.parallel((lambda: nap(1), lambda: nap(2)))

    engine = shop(body)
    run = engine.send(GO).run
    engine.advance("1h")
    assert begun == []
    engine.advance("1h")
    assert begun == [1, 2]
    assert run.status is RunStatus.COMPLETED


def test_a_failing_branch_is_retried_alone_and_its_error_comes_when_all_are_done():
    bodies = []

    def body(ctx):
        def good():
            bodies.append("good")

        def bad():
            bodies.append("bad")
            raise ValueError("no stock")

        try:
            yield ctx.group.parallel((lambda: ctx.step.run("bad", bad), lambda: ctx.step.run("good", good)))
        except inngest.StepError as error:
            message = error.message
            return (yield ctx.step.run("rollback", lambda: message))

    engine = shop(body, retries=2)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert bodies == ["bad", "good", "bad", "bad"]
    assert run.output == "no stock"
    assert run.steps["bad"].error.message == "no stock"
    assert seconds(run, run.ended_at) == 45


def test_groups_follow_each_other_and_repeat_ids():
    def body(ctx):
        total = 0
        for _ in range(2):
            pair = yield ctx.group.parallel(
                (lambda: ctx.step.run("a", lambda: 1), lambda: ctx.step.run("b", lambda: 2))
            )
            total += sum(pair)
        return total

    run = shop(body).send(GO).run
    assert run.output == 6
    assert list(run.steps) == ["a", "b", "a:1", "b:1"]


def test_a_group_of_one_hundred_runs_each_body_once():
    bodies = []

    def body(ctx):
        yield ctx.group.parallel(tuple(lambda n=n: ctx.step.run(f"s{n}", lambda: bodies.append(n)) for n in range(100)))

    run = shop(body).send(GO).run
    assert run.status is RunStatus.COMPLETED
    assert bodies == list(range(100))
