"""What a newcomer meets first: mocks that answer once, errors made in the test, events that seem lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Engine, NotFoundError, RunStatus, StepStatus
from inngest_testkit.errors import MockError

client = inngest.Inngest(app_id="first", is_production=False)


@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay"), retries=2)
def pay(ctx: inngest.ContextSync) -> object:
    return ctx.step.run("charge", lambda: "charged")


@client.create_function(fn_id="wait", trigger=inngest.TriggerEvent(event="wait"))
def wait(ctx: inngest.ContextSync) -> object:
    event = ctx.step.wait_for_event(
        "answer", event="answered", if_exp="async.data.id == event.data.id", timeout=timedelta(days=1)
    )
    return event is not None


@pytest.fixture
def engine():
    with Engine() as made:
        made.serve(client, [pay, wait])
        yield made


def test_a_mock_that_answers_once_leaves_the_retry_to_the_real_code(engine):
    mock = engine.mock(pay, "charge", raises=ValueError("busy"), times=1)
    run = engine.execute(pay)
    assert (run.output, len(run.steps["charge"].attempts), mock.call_count) == ("charged", 2, 1)


def test_an_sdk_error_made_in_the_test_means_a_span(engine):
    engine.mock(pay, "charge", side_effect=[inngest.RetryAfterError("later", timedelta(hours=2)), "ok"])
    run = engine.execute(pay)
    assert run.steps["charge"].attempts[0].retry_at - run.started_at == timedelta(hours=2)


def test_a_step_whose_mock_fails_for_good_has_failed(engine):
    engine.mock(pay, "charge", raises=inngest.NonRetriableError("no"))
    run = engine.execute(pay)
    step = run.steps["charge"]
    assert (run.status, step.status, step.error.message) == (RunStatus.FAILED, StepStatus.FAILED, "no")


def test_an_event_that_a_wait_did_not_take_names_the_wait_and_its_condition(engine):
    engine.send("wait", {"id": 1})
    sent = engine.send("answered", {"id": "1"})
    assert "waits for 'answered' at step 'answer' if async.data.id == event.data.id" in sent.why_nothing
    assert "did you mean 'answered'" in engine.send("answerd", {"id": 1}).why_nothing


def test_events_sent_on_another_loop_are_there_when_runs_are_asked_for(engine):
    asyncio.run(client.send(inngest.Event(name="pay")))
    assert [event.name for event in engine.events("pay")] == ["pay"]
    assert [run.status for run in engine.runs(function=pay)] == [RunStatus.COMPLETED]


def test_a_function_that_was_not_served_says_so():
    with Engine() as empty, pytest.raises(NotFoundError, match=r"it is not served: engine\.serve"):
        empty.execute(pay)
    with Engine() as empty:
        assert "no function is registered" in empty.send("pay").why_nothing


def test_what_ends_cause_at_the_same_moment_is_worked():
    told = []

    def tell(ctx: inngest.ContextSync) -> None:
        told.append(ctx.event.data["error"]["message"])

    @client.create_function(fn_id="fail", trigger=inngest.TriggerEvent(event="fail"), retries=0, on_failure=tell)
    def fail(ctx: inngest.ContextSync) -> None:
        raise ValueError("no")

    with Engine() as engine:
        engine.serve(client, [fail])
        assert engine.execute(fail).error.message == "no"
        assert told == ["no"]


def test_an_invoked_run_that_failed_is_the_parents_matter():
    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="never"), retries=0)
    def child(ctx: inngest.ContextSync) -> None:
        raise ValueError("no")

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="parent"))
    def parent(ctx: inngest.ContextSync) -> str:
        try:
            ctx.step.invoke("call", function=child)
        except inngest.StepError as error:
            return error.message
        return "not reached"

    with Engine() as engine:
        engine.serve(client, [child, parent])
        assert engine.send("parent").run.output == "no"
        assert engine.unobserved_failures == ()


@pytest.mark.parametrize("value", [timedelta(1), {1, 2}, object()])
def test_a_mock_cannot_return_what_the_real_step_could_not(engine, value):
    with pytest.raises(MockError, match="the real step could not return it"):
        engine.mock(pay, "charge", returns=value)
