"""Errors in steps and between them: retries on virtual time, what the function can catch, on_failure."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import inngest
import pytest

from inngest_testkit import RunStatus, StepStatus

from .apps import GO, KINDS, client_of, function, handler, seconds, serving, shop

TABLE = [0, 15, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200, 7200]


def fails(*, times=100, error=lambda: ValueError("down"), attempts=None):
    """A function of one step that fails so many times, with errors that `error` makes."""

    def body(ctx):
        def step():
            if attempts is not None:
                attempts.append(ctx.attempt)
            if ctx.attempt < times:
                raise error()
            return "up"

        return (yield ctx.step.run("flaky", step))

    return body


def delays(run, step="flaky"):
    begun = [seconds(run, attempt.started_at) for attempt in run.steps[step].attempts]
    return [0, *(later - earlier for earlier, later in pairwise(begun))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_tried_five_times_at_the_servers_delays(kind):
    attempts = []
    engine = shop(fails(attempts=attempts), kind=kind)
    run = engine.send(GO).run
    assert run.steps["flaky"].status is StepStatus.RETRYING
    assert run.waiting[0].kind == "retry"
    engine.run_until_complete(run)
    assert attempts == [0, 1, 2, 3, 4]
    assert delays(run) == TABLE[:5]
    assert run.status is RunStatus.FAILED
    assert str(run.error) == "ValueError: down"


def test_the_delays_grow_to_two_hours_and_retries_above_twenty_are_cut():
    engine = shop(fails(), retries=20)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert delays(run) == [*TABLE, *[7200] * 9]


def test_each_step_has_its_own_attempts():
    def body(ctx):
        def flaky():
            if ctx.attempt < 2:
                raise OSError("down")
            return ctx.attempt

        one = yield ctx.step.run("one", flaky)
        two = yield ctx.step.run("two", flaky)
        return [one, two]

    engine = shop(body, retries=2)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == [2, 2]
    assert [len(run.steps[name].attempts) for name in ("one", "two")] == [3, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_code_between_steps_is_retried_with_the_same_memos(kind):
    bodies = []

    def body(ctx):
        yield ctx.step.run("one", lambda: bodies.append(1))
        if ctx.attempt < 2:
            raise OSError("between")
        return ctx.attempt

    engine = shop(body, kind=kind)
    run = engine.send(GO).run
    assert (run.waiting[0].kind, run.waiting[0].step) == ("retry", "")
    engine.run_until_complete(run)
    assert bodies == [1]
    assert run.output == 2
    assert [entry.attempt for entry in run.entries] == [0, 0, 1, 2]
    assert seconds(run, run.ended_at) == 45


def test_a_fixed_interval_replaces_the_servers_delays():
    engine = shop(fails(), retries=3, retry_interval="1s")
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert delays(run) == [0, 1, 1, 1]


def test_jitter_adds_up_to_thirty_seconds_from_the_seed():
    def drawn(seed):
        engine = shop(fails(), retries=2, jitter=True, seed=seed)
        run = engine.send(GO).run
        engine.run_until_complete(run)
        return delays(run)[1:]

    assert drawn(1) == drawn(1)
    found = [drawn(seed) for seed in range(10)]
    assert all(15 <= first <= 45 and 30 <= second <= 60 for first, second in found)
    assert len({first for first, _ in found}) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_retry_after_sets_the_next_attempt_of_a_step(kind):
    engine = shop(fails(times=1, error=lambda: inngest.RetryAfterError("busy", timedelta(minutes=7))), kind=kind)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == "up"
    assert seconds(run, run.ended_at) == 420


@pytest.mark.parametrize(("asked", "waited"), [(timedelta(0), 1), (timedelta(days=9), 24 * 3600)])
def test_retry_after_counts_between_a_second_and_a_day(asked, waited):
    engine = shop(fails(times=1, error=lambda: inngest.RetryAfterError("busy", asked)))
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert seconds(run, run.ended_at) == waited


@pytest.mark.parametrize("kind", KINDS)
def test_a_non_retriable_error_in_a_step_fails_the_run_and_cannot_be_caught(kind):
    def body(ctx):
        def step():
            raise inngest.NonRetriableError("never")

        try:
            yield ctx.step.run("step", step)
        except inngest.StepError:
            return "caught"

    run = shop(body, kind=kind).send(GO).run
    assert run.status is RunStatus.FAILED
    assert (run.error.name, run.error.message) == ("NonRetriableError", "never")
    assert len(run.entries) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_error_is_caught_and_rolled_back(kind):
    def body(ctx):
        def charge():
            raise ValueError("declined")

        try:
            yield ctx.step.run("charge", charge)
        except inngest.StepError as error:
            message, name = error.message, error.name
            yield ctx.step.run("refund", lambda: message)
            return name

    engine = shop(body, kind=kind, retries=1)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.status is RunStatus.COMPLETED
    assert run.output == "ValueError"
    assert run.error is None
    assert run.steps["charge"].status is StepStatus.FAILED
    assert run.steps["refund"].output == "declined"


def test_an_uncaught_step_error_fails_the_function_without_its_own_retries():
    engine = shop(fails(), retries=1)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert len(run.entries) == 3
    assert seconds(run, run.ended_at) == 15


@pytest.mark.parametrize("kind", KINDS)
def test_on_failure_runs_with_the_error_and_the_event_and_may_have_steps(kind):
    told = []

    def rescue(ctx):
        def tell():
            told.append((ctx.event.data["error"]["message"], ctx.event.data["event"]["data"]))

        yield ctx.step.run("tell", tell)
        yield ctx.step.sleep("later", timedelta(hours=1))
        return "rescued"

    client = client_of()
    engine = serving(client, function(client, fails(), kind=kind, retries=0, on_failure=handler(rescue, kind)))
    run = engine.send(GO, {"order": 7}).run
    assert run.status is RunStatus.FAILED
    (failure,) = engine.runs(function="shop-f-failure")
    engine.run_until_complete()
    assert told == [("down", {"order": 7})]
    assert failure.output == "rescued"
    assert failure.events[0].id == run.id


def test_on_failure_that_fails_emits_no_further_failure():
    def rescue(ctx):
        raise OSError("again")

    client = client_of()
    engine = serving(client, function(client, fails(), retries=0, on_failure=rescue))
    assert engine.send(GO).run.status is RunStatus.FAILED
    assert engine.runs(function="f-failure")[0].status is RunStatus.FAILED
    assert len(engine.events("inngest/function.failed")) == 1


def test_on_failure_is_not_called_for_a_cancelled_run():
    def body(ctx):
        yield ctx.step.sleep("nap", timedelta(days=1))

    client = client_of()
    engine = serving(client, function(client, body, on_failure=lambda ctx: "never"))
    run = engine.send(GO).run
    engine.cancel(run)
    engine.run_until_complete()
    assert [each.status for each in engine.runs()] == [RunStatus.CANCELLED]
