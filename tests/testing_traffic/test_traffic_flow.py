"""Load on functions with flow control: what the rules hold, drop and cancel, and queues that theory knows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inngest_testkit import Function, Step, on_event
from inngest_testkit.testing import traffic

from .loads import GO, engine_of

MINUTE = timedelta(minutes=1)


def limited(**flow_control):
    """The import with flow control."""
    return Function("import", on_event(GO), steps=[Step("fetch", lambda: 1)], **flow_control)


def simulated(function, *streams, seed=0, **told):
    return traffic.simulate(engine_of(function, keep="failed", seed=seed), *streams, **told).functions["import"]


def test_concurrency_lets_a_burst_through_one_by_one():
    # Three runs of 10 minutes each, one at a time: they wait 0, 10 and 20 minutes, and keep the one place busy for 30
    # of 60 minutes. Two wait for 10 minutes, then one does: 30 of 60.
    found = simulated(
        limited(concurrency=1), traffic.bursts(GO, 3), takes={"import": "10m"}, until="1h", late_after="9m"
    )
    assert [found.waiting.p50, found.waiting.max, found.waiting.mean] == [10 * MINUTE, 20 * MINUTE, 10 * MINUTE]
    assert (found.executing.mean, found.executing.max) == (0.5, 1)
    assert (found.backlog.mean, found.backlog.at_end) == (0.5, 0)
    assert found.held.mean == 0.5
    assert found.limit("concurrency").mean == 0.5
    assert (found.completed, found.late, found.total.max) == (3, 2, 30 * MINUTE)


def test_steps_that_are_held_later_on_wait_without_counting_as_waiting():
    two = Function("import", on_event(GO), steps=[Step("a", lambda: 1), Step("b", lambda: 2, after="a")], concurrency=1)
    found = simulated(two, traffic.bursts(GO, 2), takes={"import": "10m"}, until="1h")
    assert found.waiting.max == 20 * MINUTE  # steps of older runs come first
    assert found.executing.mean == pytest.approx(40 / 60)
    assert found.total.max == 40 * MINUTE


def test_a_throttle_lets_runs_start_at_its_pace():
    # Two at once, then one every half hour: at 0, 0, 30, 60 and 90 minutes; of the 2 + 2 * 3 = 8 that might have
    # started in three hours, 5 did.
    throttle = {"limit": 2, "period": "1h"}
    found = simulated(limited(throttle=throttle), traffic.bursts(GO, 5), until="3h", bucket="30m")
    assert (found.waiting.p50, found.waiting.max) == (30 * MINUTE, 90 * MINUTE)
    assert found.limit("throttle").mean == pytest.approx(5 / 8)
    assert found.backlog.means == (3, 2, 1, 0, 0, 0)


def test_a_jam_shows_although_nobody_begins():
    found = simulated(limited(throttle={"limit": 1, "period": "1d"}), traffic.bursts(GO, 5), until="6h")
    assert (found.begun, found.backlog.at_end, found.open) == (1, 4, 4)
    assert found.waiting.p95 == timedelta(hours=6)


def test_dropped_events_are_told_by_key():
    stream = traffic.constant(GO, "1/m", data=lambda number, random: {"user": "ann" if number % 3 else "bob"})
    rule = {"limit": 1, "period": "1h", "key": "event.data.user"}
    found = simulated(limited(rate_limit=rule), stream, until="30m")
    assert (found.events, found.runs, found.dropped_count) == (30, 2, 28)
    assert {(each.rule, each.key): each.count for each in found.dropped} == {
        ("rate_limit", "ann"): 19,
        ("rate_limit", "bob"): 9,
    }


def test_cancelled_runs_are_counted():
    rule = limited(singleton={"mode": "cancel"})
    found = simulated(rule, traffic.constant(GO, "1/m", most=5), takes={"import": "90s"}, until="1h")
    assert (found.runs, found.cancelled, found.completed) == (5, 4, 1)


def test_a_batch_is_a_run_of_many_events():
    found = simulated(limited(batch_events={"maxSize": 4, "timeout": "1h"}), traffic.bursts(GO, 12), until="2h")
    assert (found.events, found.runs, found.completed) == (12, 3, 3)


def test_keyed_concurrency_tells_of_the_busiest_key():
    rule = limited(concurrency={"limit": 2, "key": "event.data.user"})
    stream = traffic.constant(GO, "6/h", data=lambda number, random: {"user": "ann" if number % 3 else "bob"})
    use = simulated(rule, stream, takes={"import": "6m"}, until="10h").limit("concurrency")
    # 40 and 20 steps of 6 minutes in 10 hours with two places each.
    assert (use.busiest_key, use.keys) == ("ann", 2)
    assert use.busiest == pytest.approx(0.2)
    assert use.mean == pytest.approx(0.15)


def test_an_m_d_1_queue_waits_as_theory_says():
    # One place, 10 an hour of 3 minutes each: it is busy half of the time, and a run waits for
    # 0.5 * 3 / (2 * (1 - 0.5)) = 1.5 minutes on average.
    found = simulated(
        limited(concurrency=1), traffic.poisson(GO, "10/h"), takes={"import": "3m"}, until="30d", drain=True
    )
    assert found.limit("concurrency").mean == pytest.approx(found.runs * 3 / (30 * 24 * 60), rel=0.005)
    assert found.waiting.mean / MINUTE == pytest.approx(1.5, rel=0.12)
    # Little: as many wait as come in the time that one waits.
    assert found.backlog.mean == pytest.approx(found.runs / (30 * 24 * 60) * (found.waiting.mean / MINUTE), rel=0.01)
