"""Concurrency: so many steps at the same time; the others wait in line."""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Function, RunStatus, Step, after, on_event

from .flows import begun, held, made, play, second, to, work

TWO = [Step("a"), Step("b", after="a")]


def two_steps(**rules):
    """One function with the steps `a` and `b`, of a second each."""
    engine = made(Function("f", on_event("go"), steps=TWO, **rules))
    engine.mock("f", "a", returns=None, takes="1s")
    engine.mock("f", "b", returns=None, takes="1s")
    return engine


@pytest.mark.parametrize("written", [2, {"limit": 2}, [2], [{"limit": 2}], {"step": [{"limit": 2}]}])
def test_so_many_steps_are_under_way_at_the_same_time(written):
    # Two at once, of 3 s each: 0 and 0, then 3 and 3, then 6. A free place is taken in the same instant.
    engine = work(takes="3s", concurrency=written)
    play(engine, *[0] * 5)
    engine.run_until_complete()
    assert begun(engine) == [0, 0, 3, 3, 6]


def test_each_key_has_places_of_its_own_also_events_without_one():
    engine = work(takes="3s", concurrency={"limit": 1, "key": "event.data.k"})
    play(engine, (0, {"k": "a"}), (0, {"k": "a"}), (0, {"k": "b"}), 0, 0)
    engine.run_until_complete()
    assert begun(engine) == [0, 3, 0, 0, 3]


def test_what_waits_says_for_what_and_behind_how_many():
    engine = work(takes="3s", concurrency={"limit": 1, "key": "event.data.k"})
    runs = [sent.run for sent in play(engine, *[(0, {"k": "a"})] * 3)]
    assert held(engine) == [("concurrency", "a", None, 0), ("concurrency", "a", None, 1)]
    assert runs[2].why_not("work") == "it has not run: it waits for concurrency 'a', 1 ahead of it"
    assert [str(each) for each in runs[2].held] == ["step 'work' of f waits for concurrency 'a', 1 ahead of it"]
    engine.run_until_complete()
    assert runs[2].timeline().splitlines()[2:] == [
        "  +0s                 run starts: event 'go'",
        "  +0s  work        0  waits for concurrency 'a', 1 ahead of it",
        "  +6s  work        0  begins, takes until +9s",
        "  +9s  work        0  ok null",
        "  +9s                 run.completed",
    ]
    assert engine.held == ()


def test_steps_of_older_runs_go_before_those_of_younger_ones():
    # One place: the first run's `b` is due at 1, when the second run's `a` has waited since 0.
    engine = two_steps(concurrency=1)
    play(engine, 0, 0)
    engine.run_until_complete()
    assert begun(engine, step="a") == [0, 2]
    assert begun(engine, step="b") == [1, 3]


def test_each_step_of_a_fan_out_needs_a_place():
    # Two places for three steps of 2 s: 0, 0 and 2; the join follows at 4.
    parts = ["p1", "p2", "p3"]
    engine = made(
        Function("f", on_event("go"), steps=[*map(Step, parts), Step("join", after=after(parts))], concurrency=2)
    )
    for part in parts:
        engine.mock("f", part, returns=None, takes="2s")
    (sent,) = play(engine, 0)
    engine.run_until_complete()
    assert [second(sent.run.steps[step].started_at) for step in (*parts, "join")] == [0, 0, 2, 4]


@pytest.mark.parametrize("scope", ["env", "account"])
def test_functions_share_the_places_of_a_wider_scope_by_the_keys_value(scope):
    # One place for each customer, whichever function: `g` of customer 1 waits for `f` of customer 1, and customer 2
    # does not. The expressions may differ, it is the value that counts.
    engine = made(
        Function("f", on_event("go"), steps=[Step("work")], concurrency=[
            {"limit": 1, "key": "event.data.customer", "scope": scope}]),
        Function("g", on_event("go"), steps=[Step("work")], concurrency=[
            {"limit": 1, "key": "string(int(event.data.customer))", "scope": scope}]),
    )  # fmt: skip
    for name in "fg":
        engine.mock(name, "work", returns=None, takes="3s")
    play(engine, (0, {"customer": 1}), (0, {"customer": 2}))
    engine.run_until_complete()
    assert begun(engine, function="f") == [0, 0]
    assert begun(engine, function="g") == [3, 3]


def test_the_scopes_do_not_share_with_each_other():
    engine = made(
        *(
            Function(name, on_event("go"), steps=[Step("work")], concurrency={"limit": 1, "key": "'k'", "scope": scope})
            for name, scope in (("f", "env"), ("g", "account"), ("h", "fn"))
        )
    )
    for name in "fgh":
        engine.mock(name, "work", returns=None, takes="3s")
    play(engine, 0)
    assert begun(engine) == [0, 0, 0]


def test_two_limits_hold_at_once_and_who_waits_for_one_takes_nothing_of_the_other():
    # Two in all, one for each customer, 3 s each. At 0: the first of a, not its second, but b, who is the second in
    # all; c waits for the limit of two. At 3 both places are free: a's second, who came before c, and c.
    engine = work(takes="3s", concurrency=[{"limit": 2}, {"limit": 1, "key": "event.data.k"}])
    play(engine, *[(0, {"k": key}) for key in "aabc"])
    assert held(engine) == [("concurrency", "a", None, 0), ("concurrency", "", None, 0)]
    engine.run_until_complete()
    assert begun(engine) == [0, 3, 0, 3]


def test_a_run_that_waits_between_its_steps_holds_no_place():
    # `a` at 0 and 1, `b` ten seconds after each `a` is done.
    engine = made(
        Function("f", on_event("go"), steps=[Step("a"), Step("b", after=after("a", wait="10s"))], concurrency=1)
    )
    engine.mock("f", "a", returns=None, takes="1s")
    engine.mock("f", "b", returns=None, takes="1s")
    play(engine, 0, 0)
    engine.run_until_complete()
    assert begun(engine, step="a") == [0, 1]
    assert begun(engine, step="b") == [11, 12]


def test_a_limit_of_runs_is_held_from_the_first_work_of_a_run_to_its_end():
    # The same with one run at a time: 1 s, 10 s and 1 s, so the second begins at 12.
    engine = made(
        Function(
            "f",
            on_event("go"),
            steps=[Step("a"), Step("b", after=after("a", wait="10s"))],
            concurrency={"fn": [{"limit": 1}]},
        )
    )
    engine.mock("f", "a", returns=None, takes="1s")
    engine.mock("f", "b", returns=None, takes="1s")
    runs = [sent.run for sent in play(engine, 0, 0)]
    assert runs[1].status is RunStatus.QUEUED
    assert [str(each) for each in runs[1].held] == ["f waits for concurrency"]
    engine.run_until_complete()
    assert begun(engine, step="a") == [0, 12]
    assert begun(engine, step="b") == [11, 23]


def test_limits_of_runs_and_of_steps_hold_together():
    # Two runs at a time, one step at a time. `a` of the two: 0 and 1; `b` of the older at 1, so the second's `a` waits
    # until 2; the first run is over at 2, and the third run begins: its `a` waits behind the second's `b`.
    engine = two_steps(concurrency={"fn": [{"limit": 2}], "step": [{"limit": 1}]})
    play(engine, 0, 0, 0)
    engine.run_until_complete()
    assert begun(engine, step="a") == [0, 2, 4]
    assert begun(engine, step="b") == [1, 3, 5]


def test_a_failed_attempt_gives_its_place_back_until_the_retry():
    # The attempt of 0 to 1 fails and is tried again ten seconds later, at 11; the second run has the place from 1 on.
    engine = work(takes="1s", concurrency=1)
    engine.mock("f", "work", raises=OSError("down"), takes="1s", times=1)
    runs = [sent.run for sent in play(engine, 0, 0)]
    engine.run_until_complete()
    assert begun(engine) == [0, 1]
    assert [second(attempt.started_at) for attempt in runs[0].steps["work"].attempts] == [0, 11]


def test_a_retry_stands_in_line_by_the_moment_at_which_it_is_due():
    # The retry is due at 11, when the second run has the place from 1 to 16. The third run came at 5, before 11, and is
    # next; then the retry, at 31; then the fourth run, of 12.
    engine = work(takes="15s", concurrency=1)
    engine.mock("f", "work", raises=OSError("down"), takes="1s", times=1)
    runs = [sent.run for sent in play(engine, 0, 0, 5, 12)]
    engine.run_until_complete()
    assert begun(engine) == [0, 1, 16, 46]
    assert [second(attempt.started_at) for attempt in runs[0].steps["work"].attempts] == [0, 31]


def test_a_cancelled_run_gives_its_place_back_at_once():
    engine = work(takes="1h", concurrency=1)
    runs = [sent.run for sent in play(engine, 0, 0, 0)]
    to(engine, 2)
    engine.cancel(runs[1])
    engine.cancel(runs[0])
    assert begun(engine) == [0, None, 2]
    assert runs[2].status is RunStatus.RUNNING


def test_a_limit_of_zero_is_none():
    engine = work(takes="3s", concurrency={"limit": 0})
    play(engine, 0, 0, 0)
    assert begun(engine) == [0, 0, 0]


# -- functions of the SDK


def serving(body, concurrency):
    """An engine with one function of the SDK, whose steps `a` and `b` take a second."""
    client = inngest.Inngest(app_id="shop", is_production=False)
    trigger = inngest.TriggerEvent(event="go")
    function = client.create_function(fn_id="f", trigger=trigger, concurrency=concurrency)(body)
    engine = made()
    engine.serve(client, [function])
    for step in ("a", "b"):
        engine.mock(function, step, returns=None, takes="1s")
    return engine


ONE = [inngest.Concurrency(limit=1)]


def test_a_sleeping_run_holds_no_place():
    # `a` at 0 and 1; the first sleeps from 1 to 11, the second from 2 to 12.
    def body(ctx):
        ctx.step.run("a", lambda: None)
        ctx.step.sleep("nap", timedelta(seconds=10))
        ctx.step.run("b", lambda: None)

    with serving(body, ONE) as engine:
        play(engine, 0, 0)
        engine.run_until_complete()
        assert begun(engine, step="a") == [0, 1]
        assert begun(engine, step="b") == [11, 12]


def test_a_run_that_waits_for_an_event_holds_no_place():
    # Both wait from 1 and 2 on; the event at 5 resumes both, and `b` of the older goes first.
    def body(ctx):
        ctx.step.run("a", lambda: None)
        ctx.step.wait_for_event("word", event="word", timeout=timedelta(hours=1))
        ctx.step.run("b", lambda: None)

    with serving(body, ONE) as engine:
        play(engine, 0, 0)
        to(engine, 5)
        engine.send("word")
        engine.run_until_complete()
        assert begun(engine, step="a") == [0, 1]
        assert begun(engine, step="b") == [5, 6]


def test_each_step_of_a_parallel_group_needs_a_place():
    def body(ctx):
        ctx.group.parallel((lambda: ctx.step.run("a", lambda: None), lambda: ctx.step.run("b", lambda: None)))

    with serving(body, ONE) as engine:
        (sent,) = play(engine, 0)
        engine.run_until_complete()
        assert [second(sent.run.steps[step].started_at) for step in "ab"] == [0, 1]
        assert second(sent.run.ended_at) == 2


def test_a_parent_that_waits_for_its_child_holds_no_place():
    # Both have one place of the account; were it kept by the parent, the child could never run.
    client = inngest.Inngest(app_id="shop", is_production=False)
    shared = [inngest.Concurrency(limit=1, key="'all'", scope="account")]

    @client.create_function(fn_id="child", trigger=inngest.TriggerEvent(event="never"), concurrency=shared)
    def child(ctx: inngest.ContextSync) -> str:
        ctx.step.run("work", lambda: None)
        return "done"

    @client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="go"), concurrency=shared)
    def parent(ctx: inngest.ContextSync) -> object:
        return ctx.step.invoke("call", function=child)

    with made() as engine:
        engine.serve(client, [parent, child])
        engine.mock(child, "work", returns=None, takes="3s")
        (sent,) = play(engine, 0)
        engine.run_until_complete()
        assert sent.run.output == "done"
        assert second(sent.run.ended_at) == 3


def test_a_call_between_steps_needs_a_place_too():
    # The handler itself takes the place: with `a` of the first run under way, the second run is not entered.
    def body(ctx):
        ctx.step.run("a", lambda: None)

    with serving(body, ONE) as engine:
        runs = [sent.run for sent in play(engine, 0, 0)]
        assert [len(run.entries) for run in runs] == [1, 0]
        assert runs[1].held[0].rule == "concurrency"
        engine.run_until_complete()
        assert begun(engine, step="a") == [0, 1]
