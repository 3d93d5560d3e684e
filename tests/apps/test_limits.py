"""The server's limits: the run ends with the server's error, and each limit can be set or lifted."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Limits, RunStatus
from inngest_testkit.errors import SetupError

from .apps import GO, client_of, function, serving, shop


def steps_of(count):
    def body(ctx):
        for index in range(count):
            yield ctx.step.run(f"s{index}", lambda: "x" * 40)
        return "done"

    return body


def returning(size):
    def body(ctx):
        return (yield ctx.step.run("large", lambda: "x" * size))[:4]

    return body


def sleeping(days):
    def body(ctx):
        yield ctx.step.sleep("nap", timedelta(days=days))

    return body


def waiting(days):
    def body(ctx):
        yield ctx.step.wait_for_event("paid", event="shop/paid", timeout=timedelta(days=days))

    return body


def group_of(count):
    def body(ctx):
        yield ctx.group.parallel(tuple(lambda n=n: ctx.step.run(f"s{n}", lambda: None) for n in range(count)))
        yield ctx.step.run("after", lambda: None)

    return body


CASES = {
    "steps": (steps_of(4), Limits(steps=3), "InngestErrFunctionOverflowed", "exceeded the step limit of 3 steps"),
    "plan": (group_of(4), Limits(steps=3), "InngestErrFunctionOverflowed", "exceeded the step limit of 3 steps"),
    "group": (group_of(3), Limits(steps=3), "InngestErrFunctionOverflowed", "exceeded the step limit of 3 steps"),
    "step_output": (returning(100), Limits(step_output=50), "Error", "step output size is greater than the limit"),
    "answer": (returning(600), Limits(answer=500), "output_too_large", "exceeds the maximum size limit"),
    "state": (steps_of(4), Limits(state=100), "InngestErrStateOverflowed", "state size limit of 100 bytes"),
    "sleep": (sleeping(3), Limits(sleep=timedelta(days=2)), "InngestErrTimeoutTooLong", "The sleep"),
    "wait": (waiting(3), Limits(sleep=timedelta(days=2)), "InngestErrTimeoutTooLong", "wait-for-event timeout"),
    "name": (steps_of(1), Limits(name=1), "Error", "has 2 characters, the limit is 1"),
}
LIFTED = Limits(steps=None, step_output=None, answer=None, state=None, sleep=None, name=None, event=None, request=None)


@pytest.mark.parametrize("name", CASES)
def test_a_limit_fails_the_run_with_the_servers_error(name):
    body, limits, error, message = CASES[name]
    engine = shop(body, limits=limits, retries=1)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.status is RunStatus.FAILED
    assert run.error.name == error
    assert message in run.error.message


@pytest.mark.parametrize("limits", [Limits(), LIFTED])
@pytest.mark.parametrize("name", CASES)
def test_within_the_limits_and_without_them_the_run_completes(name, limits):
    engine = shop(CASES[name][0], limits=limits)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.status is RunStatus.COMPLETED


@pytest.mark.parametrize(("name", "attempts"), [("step_output", 2), ("answer", 2), ("state", 1), ("sleep", 1)])
def test_what_the_server_cannot_read_is_retried_and_what_it_refuses_is_not(name, attempts):
    body, limits, _, _ = CASES[name]
    engine = shop(body, limits=limits, retries=1)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    last = [entry for entry in run.entries if entry.found == run.entries[-1].found]
    assert len(last) == attempts


def test_a_function_cannot_catch_a_step_output_that_is_too_large():
    def body(ctx):
        try:
            yield ctx.step.run("large", lambda: "x" * 100)
        except inngest.StepError:
            return "caught"

    run = shop(body, limits=Limits(step_output=50), retries=0).send(GO).run
    assert run.status is RunStatus.FAILED


def test_a_functions_own_result_may_be_larger_than_a_steps():
    def body(ctx):
        return "x" * 100
        yield

    assert shop(body, limits=Limits(step_output=50)).send(GO).run.output == "x" * 100


@pytest.mark.parametrize("limit", [700, 100])
def test_a_request_that_is_too_large_lets_the_app_fetch_its_memos_and_events(limit):
    def body(ctx):
        given = yield ctx.step.run("one", lambda: "x" * 500)
        return [len(given), len(ctx.events), ctx.event.data["n"]]

    assert shop(body, limits=Limits(request=limit)).send(GO, {"n": 1}).run.output == [500, 1, 1]


def test_an_event_that_is_too_large_is_refused_to_the_client():
    def body(ctx):
        try:
            yield ctx.step.send_event("send", inngest.Event(name="shop/out", data={"text": "x" * 200}))
        except inngest.StepError as error:
            return error.message

    client = client_of()
    engine = serving(client, function(client, body, retries=0), limits=Limits(event=100))
    run = engine.send(GO).run
    assert "Event is over the max size: Max 100 bytes" in (run.output or run.error.message)
    assert engine.events("shop/out") == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, r"Limits\(steps=...\) takes a whole number above zero, or None, found 0"),
        ({"event": 1.5}, r"Limits\(event=...\) takes a whole number above zero, or None, found 1.5"),
        ({"state": True}, "found True"),
        ({"sleep": 3}, r"Limits\(sleep=...\) takes a timedelta above zero, or None, found 3"),
        ({"sleep": timedelta()}, "takes a timedelta above zero"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(SetupError, match=message):
        Limits(**wrong)
