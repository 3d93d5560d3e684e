"""Events that cancel runs, and runs that a test cancels: whatever a run does, it ends at that moment."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Event, Function, RunStatus, Step, StepStatus, after, on_event

from .flows import begun, held, made, play, second, to, work

STOP = [{"event": "stop", "if": "event.data.id == async.data.id"}]


def statuses(engine):
    return [run.status.value for run in engine.runs()]


def test_an_event_cancels_the_runs_for_which_the_condition_is_true_and_no_other():
    engine = work(takes="1h", cancel=STOP)
    runs = [sent.run for sent in play(engine, (0, {"id": 1}), (0, {"id": 2}), (0, {"id": 1}))]
    to(engine, 5)
    stop = engine.send("stop", {"id": 1})
    assert statuses(engine) == ["CANCELLED", "RUNNING", "CANCELLED"]
    assert [second(run.ended_at) for run in runs] == [5, None, 5]
    assert (
        runs[0].timeline().splitlines()[-1] == f"  +5s                 run.cancelled: event 'stop' ({stop.ids[0]}) came"
    )
    to(engine, 3600)
    assert runs[1].status is RunStatus.COMPLETED


def test_without_a_condition_it_cancels_every_run_of_the_function():
    engine = made(
        Function("f", on_event("go"), steps=[Step("work")], cancel=[{"event": "stop"}]),
        Function("g", on_event("go"), steps=[Step("work")]),
    )
    for name in "fg":
        engine.mock(name, "work", returns=None, takes="1h")
    play(engine, 0, 0)
    engine.send("stop")
    assert [run.status.value for run in engine.runs(function="f")] == ["CANCELLED"] * 2
    assert [run.status.value for run in engine.runs(function="g")] == ["RUNNING"] * 2


def test_what_a_rule_cancelled_on_an_event_is_not_listed_as_dropped():
    # The event did what the function asks for; nothing was lost to a limit.
    engine = work(takes="1h", cancel=STOP)
    play(engine, (0, {"id": 1}))
    engine.send("stop", {"id": 1})
    assert engine.dropped == ()


@pytest.mark.parametrize(("moment", "status"), [(10, "CANCELLED"), (10.001, "RUNNING")])
def test_an_event_after_its_timeout_cancels_nothing(moment, status):
    engine = work(takes="1h", cancel=[{"event": "stop", "timeout": "10s"}])
    play(engine, 0)
    to(engine, moment)
    engine.send("stop")
    assert statuses(engine) == [status]


@pytest.mark.parametrize("condition", ["async.data.n", "int(async.data.n) == int(event.data.missing)"])
def test_a_condition_that_is_no_boolean_cancels_nothing(condition):
    engine = work(takes="1h", cancel=[{"event": "stop", "if": condition}])
    play(engine, (0, {"n": 1}))
    engine.send("stop", {"n": "x"})
    assert statuses(engine) == ["RUNNING"]


def test_any_of_several_events_cancels():
    engine = work(takes="1h", cancel=[{"event": "stop"}, {"event": "user/deleted"}])
    play(engine, 0)
    engine.send("user/deleted")
    assert statuses(engine) == ["CANCELLED"]


def test_an_event_that_starts_runs_may_cancel_the_ones_before():
    # It is offered to the runs that are there first, so the run that it starts lives.
    engine = work(takes="1h", cancel=[{"event": "go", "if": "event.data.id == async.data.id"}])
    play(engine, (0, {"id": 1}), (1, {"id": 2}), (2, {"id": 1}))
    assert statuses(engine) == ["CANCELLED", "RUNNING", "RUNNING"]


def test_of_one_send_a_later_event_cancels_what_an_earlier_one_started():
    # They arrive together, in order, before any work is done.
    engine = work(cancel=[{"event": "stop"}])
    engine.send([Event("go"), Event("stop"), Event("go")])
    assert statuses(engine) == ["CANCELLED", "COMPLETED"]
    assert begun(engine) == [None, 0]


def test_an_event_after_the_end_of_a_run_does_nothing():
    engine = work(cancel=[{"event": "stop"}])
    (sent,) = play(engine, 0)
    engine.send("stop")
    assert sent.run.status is RunStatus.COMPLETED


# -- whatever the run does


def under_way(state):
    """An engine, with a run of which the given is true, 5 s after it was created."""
    steps = [Step("work"), Step("later", after=after("work", wait="1h"))]
    if state == "awaits an event":
        steps[1] = Step("later", after=after("work", event="word", ttl="1h"))
    rules = {"held by concurrency": {"concurrency": 1}, "held by throttle": {"throttle": {"limit": 1, "period": "1h"}}}
    engine = made(Function("f", on_event("go"), steps=steps, cancel=STOP, **rules.get(state, {})))
    if state == "held by concurrency":
        engine.mock("f", "work", returns=None, takes="10s")
    elif state == "in a step":
        engine.mock("f", "work", returns="late", takes="10s")
    elif state == "before a retry":
        engine.mock("f", "work", raises=OSError("down"))
    if state.startswith("held"):
        play(engine, (0, {"id": "other"}))
    (sent,) = play(engine, (0, {"id": 1}))
    to(engine, 5)
    return engine, sent.run


STATES = {
    "waits": (RunStatus.RUNNING, 1),
    "awaits an event": (RunStatus.RUNNING, 1),
    "in a step": (RunStatus.RUNNING, 1),
    "before a retry": (RunStatus.RUNNING, 1),
    "held by concurrency": (RunStatus.RUNNING, 0),
    "held by throttle": (RunStatus.QUEUED, 0),
}


@pytest.mark.parametrize("by", ["event", "test"])
@pytest.mark.parametrize("state", STATES)
def test_a_run_ends_at_once_whatever_it_does(state, by):
    engine, run = under_way(state)
    status, attempts = STATES[state]
    assert run.status is status
    if by == "event":
        engine.send("stop", {"id": 1})
    else:
        assert engine.cancel(run) is True
    assert (run.status, second(run.ended_at)) == (RunStatus.CANCELLED, 5)
    history = run.history
    engine.advance("2h")
    assert run.history == history
    assert [run_.function_id for run_ in engine.runs(status="RUNNING")] == []
    assert run.waiting == run.held == ()
    assert sum(len(step.attempts) for step in run.steps.values()) == attempts
    assert "later" not in run.steps
    assert run.why_not("later").endswith("the run was cancelled")
    assert held(engine) == []


def test_the_result_of_a_step_in_flight_is_dropped():
    engine, run = under_way("in a step")
    engine.send("stop", {"id": 1})
    engine.advance("1h")
    assert run.steps["work"].output is None
    assert run.steps["work"].status is StepStatus.RUNNING
    assert run.output is None


def test_a_test_that_cancels_is_told_whether_the_run_was_over():
    engine, run = under_way("waits")
    assert engine.cancel(run.id) is True
    assert engine.cancel(run) is False
    assert run.timeline().splitlines()[-1].endswith("run.cancelled: cancelled by the engine's user")


def test_a_dag_functions_run_tells_nobody_that_it_was_cancelled():
    engine, _ = under_way("waits")
    engine.send("stop", {"id": 1})
    assert engine.events("inngest/function.cancelled") == []


# -- functions of the SDK


CANCEL = [inngest.Cancel(event="stop", if_exp="event.data.id == async.data.id")]


@pytest.fixture
def client():
    return inngest.Inngest(app_id="shop", is_production=False)


@pytest.fixture
def engine():
    with made() as engine:
        yield engine


def napping(client, *, id="f", on="go", told=None, **options):  # noqa: A002 - the function's id
    """A function that works, and then sleeps for an hour."""

    def body(ctx):
        ctx.step.run("work", lambda: None)
        ctx.step.sleep("nap", timedelta(hours=1))
        return "rested"

    trigger = inngest.TriggerEvent(event=on)
    failed = None if told is None else lambda ctx: told.append(ctx.event.name)
    return client.create_function(fn_id=id, trigger=trigger, on_failure=failed, **options)(body)


def test_a_cancelled_sdk_run_tells_so_and_has_not_failed(client, engine):
    told = []
    engine.serve(client, [napping(client, told=told, cancel=CANCEL)])
    runs = [sent.run for sent in play(engine, (0, {"id": 1}), (0, {"id": 2}))]
    to(engine, 5)
    engine.send("stop", {"id": 1})
    (event,) = engine.events("inngest/function.cancelled")
    assert event.data["function_id"] == "shop-f"
    assert event.data["run_id"] == event.id == runs[0].id
    assert event.data["event"]["data"] == {"id": 1}
    (finished,) = engine.events("inngest/function.finished")
    assert finished.data["_inngest"] == {"status": "Cancelled"}
    to(engine, 3600)
    assert [run.status.value for run in runs] == ["CANCELLED", "COMPLETED"]
    assert engine.events("inngest/function.failed") == []
    assert told == []


def test_a_call_in_flight_is_left_to_finish_and_its_result_dropped(client, engine):
    function = napping(client, cancel=CANCEL)
    engine.serve(client, [function])
    engine.mock(function, "work", returns="late", takes="10s")
    (sent,) = play(engine, (0, {"id": 1}))
    to(engine, 5)
    engine.send("stop", {"id": 1})
    entries = len(sent.run.entries)
    to(engine, 60)
    assert (sent.run.status, second(sent.run.ended_at)) == (RunStatus.CANCELLED, 5)
    assert len(sent.run.entries) == entries
    assert sent.run.steps["work"].output is None


def test_a_run_that_waits_for_a_retry_or_for_a_place_is_cancelled_without_a_call(client, engine):
    calls = []

    def body(ctx):
        calls.append(ctx.event.data["id"])
        if ctx.event.data["id"] == 1:
            raise OSError("down")
        ctx.step.run("work", lambda: None)

    trigger = inngest.TriggerEvent(event="go")
    one = [inngest.Concurrency(limit=1)]
    function = client.create_function(fn_id="f", trigger=trigger, cancel=CANCEL, concurrency=one)(body)
    engine.serve(client, [function])
    engine.mock(function, "work", returns=None, takes="1m")
    runs = [sent.run for sent in play(engine, *[(0, {"id": number}) for number in (1, 2, 3)])]
    for number in (1, 3):
        engine.send("stop", {"id": number})
    to(engine, 120)
    assert [run.status.value for run in runs] == ["CANCELLED", "COMPLETED", "CANCELLED"]
    assert calls.count(1) == 1
    assert 3 not in calls


def parent_and_child(client, **options):
    child = napping(client, id="child", on="never", **options)

    def call(ctx):
        return ctx.step.invoke("call", function=child, data={"id": ctx.event.data["id"]})

    trigger = inngest.TriggerEvent(event="go")
    return client.create_function(fn_id="parent", trigger=trigger, cancel=CANCEL)(call), child


def test_a_cancelled_child_gives_its_parent_the_event_of_its_end(client, engine):
    # As on the server: the step does not fail, its result is the child's `inngest/function.finished`.
    stop = [inngest.Cancel(event="stop/child")]
    engine.serve(client, list(parent_and_child(client, cancel=stop)))
    (sent,) = play(engine, (0, {"id": 1}))
    to(engine, 5)
    engine.send("stop/child")
    (child,) = engine.runs(function="child")
    assert child.status is RunStatus.CANCELLED
    assert (sent.run.status, second(sent.run.ended_at)) == (RunStatus.COMPLETED, 5)
    assert sent.run.output["data"]["_inngest"] == {"status": "Cancelled"}
    assert sent.run.output["data"]["run_id"] == child.id


def test_a_cancelled_parent_leaves_its_child_alone(client, engine):
    engine.serve(client, list(parent_and_child(client)))
    (sent,) = play(engine, (0, {"id": 1}))
    engine.send("stop", {"id": 1})
    to(engine, 3600)
    (child,) = engine.runs(function="child")
    assert sent.run.status is RunStatus.CANCELLED
    assert (child.status, second(child.ended_at)) == (RunStatus.COMPLETED, 3600)


def test_a_test_cancels_a_child_and_the_parent_goes_on_at_once(client, engine):
    engine.serve(client, list(parent_and_child(client)))
    (sent,) = play(engine, (0, {"id": 1}))
    engine.cancel(engine.runs(function="child")[0])
    assert sent.run.status is RunStatus.COMPLETED
    assert len(engine.events("inngest/function.cancelled")) == 1
