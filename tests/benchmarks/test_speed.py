"""What the engine costs, as ratios within one process: a slow or busy machine changes both sides."""

from __future__ import annotations

import gc
import heapq
import json
import time
import tracemalloc

from inngest_testkit import Engine, Event, Function, Step, after, on_event

from .measuring import best, ratio, without_collector


def chain(name, length):
    steps = [Step("s0", lambda: {"ok": True})]
    steps += [Step(f"s{i}", lambda: {"ok": True}, after=f"s{i - 1}") for i in range(1, length)]
    return Function(name, on_event(name), steps=steps)


def engine_of(*functions):
    engine = Engine(max_steps=10**9)
    engine.register(*functions)
    return engine


def test_a_ten_step_chain_costs_at_most_20_times_its_bare_callables(report):
    engine = engine_of(chain("ten", 10))
    callables = [step.runtime.run for step in engine.functions[0].steps]

    def bare():
        for _ in range(50):
            queue = []
            for number, call in enumerate(callables):
                heapq.heappush(queue, (number, number))
                heapq.heappop(queue)
                json.loads(json.dumps(call()))

    def ours():
        for _ in range(50):
            engine.send("ten")

    assert report(ours, ratio(ours, bare)) <= 20


def test_a_step_costs_the_same_in_a_chain_of_10_and_of_10_000(report):
    engine = engine_of(chain("short", 10), chain("long", 10_000))

    def long():
        engine.send("long")

    def short():
        for _ in range(100):
            engine.send("short")

    steps_more = 10
    measured = min(best(long, rounds=1) / best(short) / steps_more for _ in range(6))
    assert report(long, measured) <= 1.5


def test_a_step_costs_the_same_after_10_and_after_100_000_finished_runs(report):
    few, many = engine_of(chain("ten", 10), chain("one", 1)), engine_of(chain("ten", 10), chain("one", 1))
    with without_collector():
        many.send([Event(name="one") for _ in range(100_000)])
    gc.freeze()  # the collector's passes over a large heap are not the engine's work

    def send(engine):
        return lambda: [engine.send("ten") for _ in range(50)]

    try:
        assert report(send(many), ratio(send(many), send(few))) <= 1.5
    finally:
        gc.unfreeze()


SAME_ORDER = "async.data.id == event.data.id"


def waiting(count):
    function = Function(
        "order",
        on_event("placed"),
        steps=[
            Step("confirm", lambda: 1),
            Step("ship", lambda: 1, after=after("confirm", event="paid", match=SAME_ORDER, ttl="30d")),
        ],
    )
    engine = engine_of(function)
    with without_collector():
        engine.send([Event(name="placed", data={"id": number}) for number in range(count)])
    return engine


def test_one_of_100_000_waits_is_found_in_at_most_3_times_the_time_of_one_of_100(report):
    few, many = waiting(100), waiting(100_000)
    gc.freeze()
    unpaid = iter(range(100_000))

    def pay_many():
        for _ in range(10):
            many.send("paid", {"id": next(unpaid)})

    def time_few():
        # Each wait is matched once, so new ones are made outside of the time that counts.
        nonlocal few
        times = []
        for _ in range(7):
            start = time.thread_time()
            for number in range(10):
                few.send("paid", {"id": number})
            times.append(time.thread_time() - start)
            few = waiting(100)
        return min(times)

    try:
        measured = min(best(pay_many) / time_few() for _ in range(3))
        assert report(pay_many, measured) <= 3
        assert many.run(next(iter(many.runs())).id).is_over
    finally:
        gc.unfreeze()


def test_a_finished_one_step_run_keeps_at_most_6_kb():
    engine = engine_of(chain("one", 1))
    engine.send([Event(name="one", data={"id": number}) for number in range(200)])
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        engine.send([Event(name="one", data={"id": number}) for number in range(2000)])
        gc.collect()
        assert (tracemalloc.get_traced_memory()[0] - before) / 2000 <= 6 * 1024
    finally:
        tracemalloc.stop()


def test_a_year_with_nothing_due_costs_no_more_than_a_second_of_it(report):
    engine = engine_of(chain("one", 1))

    def year():
        for _ in range(200):
            engine.advance("365d")

    def second():
        for _ in range(200):
            engine.advance("1s")

    assert report(year, ratio(year, second)) <= 2
