"""What a test can do with runs of apps' functions: go to a step, execute, cancel, hold, keep few."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Engine, Limits, RunStatus, StepStatus
from inngest_testkit.errors import NotFoundError, RunawayError, RunIncompleteError, SetupError

from .apps import GO, client_of, function, seconds, serving, shop


def drip(ctx):
    yield ctx.step.run("welcome", lambda: "sent")
    yield ctx.step.sleep("nap", timedelta(days=3))
    yield ctx.step.run("nudge", lambda: "sent")
    yield ctx.step.run("nudge", lambda: "again")
    return "done"


def boom(ctx):
    raise inngest.NonRetriableError("boom")


def test_run_to_a_step_stops_when_it_has_begun():
    engine = shop(drip, auto=False)
    run = engine.send(GO).run
    assert engine.run_to(run, "welcome").output == "sent"
    assert engine.run_to(run, "nap").status is StepStatus.WAITING
    assert seconds(run, engine.now) == 0
    assert engine.run_to(run, "nudge", occurrence=1).output == "again"
    assert seconds(run, engine.now) == 3 * 86400
    assert engine.run_to(run, "welcome").output == "sent"


def test_run_to_a_step_that_does_not_come_says_what_came():
    engine = shop(drip)
    run = engine.send(GO).run
    with pytest.raises(RunIncompleteError, match=r"the run is over, COMPLETED. It came to: 'welcome', 'nap', 'nudge'"):
        engine.run_to(run, "nugde")


def test_run_to_stops_at_its_limit():
    engine = shop(drip)
    with pytest.raises(RunIncompleteError, match="did not come to step 'nudge': the limit of 1d is reached"):
        engine.run_to(engine.send(GO), "nudge", limit="1d")


def test_execute_starts_one_function_whatever_its_triggers():
    client = client_of()
    engine = serving(client, function(client, drip), function(client, drip, id="other"))
    run = engine.execute("f", GO, {"n": 1})
    assert run.output == "done"
    assert [each.function_id for each in engine.runs()] == ["shop-f"]
    assert run.events[0].data == {"n": 1}
    assert engine.execute("other").events[0].name == "testkit/execute"


def test_execute_of_a_failing_function_returns_its_run():
    assert shop(boom).execute("f").status is RunStatus.FAILED


def test_execute_of_what_is_not_served_names_what_is():
    client = client_of()
    engine = serving(client, function(client, drip))
    unserved = function(client, drip, id="g")
    for given in ("g", unserved):
        with pytest.raises(NotFoundError, match=r"there is no function '(shop-)?g'.*; known functions: 'shop-f'"):
            engine.execute(given)


def test_execute_runs_real_children_and_mocked_ones():
    client = client_of()
    child = function(client, drip, id="child", on="never")

    def parent(ctx):
        return (yield ctx.step.invoke("call", function=child))

    engine = serving(client, function(client, parent), child)
    assert engine.execute("f").output == "done"
    engine.mock("f", "call", returns="mocked")
    assert engine.execute("f").output == "mocked"
    assert len(engine.runs(function="child")) == 1


def test_execute_that_does_not_end_raises_with_what_it_waits_for():
    def waits(ctx):
        yield ctx.step.wait_for_event("paid", event="shop/paid", timeout=timedelta(days=9))

    with pytest.raises(RunIncompleteError, match="event of paid for 'shop/paid'"):
        shop(waits).execute("f", limit="1d")


def test_a_cancelled_run_makes_no_more_calls_and_leaves_nothing():
    engine = shop(drip)
    run = engine.send(GO).run
    assert engine.cancel(run) is True
    assert engine.cancel(run) is False
    entries = run.entries
    engine.advance("10d")
    assert run.entries == entries
    assert (run.status, engine.queue.pending, run.waiting) == (RunStatus.CANCELLED, (), ())
    assert "the run was cancelled" in run.why_not("nudge")


def test_a_held_engine_works_one_call_at_a_time():
    engine = shop(drip, auto=False)
    run = engine.send(GO).run
    assert run.status is RunStatus.QUEUED
    assert [(each.item.kind, each.item.function_id) for each in engine.queue.pending] == [("call", "shop-f")]
    worked = []
    while item := engine.run_next():
        worked.append((item.kind.value, item.step, seconds(run, engine.now)))
    end = 3 * 86400
    assert worked == [
        ("call", "", 0),
        ("call", "", 0),
        ("sleep", "nap", end),
        ("call", "", end),
        ("call", "", end),
        ("call", "", end),
    ]
    assert run.output == "done"


def test_clearing_the_queue_cancels_the_runs():
    engine = shop(drip)
    run = engine.send(GO).run
    assert engine.queue.clear() == 1
    assert run.status is RunStatus.CANCELLED


def test_a_function_that_starts_itself_is_stopped():
    def body(ctx):
        yield ctx.step.send_event("again", inngest.Event(name=GO))

    with pytest.raises(RunawayError, match="it looks like a loop"):
        shop(body, max_steps=200).send(GO)


def test_a_step_whose_id_changes_at_each_entry_is_stopped_at_the_limit_of_steps():
    def body(ctx):
        count.append(1)
        yield ctx.step.run(f"step-{len(count)}", lambda: None)

    count = []
    run = shop(body, nondeterminism="ignore", limits=Limits(steps=50)).send(GO).run
    assert run.error.name == "InngestErrFunctionOverflowed"
    assert len(run.steps) == 50


@pytest.mark.parametrize(("keep", "kept"), [("all", 4), ("failed", 2), (1, 1), (0, 0)])
def test_of_runs_that_are_over_the_engine_keeps_what_it_is_told(keep, kept):
    def body(ctx):
        yield ctx.step.run("a", lambda: (1, 2))
        if ctx.event.data["bad"]:
            raise inngest.NonRetriableError("bad")

    engine = shop(body, keep=keep)
    for bad in (False, True, False, True):
        engine.send(GO, {"bad": bad})
    assert len(engine.runs()) == kept
    worker = engine._core._parts.app_worker
    assert (worker._memos, worker._watch._inspectors) == ({}, {})
    assert len(engine._core._state._runs if keep == "all" else engine.runs()) == kept


def test_engines_with_the_same_seed_tell_the_same():
    def told(seed):
        engine = shop(drip, seed=seed)
        engine.run_until_complete(engine.send(GO))
        return [entry.to_dict() for entry in engine.history]

    assert told(1) == told(1)
    assert told(1) != told(2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limits": 3}, r"limits takes Limits\(...\), found 3"),
        ({"nondeterminism": "raise"}, "nondeterminism must be 'warn', 'error' or 'ignore', found 'raise'"),
        ({"retry_interval": "-1s"}, "retry_interval cannot be negative"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(SetupError, match=message):
        Engine(**options)
