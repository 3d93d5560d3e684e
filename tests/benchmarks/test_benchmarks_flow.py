"""What flow control and simulated traffic cost, as ratios within one process."""

from __future__ import annotations

from datetime import timedelta

from inngest_testkit import Engine, Event, Function, Step, on_event
from inngest_testkit.testing import traffic

from .measuring import best, ratio

MANY, EVENTS = 20_000, 200
#: An event among many keys, or behind many events in line, over one among ten.
MOST_GROWTH = 2.0
#: An event of a throttled and limited function over one of the same function without rules.
MOST_FOR_RULES = 2.0
#: The second half of a long simulation over its first.
MOST_DRIFT = 1.3


def engine_of(**rules):
    engine = Engine(keep=10, max_steps=10**9)
    engine.register(Function("f", on_event("go"), steps=[Step("a"), Step("b", after="a")], **rules))
    engine.mock("f", "a", returns=1, takes="2s")
    engine.mock("f", "b", returns=2, takes="1s")
    return engine


def one_each_second(engine, keys=1):
    def work():
        for number in range(EVENTS):
            engine.send("go", {"key": number * 7919 % keys})
            engine.advance(1)

    return work


def among_keys(count):
    """Each key has had a run, and has one that waits for its throttle."""
    engine = engine_of(
        throttle={"limit": 1, "period": "24h", "key": "event.data.key"},
        concurrency={"limit": 1, "key": "event.data.key"},
    )
    for _ in range(2):
        engine.send([Event("go", {"key": key}) for key in range(count)])
        engine.advance("1m")
    return one_each_second(engine, count)


def behind(count):
    """So many runs stand in line for one place."""
    engine = engine_of(concurrency=1)
    engine.send([Event("go", {"key": key}) for key in range(count)])
    engine.advance("1m")
    return one_each_second(engine)


def test_an_event_costs_the_same_among_10_keys_and_among_20_000(report):
    many, few = among_keys(MANY), among_keys(10)
    assert report(many, ratio(many, few, attempts=3)) <= MOST_GROWTH


def test_an_event_costs_the_same_behind_600_others_and_behind_20_000(report):
    # As many wait before as after: one run leaves the line each 3 seconds.
    many, few = behind(MANY), behind(3 * EVENTS)
    assert report(many, ratio(many, few, attempts=3)) <= MOST_GROWTH


def test_a_throttle_and_a_limit_cost_at_most_another_run(report):
    governed = one_each_second(engine_of(throttle={"limit": 3600, "period": "1h"}, concurrency=5))
    free = one_each_second(engine_of())
    assert report(governed, ratio(governed, free, attempts=3)) <= MOST_FOR_RULES


def test_an_hour_of_traffic_costs_the_same_late_and_early(report):
    engine = engine_of(throttle={"limit": 3600, "period": "1h"}, concurrency=5)

    def hour():
        traffic.simulate(engine, traffic.constant("go", "1/s"), until=timedelta(hours=1))

    first = best(hour, rounds=3)
    for _ in range(6):
        hour()
    assert report(hour, best(hour, rounds=3) / first, rounds=1) <= MOST_DRIFT
