"""Load on functions of the SDK: what their steps take, and what is counted of them."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Engine, RunStatus
from inngest_testkit.testing import traffic

from .loads import BEGIN

GO = "shop/go"
MINUTE = timedelta(minutes=1)


def serving(body, **options):
    """An engine with one function, `f` of app `shop`."""
    client = inngest.Inngest(app_id="shop", is_production=False)
    made = client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event=GO), **options)(body)
    engine = Engine()
    engine.serve(client, [made])
    return engine, made


def two_steps(ctx: inngest.ContextSync) -> str:
    ctx.step.run("fetch", lambda: 1)
    ctx.step.sleep("rest", timedelta(minutes=10))
    return ctx.step.run("store", lambda: "stored")


def test_each_step_takes_what_is_said_of_it():
    engine, made = serving(two_steps)
    takes = {("f", "fetch"): "2m", (made, "store"): "3m"}
    report = traffic.simulate(engine, traffic.constant(GO, "1/h"), takes=takes, until="4h")
    run = engine.runs()[0]
    assert (run.steps["fetch"].started_at, run.steps["fetch"].ended_at) == (BEGIN, BEGIN + 2 * MINUTE)
    assert (run.steps["store"].started_at, run.ended_at) == (BEGIN + 12 * MINUTE, BEGIN + 15 * MINUTE)
    found = report.functions["f"]
    assert found is report.functions["shop-f"]
    assert found is report.functions[made]
    assert found.total.max == 15 * MINUTE
    # 5 of 60 minutes: the sleep executes nothing.
    assert found.executing.mean == pytest.approx(5 / 60)
    assert found.waiting.max == timedelta()


def test_what_is_said_of_the_function_is_of_all_its_code_and_not_of_its_sleeps():
    engine, _ = serving(two_steps)
    report = traffic.simulate(engine, traffic.constant(GO, "1/h"), takes={"f": "2m"}, until="4h")
    assert report.functions["f"].total.max == 14 * MINUTE


def test_a_function_without_steps_takes_its_time_as_a_whole():
    engine, _ = serving(lambda ctx: "done")
    report = traffic.simulate(engine, traffic.constant(GO, "1/h"), takes={"f": "30m"}, until="4h")
    found = report.functions["f"]
    assert (found.completed, found.total.max) == (4, 30 * MINUTE)
    assert (found.executing.mean, found.executing.max) == (0.5, 1)
    assert {run.output for run in engine.runs()} == {"done"}


def test_a_mocks_result_takes_what_is_said_of_its_step():
    engine, _ = serving(two_steps)
    engine.mock("f", "rest", returns=None)
    engine.mock("f", "fetch", returns="mocked", takes="1h")
    report = traffic.simulate(engine, traffic.at(GO, ["0s"]), takes={"f": "2m"}, until="4h")
    assert report.functions["f"].total.max == 4 * MINUTE
    assert engine.runs()[0].steps["fetch"].output == "mocked"


def test_a_callable_sees_what_a_step_of_the_sdk_is_given():
    seen = []

    def takes(event, steps, attempt, opts, step_id):
        seen.append((event.data["n"], dict(steps), attempt, dict(opts), step_id))
        return f"{event.data['n']}m"

    engine, _ = serving(two_steps)
    traffic.simulate(engine, traffic.at(GO, ["0s"], data={"n": 3}), takes={("f", "store"): takes}, until="1h")
    assert seen == [(3, {"fetch": 1, "rest": None}, 0, {}, "store")]
    assert engine.runs()[0].ended_at == BEGIN + 13 * MINUTE


def test_a_mock_draws_what_a_step_takes():
    engine, _ = serving(two_steps)
    engine.mock("f", "store", takes=traffic.uniform("1m", "2m"))
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert MINUTE <= run.steps["store"].attempts[0].duration <= 2 * MINUTE


def test_a_failed_attempt_takes_its_time_too():
    def fails(ctx: inngest.ContextSync) -> None:
        ctx.step.run("fetch", lambda: 1 / 0)

    engine, _ = serving(fails, retries=1)
    report = traffic.simulate(engine, traffic.at(GO, ["0s"]), takes={"f": "2m"}, until="1h")
    assert report.functions["f"].failed == 1
    assert report.functions["f"].executing.mean == pytest.approx(4 / 60)


def test_a_callable_that_fails_ends_the_run_and_says_so():
    engine, _ = serving(two_steps)
    engine.mock("f", "fetch", takes=lambda: "soon")
    run = engine.send(GO).run
    assert run.status is RunStatus.FAILED
    assert "what takes returned" in run.error.message
