"""Python steps: what a callable gets, and what becomes of what it returns or raises."""

from __future__ import annotations

import functools

import pytest

from inngest_testkit import Engine, Function, RunStatus, Step, on_event


def run_step(code, data=None, **options):
    engine = Engine(**options)
    engine.register(
        Function("fn", on_event("e"), steps=[Step("first", lambda: {"n": 1}), Step("s", code, after="first")])
    )
    return engine.send("e", data).run


def test_a_callable_gets_what_its_parameters_ask_for():
    def step(event, steps, attempt, run_id, step_id, function_id, now):
        return [event.name, steps["first"], attempt, run_id, step_id, function_id, f"{now:%Y-%m-%d}"]

    run = run_step(step)
    assert run.output == ["e", {"n": 1}, 0, run.id, "s", "fn", "2024-01-01"]


def test_parameters_with_defaults_of_their_own_are_left_alone():
    assert run_step(lambda event, times=3: event.data["n"] * times, {"n": 2}).output == 6


def test_a_callable_that_takes_everything_gets_everything():
    assert run_step(lambda **given: sorted(given)).output == [
        "attempt", "event", "function_id", "now", "run_id", "send", "step_id", "steps",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["partial", "method", "callable object", "async method"])
def test_any_kind_of_callable_will_do(kind):
    class Service:
        def step(self, event):
            return event.name

        async def step_async(self, event):
            return event.name

        def __call__(self, event):
            return event.name

    codes = {
        "partial": functools.partial(lambda prefix, event: event.name, "x"),
        "method": Service().step,
        "callable object": Service(),
        "async method": Service().step_async,
    }
    assert run_step(codes[kind]).output == "e"


def test_steps_is_read_only_and_knows_only_what_is_done():
    def step(steps):
        with pytest.raises(TypeError):
            steps["first"] = 2
        return [list(steps), len(steps), "first" in steps, "s" in steps, steps.get("s", "not yet")]

    assert run_step(step).output == [["first"], 1, True, False, "not yet"]


def test_what_a_step_raises_is_its_error_with_the_place():
    def broken():
        raise LookupError("no such user")

    error = run_step(broken).steps["s"].error
    assert str(error) == "LookupError: no such user"
    assert "in broken" in error.stack


def test_a_system_exit_is_not_the_steps_failure():
    def leave():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_step(leave)


def test_send_refuses_a_bad_event_as_the_steps_failure():
    run = run_step(lambda send: send(""))
    assert run.steps["s"].error.name == "EventError"


def test_a_step_that_returns_nothing_has_null_as_its_output():
    run = run_step(lambda: None)
    assert run.status is RunStatus.COMPLETED
    assert run.steps["s"].output is None
