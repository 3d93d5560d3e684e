"""Python steps: what a callable gets, and what becomes of what it returns or raises."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from inngest_testkit import Engine, Function, RetryAfterError, RunStatus, Step, on_event


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
        "attempt", "event", "events", "function_id", "now", "opts", "run_id", "send", "step_id", "steps",
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


def test_a_callable_without_a_hash_will_do():
    @dataclass
    class Service:
        prefix: str

        def __call__(self, event):
            return self.prefix + event.name

    assert run_step(Service("> ")).output == "> e"


def test_a_task_that_the_step_cancelled_itself_is_its_failure():
    async def step():
        task = asyncio.create_task(asyncio.sleep(10))
        task.cancel()
        await task

    assert run_step(step).steps["s"].error.name == "CancelledError"


def test_an_exception_whose_text_is_broken_is_a_failure_all_the_same():
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    def step():
        raise Broken

    assert str(run_step(step).steps["s"].error) == "Broken: (its message cannot be shown: RuntimeError)"


def test_an_error_that_utf_8_cannot_hold_is_a_failure_all_the_same():
    def step():
        raise ValueError("\ud800")

    engine = Engine()
    engine.register(Function("f", on_event("e"), steps=[Step("s", step)]))
    engine.mock("f", "s", takes="1s")
    run = engine.send("e").run
    engine.run_until_complete(run)
    assert str(run.error) == "ValueError: ?"


def test_a_group_of_exceptions_names_its_members():
    def step():
        raise ExceptionGroup("two of them", [ValueError("one"), KeyError("other")])

    assert run_step(step).steps["s"].error.message == (
        "two of them (2 sub-exceptions): ValueError: one; KeyError: 'other'"
    )


def test_the_output_of_a_step_that_is_not_done_is_named():
    error = run_step(lambda steps: steps["frist"]).steps["s"].error
    assert "no output of step 'frist'; steps that are done: 'first'" in error.message


def test_an_error_says_which_line_of_the_step_raised_it():
    def step():
        raise ValueError("no")

    error = run_step(step).steps["s"].error
    assert error.place.startswith("test_drivers_python.py:")
    assert error.place.endswith(" in step")


@pytest.mark.parametrize("retry_after", ["5m", 300, timedelta(minutes=5)])
def test_retry_after_is_a_span_as_anywhere_else(retry_after):
    def busy(attempt):
        if not attempt:
            raise RetryAfterError("busy", retry_after)

    run = run_step(busy)
    assert (run.waiting[0].until - run.started_at) == timedelta(minutes=5)


@pytest.mark.parametrize("retry_after", ["tomorrow", datetime(2024, 1, 1)])  # noqa: DTZ001 - that is the mistake
def test_a_retry_after_that_cannot_be_read_is_the_steps_error(retry_after):
    def busy():
        raise RetryAfterError("busy", retry_after)

    assert run_step(busy).steps["s"].error.name in {"DurationError", "SetupError"}


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
