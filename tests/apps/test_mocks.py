"""Mocks of every kind of step: what they answer, and that the step's own code never runs."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import RunStatus, StepStatus

from .apps import GO, KINDS, client_of, function, handler, seconds, serving, shop


def never():
    raise AssertionError("the body of a mocked step ran")


def one_step(ctx):
    return (yield ctx.step.run("charge", never))


def caught(ctx):
    try:
        return (yield ctx.step.run("charge", never))
    except inngest.StepError as error:
        return f"{error.name}: {error.message}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_mock_returns_instead_of_the_body(kind):
    engine = shop(one_step, kind=kind)
    mock = engine.mock("shop-f", "charge", returns=(1, {"ok": True}))
    run = engine.send(GO).run
    assert run.output == [1, {"ok": True}]
    assert run.steps["charge"].status is StepStatus.COMPLETED
    assert (mock.call_count, engine.unused_mocks) == (1, ())


def test_a_function_is_named_by_its_id_its_id_in_the_app_or_itself():
    client = client_of()
    made = function(client, one_step)
    for name in ("shop-f", "f", made):
        engine = serving(client, made)
        engine.mock(name, "charge", returns=1)
        assert engine.send(GO).run.output == 1
        assert len(engine.runs(function=name)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_mocks_error_is_retried_and_raised_as_step_error(kind):
    engine = shop(caught, kind=kind, retries=2)
    mock = engine.mock("f", "charge", raises=ValueError("declined"))
    run = engine.send(GO).run
    assert run.steps["charge"].status is StepStatus.RETRYING
    engine.run_until_complete(run)
    assert run.output == "ValueError: declined"
    assert [call.attempt for call in mock.calls] == [0, 1, 2]
    assert seconds(run, run.ended_at) == 45


def test_a_list_gives_one_result_for_each_attempt():
    engine = shop(one_step)
    engine.mock("f", "charge", side_effect=[OSError("down"), OSError("down"), "up"])
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == "up"
    assert [str(each.error or "ok") for each in run.steps["charge"].attempts] == [
        "OSError: down",
        "OSError: down",
        "ok",
    ]


@pytest.mark.parametrize("times", [1, 2])
def test_errors_so_many_times_then_the_next_mock_answers(times):
    engine = shop(one_step)
    engine.mock("f", "charge", returns="paid")
    engine.mock("f", "charge", raises=OSError("down"), times=times)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == "paid"
    assert len(run.steps["charge"].attempts) == times + 1


def test_a_non_retriable_error_fails_the_run_as_when_the_body_raises_it():
    engine = shop(caught)
    engine.mock("f", "charge", raises=inngest.NonRetriableError("never"))
    run = engine.send(GO).run
    assert run.status is RunStatus.FAILED
    assert str(run.error) == "NonRetriableError: never"


def test_retry_after_of_a_mock_sets_the_next_attempt():
    engine = shop(one_step)

    def busy():
        raise inngest.RetryAfterError("busy", timedelta(minutes=3))

    engine.mock("f", "charge", side_effect=busy)
    run = engine.send(GO).run
    assert run.waiting[0].until == engine.now + timedelta(minutes=3)


def test_a_side_effect_sees_what_the_step_sees():
    def body(ctx):
        yield ctx.step.run("first", lambda: 20)
        return (yield ctx.step.run("charge", never))

    engine = shop(body)
    engine.mock("f", "charge", side_effect=lambda event, steps, attempt: [event.data["n"], steps["first"], attempt])
    assert engine.send(GO, {"n": 2}).run.output == [2, 20, 0]


def test_a_mocked_sleep_is_over_at_once_or_after_what_it_takes():
    def body(ctx):
        yield ctx.step.sleep("nap", timedelta(days=3))
        yield ctx.step.sleep("doze", timedelta(days=3))

    engine = shop(body)
    engine.mock("f", "nap", returns=None)
    engine.mock("f", "doze", returns=None, takes="1m")
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.status is RunStatus.COMPLETED
    assert seconds(run, run.ended_at) == 60
    assert run.steps["nap"].output is None


def waits(ctx):
    event = yield ctx.step.wait_for_event("paid", event="shop/paid", timeout=timedelta(days=1))
    return None if event is None else [event.name, dict(event.data)]


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ({"amount": 3}, ["shop/paid", {"amount": 3}]),
        ({"name": "shop/paid", "data": {"amount": 4}}, ["shop/paid", {"amount": 4}]),
        (inngest.Event(name="shop/paid", data={"amount": 5}), ["shop/paid", {"amount": 5}]),
        (None, None),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mocked_wait_gets_an_event_its_data_or_its_time_out(kind, given, output):
    engine = shop(waits, kind=kind)
    engine.mock("f", "paid", returns=given)
    assert engine.send(GO).run.output == output
    assert engine.queue.pending == ()


def test_a_mocked_wait_cannot_give_something_else():
    engine = shop(waits, retries=0)
    engine.mock("f", "paid", returns=3)
    assert "a mocked wait gives an event" in engine.send(GO).run.error.message


def test_a_mocked_invoke_gives_a_result_and_starts_nothing():
    client = client_of()
    child = function(client, one_step, id="child", on="never")

    def body(ctx):
        return (yield ctx.step.invoke("call", function=child, data={"n": 1}))

    engine = serving(client, function(client, body), child)
    mock = engine.mock("f", "call", side_effect=lambda opts: opts["payload"]["data"]["n"] + 1)
    assert engine.send(GO).run.output == 2
    assert mock.calls[0].opts["function_id"] == "shop-child"
    assert engine.runs(function="child") == []


def test_a_mocked_invoke_can_fail():
    client = client_of()
    child = function(client, one_step, id="child", on="never")

    def body(ctx):
        try:
            yield ctx.step.invoke("call", function=child)
        except inngest.StepError as error:
            return error.message

    engine = serving(client, function(client, body, retries=0), child)
    engine.mock("f", "call", raises=RuntimeError("child is down"))
    assert engine.send(GO).run.output == "child is down"


def test_a_mocked_send_sends_nothing():
    def body(ctx):
        return (yield ctx.step.send_event("send", inngest.Event(name="shop/out")))

    engine = shop(body)
    engine.mock("f", "send", returns=["id-1"])
    assert engine.send(GO).run.output == ["id-1"]
    assert engine.events("shop/out") == []


def test_takes_alone_lets_the_body_run_and_take_time():
    begun = []

    def body(ctx):
        return (yield ctx.step.run("slow", lambda: begun.append(1) or "real"))

    engine = shop(body)
    mock = engine.mock("f", "slow", takes="5m")
    run = engine.send(GO).run
    assert run.waiting[0].kind == "step"
    engine.advance("5m")
    assert run.output == "real"
    assert begun == [1]
    assert run.steps["slow"].attempts[0].duration == timedelta(minutes=5)
    assert mock.call_count == 1


def test_takes_holds_back_what_the_step_sends_until_it_is_done():
    def body(ctx):
        yield ctx.step.send_event("send", inngest.Event(name="shop/out"))

    engine = shop(body)
    engine.mock("f", "send", takes="1h")
    engine.send(GO)
    assert engine.events("shop/out") == []
    engine.advance("1h")
    assert len(engine.events("shop/out")) == 1


def test_a_group_mixes_mocked_and_real_branches():
    def body(ctx):
        steps = (lambda: ctx.step.run("a", never), lambda: ctx.step.run("b", lambda: "real"))
        return list((yield ctx.group.parallel(steps)))

    engine = shop(body)
    engine.mock("f", "a", returns="mocked", takes="1m")
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == ["mocked", "real"]
    assert seconds(run, run.ended_at) == 60


def test_a_mock_stands_for_every_use_of_an_id_or_for_one():
    def body(ctx):
        one = yield ctx.step.run("charge", lambda: "real")
        two = yield ctx.step.run("charge", lambda: "real")
        three = yield ctx.step.run("charge", lambda: "real")
        return [one, two, three]

    engine = shop(body)
    engine.mock("f", "charge", returns="second", occurrence=1)
    assert engine.send(GO).run.output == ["real", "second", "real"]
    engine.mock("f", "charge", returns="all")
    assert engine.send(GO).run.output == ["all", "all", "all"]


def test_a_mock_of_a_step_that_is_not_come_to_is_unused():
    engine = shop(one_step)
    engine.mock("f", "charge", returns=1)
    unused = engine.mock("f", "chrage", returns=2)
    engine.send(GO)
    assert engine.unused_mocks == (unused,)


def test_on_failure_is_mocked_by_its_own_id():
    def rescue(ctx):
        return (yield ctx.step.run("tell", never))

    engine = shop(one_step, retries=0, on_failure=handler(rescue))
    engine.mock("f", "charge", raises=ValueError("no"))
    engine.mock("f-failure", "tell", returns="told")
    assert engine.send(GO).run.status is RunStatus.FAILED
    assert engine.runs(function="f-failure")[0].output == "told"
