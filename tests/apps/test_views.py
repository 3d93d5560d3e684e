"""A run of an app's function as a test sees it: its state, timeline, what holds it up, and the server's events."""

from __future__ import annotations

import re
from datetime import timedelta

import inngest
import pytest

from inngest_testkit import RunStatus, StepStatus
from inngest_testkit.errors import NotFoundError

from .apps import GO, client_of, function, handler, seconds, serving, shop


def lifelike(client):
    """A function with every kind of step."""

    def napping(ctx):
        yield ctx.step.sleep("nap", timedelta(hours=1))
        return "rested"

    child = function(client, napping, id="child", on="never")

    def body(ctx):
        def charge():
            if ctx.attempt == 0:
                raise OSError("down")
            return {"ok": True}

        yield ctx.step.run("charge", charge)
        yield ctx.step.send_event("tell", inngest.Event(name="shop/charged"))
        yield ctx.step.sleep("nap", timedelta(days=3))
        yield ctx.step.invoke("call", function=child)
        yield ctx.group.parallel((lambda: ctx.step.run("a", lambda: 1), lambda: ctx.step.run("b", lambda: 2)))
        yield ctx.step.wait_for_event("paid", event="shop/paid", timeout=timedelta(days=1))
        if ctx.attempt == 0:
            raise OSError("between")
        return "done"

    return [function(client, body), child]


def lines(run):
    """A timeline without its title, which has the run's id, and without the places of errors."""
    return re.sub(r" \(\w+\.py:\d+ in \w+\)", "", run.timeline()).split("\n")[1:]


def test_a_timeline_tells_every_kind_of_step():
    client = client_of()
    engine = serving(client, *lifelike(client))
    run = engine.send(GO).run
    engine.run_until_complete(run)
    (sent,) = run.steps["tell"].output
    assert lines(run) == [
        "        at  step    attempt  outcome",
        "       +0s                   run starts: event 'shop/go'",
        "       +0s  charge        0  OSError: down · retry at +15s",
        '      +15s  charge        1  ok {"ok":true}',
        "      +15s                0  sends shop/charged",
        f'      +15s  tell          0  ok ["{sent}"]',
        "      +15s  nap              sleeps until +3d15s",
        "    +3d15s  nap           0  ok null",
        "    +3d15s  call             waits for run of shop-child until +368d15s",
        "  +3d1h15s  call             resumed by inngest/function.finished",
        '  +3d1h15s  call          0  ok "rested"',
        "  +3d1h15s  a                planned",
        "  +3d1h15s  b                planned",
        "  +3d1h15s  a             0  ok 1",
        "  +3d1h15s  b             0  ok 2",
        "  +3d1h15s  paid             waits for shop/paid until +4d1h15s",
        "  +4d1h15s  paid             shop/paid did not come in time",
        "  +4d1h15s  paid          0  ok null",
        "  +4d1h15s                0  OSError: between · retry at +4d1h30s",
        "  +4d1h30s                   run.completed",
    ]


def test_a_timeline_shows_what_the_run_waits_for_and_what_was_found():
    def body(ctx):
        yield ctx.step.run("pair", lambda: (1, 2))
        yield ctx.step.sleep("nap", timedelta(days=3))

    assert lines(shop(body).send(GO).run) == [
        "   at  step  attempt  outcome",
        "  +0s                 run starts: event 'shop/go'",
        "  +0s              0  type-change: step 'pair': output: tuple becomes list, since what a step…",
        "  +0s  pair        0  ok [1,2]",
        "  +0s  nap            sleeps until +3d",
        "    …  nap            still waiting, until +3d",
    ]


def waits(ctx):
    yield ctx.step.run("first", lambda: 1)
    yield ctx.step.wait_for_event("paid", event="shop/paid", timeout=timedelta(days=1))
    yield ctx.step.run("ship", lambda: 2)


def test_why_a_step_has_not_run_names_what_the_run_waits_for():
    engine = shop(waits)
    run = engine.send(GO).run
    assert run.why_not("ship") == (
        "it has not run: the function has not come to it; step 'paid' waits for event 'shop/paid', until "
        "2024-01-02 00:00:00; steps that it came to: 'first', 'paid'"
    )
    assert run.why_not("first") == "it has run: <StepRecord first COMPLETED>"
    engine.send("shop/paid")
    assert run.why_not("shipp") == (
        "it has not run: the function has not come to it; the run is completed; "
        "steps that it came to: 'first', 'paid', 'ship'; did you mean 'ship'?"
    )


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda ctx: ctx.step.sleep("nap", timedelta(hours=1)), "step 'nap' sleeps until 2024-01-01 01:00:00"),
        (lambda ctx: ctx.step.run("bad", lambda: 1 / 0), "step 'bad' is not tried again until 2024-01-01 00:00:15"),
        (lambda ctx: 1 / 0, "the function is not tried again until 2024-01-01 00:00:15"),
    ],
)
def test_why_a_step_has_not_run_names_what_holds_the_run_up(step, reason):
    def body(ctx):
        yield step(ctx)

    assert reason in shop(body).send(GO).run.why_not("later")


def test_why_a_step_has_not_run_tells_the_failure():
    def body(ctx):
        raise inngest.NonRetriableError("no")

    assert "the run failed: NonRetriableError: no" in shop(body).send(GO).run.why_not("later")


def test_a_misspelt_step_says_what_the_run_came_to():
    engine = shop(waits)
    run = engine.send(GO).run
    with pytest.raises(NotFoundError, match=r"there is no step 'frist' in <Run .*; did you mean 'first'") as caught:
        _ = run.steps["frist"]
    assert "step 'paid' waits for event 'shop/paid'" in str(caught.value)
    with pytest.raises(NotFoundError, match="there is no occurrence 2: step 'first' began once in this run"):
        _ = run.steps["first", 2]


def test_a_run_tells_its_state_while_it_goes():
    engine = shop(waits)
    run = engine.send(GO).run
    assert (run.status, run.output, run.error, run.ended_at) == (RunStatus.RUNNING, None, None, None)
    assert {name: step.status for name, step in run.steps.items()} == {
        "first": StepStatus.COMPLETED,
        "paid": StepStatus.WAITING,
    }
    engine.advance("2h")
    engine.send("shop/paid")
    assert seconds(run, run.ended_at) == 7200
    assert run.steps["paid"].started_at == run.started_at
    assert run.steps["paid"].attempts[0].duration == timedelta(hours=2)


def test_the_output_of_a_run_is_what_the_function_returned_not_its_last_step():
    def body(ctx):
        yield ctx.step.run("a", lambda: "step")

    run = shop(body).send(GO).run
    assert run.status is RunStatus.COMPLETED
    assert run.output is None


def test_entries_tell_each_call_of_the_handler():
    engine = shop(waits)
    run = engine.send(GO).run
    engine.send("shop/paid")
    assert [(entry.number, entry.status, entry.found) for entry in run.entries] == [
        (0, 206, ("first",)),
        (1, 206, ("paid",)),
        (2, 206, ("ship",)),
        (3, 200, ()),
    ]


# -- the server's own events


def ends(body, **options):
    engine = shop(body, **options)
    run = engine.send(GO, {"n": 1}, id="e-1").run
    engine.run_until_complete(run)
    return engine, run


def test_a_completed_run_tells_its_result():
    def body(ctx):
        return {"n": 2}
        yield

    engine, run = ends(body)
    (event,) = [each for each in engine.events() if each.name.startswith("inngest/")]
    sent = {"name": GO, "data": {"n": 1}, "id": "e-1", "ts": 1704067200000}
    assert event.name == "inngest/function.finished"
    assert event.data == {
        "_inngest": {"status": "Completed"},
        "event": {**sent, "user": {}},
        "events": [sent],
        "function_id": "shop-f",
        "result": {"n": 2},
        "run_id": run.id,
    }


def test_a_failed_run_tells_twice_and_with_the_runs_id():
    def body(ctx):
        raise ValueError("no stock")

    engine, run = ends(body, retries=0)
    finished, failed = (each for each in engine.events() if each.name.startswith("inngest/"))
    assert (finished.name, failed.name) == ("inngest/function.finished", "inngest/function.failed")
    assert (failed.id, failed.data, failed.ts) == (run.id, finished.data, finished.ts)
    error = failed.data["error"]
    assert (error["error"], error["message"], error["name"]) == ("invalid status code: 500", "no stock", "ValueError")
    assert failed.data["result"]["message"] == "no stock"
    assert failed.data["_inngest"] == {"status": "Failed"}


def test_a_final_error_is_named_so():
    def body(ctx):
        raise inngest.NonRetriableError("never")

    engine, _ = ends(body)
    assert engine.events("inngest/function.failed")[0].data["error"]["error"] == "NonRetriableError"


def test_a_cancelled_run_tells_so_without_result_and_error():
    engine = shop(waits)
    run = engine.send(GO).run
    engine.cancel(run)
    engine.advance("0s")
    finished, cancelled = (each for each in engine.events() if each.name.startswith("inngest/"))
    assert (finished.name, cancelled.name) == ("inngest/function.finished", "inngest/function.cancelled")
    assert finished.data["_inngest"] == {"status": "Cancelled"}
    assert not {"result", "error"} & set(cancelled.data)


def test_a_run_that_an_end_started_tells_nothing():
    def body(ctx):
        raise inngest.NonRetriableError("no")

    engine, _ = ends(body, on_failure=handler(lambda ctx: iter(())))
    names = [each.name for each in engine.events()]
    assert names.count("inngest/function.finished") == 1
    assert len(engine.runs()) == 2


def test_an_invocation_tells_who_asks():
    client = client_of()
    engine = serving(client, *lifelike(client))
    run = engine.send(GO).run
    engine.run_until_complete(run)
    (invoked,) = engine.events("inngest/function.invoked")
    inner = invoked.data["_inngest"]
    assert inner["fn_id"] == "shop-child"
    assert inner["correlation_id"].startswith(f"{run.id}.")
    assert inner["source_app_id"] == "shop"
    finished = next(e for e in engine.events("inngest/function.finished") if e.data["function_id"] == "shop-child")
    assert finished.data["correlation_id"] == inner["correlation_id"]
