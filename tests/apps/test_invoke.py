"""Functions that invoke others: every way in which a child can end."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Function, RunStatus, Step, StepStatus, on_event

from .apps import GO, KINDS, client_of, function, seconds, serving


def doubling(ctx):
    return (yield ctx.step.run("double", lambda: ctx.event.data["n"] * 2))


def failing(ctx):
    def fail():
        raise ValueError("no child")

    yield ctx.step.run("fail", fail)


def napping(ctx):
    yield ctx.step.sleep("nap", timedelta(days=1))
    return "rested"


def parent_and(child, kind="sync", by_id=False, retries=None, **options):
    """An engine with a parent, which returns what its invoking step gives or raises, and the child."""
    client = client_of()
    called = function(client, child, id="child", on="never", kind=kind, retries=retries)

    def parent(ctx):
        try:
            if by_id:
                return (
                    yield ctx.step.invoke_by_id("call", app_id="shop", function_id="child", data={"n": 4}, **options)
                )
            return (yield ctx.step.invoke("call", function=called, data={"n": 4}, **options))
        except inngest.StepError as error:
            return {"name": error.name, "message": error.message}

    return serving(client, function(client, parent, id="parent", kind=kind), called)


@pytest.mark.parametrize("by_id", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_child_gives_its_result(kind, by_id):
    engine = parent_and(doubling, kind, by_id)
    run = engine.send(GO).run
    assert run.output == 8
    (child,) = engine.runs(function="child")
    assert child.events[0].name == "inngest/function.invoked"
    assert child.events[0].data["n"] == 4


def test_while_the_child_is_under_way_the_parent_waits_for_it():
    engine = parent_and(napping)
    run = engine.send(GO).run
    (wait,) = run.waiting
    assert (wait.kind, wait.step, wait.event) == ("invoke", "call", "shop-child")
    assert run.steps["call"].status is StepStatus.WAITING
    engine.advance("1d")
    assert run.output == "rested"


def test_a_child_that_fails_raises_its_error_after_its_own_retries():
    engine = parent_and(failing, retries=2)
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == {"name": "ValueError", "message": "no child"}
    (child,) = engine.runs(function="child")
    assert len(child.steps["fail"].attempts) == 3
    assert len(run.steps["call"].attempts) == 1
    assert seconds(run, run.ended_at) == 45


def test_a_time_out_raises_in_the_parent_and_the_child_goes_on():
    engine = parent_and(napping, timeout=timedelta(hours=1))
    run = engine.send(GO).run
    engine.advance("1h")
    assert run.output == {
        "name": "InngestInvokeTimeoutError",
        "message": "Timed out waiting for invoked function to complete",
    }
    (child,) = engine.runs(function="child")
    assert child.status is RunStatus.RUNNING
    engine.advance("1d")
    assert child.output == "rested"
    assert run.status is RunStatus.COMPLETED


def test_a_cancelled_child_gives_its_end_as_the_result():
    engine = parent_and(napping)
    run = engine.send(GO).run
    (child,) = engine.runs(function="child")
    engine.cancel(child)
    engine.run_until_complete(run)
    assert run.steps["call"].output["name"] == "inngest/function.finished"
    assert run.status is RunStatus.COMPLETED


def test_an_unknown_function_raises_with_what_there_is():
    client = client_of()

    def parent(ctx):
        yield ctx.step.invoke_by_id("call", app_id="shop", function_id="chlid")

    engine = serving(client, function(client, parent, id="parent"), function(client, doubling, id="child", on="never"))
    run = engine.send(GO).run
    assert run.status is RunStatus.FAILED
    assert "could not find function with ID: shop-chlid" in run.error.message
    assert "did you mean 'shop-child'" in run.error.message


def test_a_function_of_another_app_is_invoked_by_its_id():
    shop, store = client_of(), client_of("store")
    child = function(store, doubling, id="double", on="never")

    def parent(ctx):
        return (yield ctx.step.invoke_by_id("call", app_id="store", function_id="double", data={"n": 2}))

    engine = serving(shop, function(shop, parent))
    engine.serve(store, [child])
    assert engine.send(GO).run.output == 4


def test_the_object_of_another_apps_function_is_looked_for_in_the_own_app_as_the_sdk_does():
    shop, store = client_of(), client_of("store")
    child = function(store, doubling, id="double", on="never")

    def parent(ctx):
        yield ctx.step.invoke("call", function=child, data={"n": 2})

    engine = serving(shop, function(shop, parent))
    engine.serve(store, [child])
    run = engine.send(GO).run
    assert "could not find function with ID: shop-double" in run.error.message
    assert "did you mean 'store-double'" in run.error.message


def test_a_dag_function_is_invoked_and_gives_its_last_output():
    client = client_of()

    def parent(ctx):
        return (yield ctx.step.invoke_by_id("call", function_id="dag", data={"n": 3}))

    engine = serving(client, function(client, parent))
    engine.register(Function("shop-dag", on_event("never"), steps=[Step("s", lambda event: event.data["n"] + 1)]))
    assert engine.send(GO).run.output == 4


def test_a_dag_function_that_fails_raises_in_its_parent():
    client = client_of()

    def parent(ctx):
        try:
            yield ctx.step.invoke_by_id("call", function_id="dag")
        except inngest.StepError as error:
            return error.message

    engine = serving(client, function(client, parent))
    engine.register(Function("shop-dag", on_event("never"), steps=[Step("s", lambda: 1 / 0)]))
    run = engine.send(GO).run
    engine.run_until_complete(run)
    assert run.output == "division by zero"


def test_children_invoke_children():
    client = client_of()

    def nested(ctx):
        depth = ctx.event.data["n"]
        if depth == 0:
            return 0
        below = yield ctx.step.invoke("below", function=made[0], data={"n": depth - 1})
        return below + 1

    made = []
    made.append(function(client, nested))
    assert serving(client, *made).send(GO, {"n": 5}).run.output == 5
