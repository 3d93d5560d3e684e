"""Priority: a run's place among those that wait is moved by so many seconds."""

from __future__ import annotations

import inngest
import pytest

from inngest_testkit import RunStatus

from .flows import begun, made, play, second, to, work

TERNARY = {"run": "event.data.plan == 'pro' ? 120 : 0"}
FROM_EVENT = {"run": "int(event.data.p)"}


def queue(script, priority, takes="1d"):
    """Return the numbers of the runs in the order in which they began: one place, which the first has at once."""
    engine = work(takes=takes, concurrency=1, priority=priority)
    play(engine, *script)
    engine.run_until_complete()
    starts = begun(engine)
    return sorted(range(len(starts)), key=starts.__getitem__)


def test_the_run_with_the_higher_number_goes_first():
    assert queue([(0, {}), (0, {"plan": "free"}), (0, {"plan": "pro"})], TERNARY) == [0, 2, 1]


def test_a_run_overtakes_those_that_came_less_than_its_seconds_before():
    # With 120 s, the run of 120.000 stands where one of 0 would: beside the run of 0, which is older. That of 119.999
    # stands before it.
    assert queue([(0, {}), (0, {"p": 0}), (120, {"p": 120})], FROM_EVENT) == [0, 1, 2]
    assert queue([(0, {}), (0, {"p": 0}), (119.999, {"p": 120})], FROM_EVENT) == [0, 2, 1]


def test_the_number_is_cut_to_twelve_hours():
    # 43,200 s are 12 h: what comes 12 h later cannot overtake, whatever its number.
    late = 43_200
    assert queue([(0, {}), (0, {}), (late, {"p": 10**9})], FROM_EVENT) == [0, 1, 2]
    assert queue([(0, {}), (0, {}), (late - 0.001, {"p": 10**9})], FROM_EVENT) == [0, 2, 1]


def test_numbers_of_an_event_are_no_whole_numbers_unless_made_so():
    script = [(0, {}), (0, {"p": 0}), (0, {"p": 300})]
    assert queue(script, {"run": "event.data.p"}) == [0, 1, 2]
    assert queue(script, {"run": "int(event.data.p)"}) == [0, 2, 1]


@pytest.mark.parametrize("expression", ["'300'", "300.0", "event.data.plan == 'pro'", "event.data.missing", "int('x')"])
def test_any_other_result_counts_as_zero(expression):
    script = [(0, {}), (0, {"plan": "free"}), (0, {"plan": "pro"})]
    assert queue(script, {"run": expression}) == [0, 1, 2]


def test_a_negative_number_delays_the_start_by_so_many_seconds():
    engine = work(priority={"run": "int(event.data.p)"})
    play(engine, (0, {"p": -5}), (0, {"p": 0}), (0, {"p": -100_000}))
    assert engine.runs()[0].status is RunStatus.QUEUED
    to(engine, 43_200)
    # The last one is cut to 12 h as well.
    assert begun(engine) == [5, 0, 43_200]


def test_a_delayed_run_stands_behind_those_that_came_less_than_its_seconds_after():
    # The run of 0 with -60 is due at 60 and stands where one of 60 would: behind that of 59, before that of 61.
    assert queue([(0, {}), (0, {"p": -60}), (59, {}), (61, {})], FROM_EVENT) == [0, 2, 1, 3]


def test_priority_decides_who_of_a_throttles_line_is_next():
    engine = work(throttle={"limit": 1, "period": "10s"}, priority=TERNARY)
    play(engine, (0, {}), (0, {"plan": "free"}), (1, {"plan": "pro"}))
    to(engine, 20)
    assert begun(engine) == [0, 20, 10]


def test_the_sdks_functions_have_it_too():
    client = inngest.Inngest(app_id="shop", is_production=False)

    @client.create_function(
        fn_id="f",
        trigger=inngest.TriggerEvent(event="go"),
        concurrency=[inngest.Concurrency(limit=1)],
        priority=inngest.Priority(run="event.data.plan == 'pro' ? 120 : 0"),
    )
    def f(ctx: inngest.ContextSync) -> None:
        ctx.step.run("work", lambda: None)

    with made() as engine:
        engine.serve(client, [f])
        engine.mock(f, "work", returns=None, takes="10s")
        runs = [sent.run for sent in play(engine, 0, (0, {"plan": "free"}), (1, {"plan": "pro"}))]
        engine.run_until_complete()
        assert begun(engine) == [0, 20, 10]
        assert [second(run.ended_at) for run in runs] == [10, 30, 20]
