"""What a function may do that no example shows: the engine must go on, and the run must end."""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import UTC, datetime, timedelta

import inngest
import pytest

from inngest_testkit import Engine, RunStatus
from inngest_testkit.drivers.scope import CallScope, call_scope, current_call
from inngest_testkit.errors import EventError, InvalidFunctionsError, NondeterminismError
from inngest_testkit.sdk import client as links

from .apps import GO, KINDS, client_of, function, serving, shop


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def test_after_a_mock_of_one_attempt_the_real_code_runs():
    engine = shop(lambda ctx: (yield ctx.step.run("charge", lambda: "real")))
    engine.mock("f", "charge", raises=ValueError("busy"), times=1)
    run = engine.execute("f")
    assert [str(attempt.error) for attempt in run.steps["charge"].attempts] == ["ValueError: busy", "None"]
    assert run.steps["charge"].output == "real"


@pytest.mark.parametrize(
    ("step", "first", "second", "hours"),
    [
        (lambda ctx: ctx.step.sleep("x", timedelta(hours=1)), None, None, 1),
        (lambda ctx: ctx.step.wait_for_event("x", event="paid", timeout=timedelta(hours=2)), None, None, 2),
        (lambda ctx: ctx.step.invoke_by_id("x", function_id="child"), "mock", "child", 0),
        (lambda ctx: ctx.step.run("x", lambda: "real"), "mock", "real", 0),
    ],
)
def test_of_two_runs_that_plan_a_step_the_one_behind_the_mock_has_the_real_step(step, first, second, hours):
    def body(ctx):
        return (yield step(ctx))

    def child(ctx):
        return "child"
        yield

    client = client_of()
    engine = serving(client, function(client, body), function(client, child, id="child", on="never"))
    engine.mock("f", "x", returns=first, times=1)
    one, two = engine.send([{"name": GO}, {"name": GO}]).runs
    assert one.status is RunStatus.COMPLETED
    engine.run_until_complete()
    assert [one.output, two.output] == [first, second]
    assert two.ended_at - two.started_at == timedelta(hours=hours)
    assert engine.queue.pending == ()


def test_a_literal_id_that_ends_in_a_zero_is_no_use_of_another():
    engine = shop(lambda ctx: (yield ctx.step.run("charge:0", lambda: "real")))
    engine.mock("f", "charge", returns="mock")
    assert engine.execute("f").output == "real"


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancellation_of_the_functions_own_is_an_error_of_the_app(kind):
    def body(ctx):
        raise asyncio.CancelledError
        yield

    run = shop(body, kind=kind, retries=0).execute("f")
    assert run.status is RunStatus.FAILED
    assert "HTTP 500" in run.error.message


@pytest.mark.parametrize("result", [nested(200), 10**400])
def test_a_result_that_no_event_can_carry_fails_the_run(result):
    def body(ctx):
        return (yield ctx.step.invoke_by_id("child", function_id="child"))

    def child(ctx):
        return result
        yield

    client = client_of()
    engine = serving(client, function(client, body), function(client, child, id="child", on="never", retries=0))
    run = engine.execute("f")
    assert run.status is RunStatus.FAILED
    assert "the function's result cannot be stored as JSON" in engine.runs(function="child")[0].error.message


def test_half_a_surrogate_pair_in_a_result_or_an_error_is_replaced():
    def body(ctx):
        if ctx.event.data:
            raise ValueError("no \ud800")
        return "a \ud800"
        yield

    engine = shop(body, retries=0, on_failure=lambda ctx: ctx.event.data["error"]["message"])
    assert engine.execute("f").output == "a ?"
    assert engine.execute("f", GO, {"fail": True}).error.message == "no ?"
    assert engine.runs(function="f-failure")[0].output == "no ?"


@pytest.mark.parametrize("data", [[1], {"deep": nested(200)}])
def test_data_that_no_event_can_have_fails_the_invoking_run(data):
    def body(ctx):
        yield ctx.step.invoke_by_id("child", function_id="f", data=data)

    run = shop(body).execute("f")
    assert run.status is RunStatus.FAILED
    assert "step 'child' cannot invoke: " in run.error.message


def test_of_a_list_with_an_event_that_cannot_be_kept_a_call_sends_nothing():
    client = client_of()

    def body(ctx):
        client.send_sync([inngest.Event(name="good"), inngest.Event(name="bad", data={"deep": nested(200)})])
        yield

    run = serving(client, function(client, body, retries=0)).execute("f")
    assert run.error.name == "SendEventsError"
    assert run.sent == ()


def test_what_the_entry_sent_that_disagrees_has_left_the_app():
    client, entries = client_of(), []

    def body(ctx):
        entries.append(1)
        client.send_sync(inngest.Event(name=f"entry-{len(entries)}"))
        yield ctx.step.run(f"step-{len(entries)}", lambda: 1)

    engine = serving(client, function(client, body), nondeterminism="error")
    with pytest.raises(NondeterminismError):
        engine.send(GO)
    (run,) = engine.runs(function="f")
    assert run.sent == ("entry-1", "entry-2")
    assert len(run.entries) == 2


def test_an_engine_that_could_serve_nothing_refuses_nobody():
    client, engine = client_of(), Engine()
    broken = function(client, lambda ctx: (yield), on=inngest.TriggerCron(cron="never"))
    with pytest.raises(InvalidFunctionsError):
        engine.serve(client, [broken])
    assert engine._core not in links._owners


def test_an_end_that_is_worked_again_counts_once_among_the_runs_that_are_kept():
    class Lost:
        is_armed = False

        async def pass_through(self, store, operation, call):
            if self.is_armed and (store, operation) == ("state", "end"):
                self.is_armed = False
                raise ConnectionError("lost")
            return await call()

    gate = Lost()
    engine = shop(lambda ctx: (yield ctx.step.run("s", lambda: 1)), keep=2, gate=gate)
    first = engine.send(GO).run
    gate.is_armed = True
    with pytest.raises(ConnectionError):
        engine.send(GO)
    engine.advance("1m")
    assert first in engine.runs()
    assert len(engine.runs()) == 2


def test_threads_may_ask_for_the_call_under_way_while_calls_begin_and_end():
    failed, over = [], threading.Event()

    def ask():
        while not over.is_set():
            try:
                current_call()
            except RuntimeError as error:
                failed.append(error)

    thread = threading.Thread(target=ask)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        for _ in range(20_000):
            with call_scope(CallScope(None, datetime.now(UTC))):
                pass
    finally:
        sys.setswitchinterval(interval)
        over.set()
        thread.join()
    assert failed == []


@pytest.mark.parametrize("count", [1, 2])
def test_execute_takes_a_batch(count):
    engine = shop(lambda ctx: (yield ctx.step.run("s", lambda: len(ctx.events))))
    run = engine.execute("f", [{"name": GO}] * count)
    assert (run.status, run.steps["s"].output, len(run.events)) == (RunStatus.COMPLETED, count, count)


def test_execute_takes_no_empty_batch():
    engine = shop(lambda ctx: (yield ctx.step.run("s", lambda: 1)))
    with pytest.raises(EventError, match="execute needs an event; the list is empty"):
        engine.execute("f", [])
    assert engine.execute("f").status is RunStatus.COMPLETED


@pytest.mark.parametrize("given", [None, "text", {}])
def test_an_invocation_that_no_step_made_tells_nobody(given):
    engine = shop(lambda ctx: (yield ctx.step.run("s", lambda: 1)))
    assert engine.execute("f", "inngest/function.invoked", {"_inngest": given}).status is RunStatus.COMPLETED


def test_outside_of_calls_the_sdks_clock_is_its_own():
    shop(lambda ctx: (yield ctx.step.run("s", lambda: 1))).execute("f")
    assert inngest.RetryAfterError("later", timedelta(hours=1)).retry_after > datetime.now()  # noqa: DTZ005
