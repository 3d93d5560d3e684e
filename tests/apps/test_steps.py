"""Steps of sync and async functions, one after another, on virtual time."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import RunStatus, StepStatus

from .apps import GO, KINDS, client_of, function, seconds, serving, shop

pytestmark = pytest.mark.parametrize("kind", KINDS)


def waiting(ctx, **options):
    event = yield ctx.step.wait_for_event("paid", event="shop/paid", timeout=timedelta(days=1), **options)
    return None if event is None else dict(event.data)


def test_a_steps_result_is_what_json_makes_of_it(kind):
    def body(ctx):
        first = yield ctx.step.run("first", lambda: {"n": 1})
        return (yield ctx.step.run("second", lambda: [first, ctx.event.data["x"]]))

    run = shop(body, kind=kind).send(GO, {"x": "y"}).run
    assert run.status is RunStatus.COMPLETED
    assert run.output == [{"n": 1}, "y"]
    assert {step.id: step.output for step in run.steps.values()} == {"first": {"n": 1}, "second": [{"n": 1}, "y"]}


def test_n_steps_enter_the_handler_n_plus_one_times(kind):
    entered = []

    def body(ctx):
        entered.append(1)
        for index in range(4):
            yield ctx.step.run(f"step-{index}", lambda: None)

    run = shop(body, kind=kind).send(GO).run
    assert len(entered) == len(run.entries) == 5
    assert [entry.found for entry in run.entries] == [("step-0",), ("step-1",), ("step-2",), ("step-3",), ()]


def test_a_step_takes_arguments(kind):
    def body(ctx):
        return (yield ctx.step.run("sum", lambda a, b: a + b, 1, 2))

    assert shop(body, kind=kind).send(GO).run.output == 3


def test_a_repeated_id_is_a_step_for_each_use(kind):
    def body(ctx):
        total = 0
        for index in range(3):
            total += yield ctx.step.run("charge", lambda index=index: 10**index)
        return total

    run = shop(body, kind=kind).send(GO).run
    assert run.output == 111
    assert [run.steps["charge", use].output for use in range(3)] == [1, 10, 100]
    assert list(run.steps) == ["charge", "charge:1", "charge:2"]


def test_a_function_without_steps_completes_at_once(kind):
    def body(ctx):
        return {"event": ctx.event.name, "attempt": ctx.attempt}
        yield

    run = shop(body, kind=kind).send(GO).run
    assert run.output == {"event": GO, "attempt": 0}
    assert run.started_at == run.ended_at


def test_a_sleep_lasts_what_it_says_to_the_millisecond(kind):
    def body(ctx):
        yield ctx.step.sleep("nap", timedelta(days=3, milliseconds=1))
        return "awake"

    engine = shop(body, kind=kind)
    run = engine.send(GO).run
    assert run.steps["nap"].status is StepStatus.WAITING
    assert run.waiting[0].kind == "sleep"
    engine.advance("3d")
    assert run.status is RunStatus.RUNNING
    engine.advance("1ms")
    assert run.output == "awake"
    assert run.steps["nap"].output is None
    assert seconds(run, run.ended_at) == 3 * 86400 + 0.001


def test_a_sleep_until_a_moment_ends_there_and_one_in_the_past_at_once(kind):
    def body(ctx):
        moment = inngest_moment(ctx)
        yield ctx.step.sleep_until("later", moment + timedelta(hours=2))
        yield ctx.step.sleep_until("past", moment - timedelta(hours=2))
        return "done"

    def inngest_moment(ctx):
        from datetime import UTC, datetime

        return datetime.fromtimestamp(ctx.event.ts / 1000, UTC)

    engine = shop(body, kind=kind)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert seconds(run, run.ended_at) == 7200


def test_a_wait_gets_its_event(kind):
    engine = shop(waiting, kind=kind)
    run = engine.send(GO).run
    assert (run.waiting[0].kind, run.waiting[0].event) == ("event", "shop/paid")
    assert run.steps["paid"].status is StepStatus.WAITING
    engine.advance("5h")
    engine.send("shop/paid", {"amount": 3})
    assert run.output == {"amount": 3}
    assert run.steps["paid"].output["name"] == "shop/paid"
    assert seconds(run, run.steps["paid"].ended_at) == 5 * 3600


def test_a_wait_without_its_event_ends_with_none_at_its_time_out(kind):
    engine = shop(waiting, kind=kind)
    run = engine.send(GO).run
    engine.advance("1d")
    assert run.status is RunStatus.COMPLETED
    assert run.output is None
    assert engine.queue.pending == ()


def test_an_event_before_the_wait_and_one_of_the_same_send_are_lost(kind):
    engine = shop(waiting, kind=kind)
    engine.send("shop/paid", {"amount": 1})
    run = engine.send([{"name": GO}, {"name": "shop/paid"}]).run
    assert run.steps["paid"].status is StepStatus.WAITING
    engine.send("shop/paid", {"amount": 2})
    assert run.output == {"amount": 2}


def test_one_event_resumes_every_run_that_waits_for_it(kind):
    engine = shop(waiting, kind=kind)
    runs = [engine.send(GO).run for _ in range(3)]
    engine.send("shop/paid", {"amount": 1})
    assert [run.output for run in runs] == [{"amount": 1}] * 3


def test_a_condition_decides_which_run_an_event_resumes(kind):
    engine = shop(lambda ctx: waiting(ctx, if_exp="event.data.order == async.data.order"), kind=kind)
    one, two = (engine.send(GO, {"order": order}).run for order in (1, 2))
    engine.send("shop/paid", {"order": 2})
    assert (one.status, two.status) == (RunStatus.RUNNING, RunStatus.COMPLETED)


def test_a_condition_that_does_not_compile_fails_the_run_at_once(kind):
    run = shop(lambda ctx: waiting(ctx, if_exp="async.data.order = 1"), kind=kind).send(GO).run
    assert run.status is RunStatus.FAILED
    assert run.error.name == "InvalidExpression"
    assert len(run.entries) == 1


def test_sent_events_start_functions_and_have_ids(kind):
    def sends(ctx):
        events = [inngest.Event(name="shop/child", data={"n": n}) for n in range(2)]
        return (yield ctx.step.send_event("fan-out", events))

    def receives(ctx):
        return (yield ctx.step.run("double", lambda: ctx.event.data["n"] * 2))

    client = client_of()
    engine = serving(
        client, function(client, sends, id="sends", kind=kind), function(client, receives, on="shop/child", kind=kind)
    )
    run = engine.send(GO).run
    assert run.sent == ("shop/child", "shop/child")
    assert run.output == [event.id for event in engine.events("shop/child")]
    assert [each.output for each in engine.runs(function="f")] == [0, 2]


def test_the_sender_goes_on_before_the_runs_that_its_event_starts(kind):
    order = []

    def sends(ctx):
        yield ctx.step.send_event("send", inngest.Event(name="shop/child"))
        yield ctx.step.run("next", lambda: order.append("sender"))

    def receives(ctx):
        yield ctx.step.run("work", lambda: order.append("receiver"))

    client = client_of()
    engine = serving(
        client, function(client, sends, id="sends", kind=kind), function(client, receives, on="shop/child", kind=kind)
    )
    engine.send(GO)
    assert order == ["sender", "receiver"]
