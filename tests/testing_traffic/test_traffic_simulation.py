"""Simulations: what they feed, what they report, and that memory stays small."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import timedelta

import pytest

from inngest_testkit import AsyncEngine, Engine, Function, NonRetriableError, Step, after, on_cron, on_event
from inngest_testkit.errors import NotFoundError, RunawayError, SetupError, UsageError
from inngest_testkit.testing import traffic
from inngest_testkit.testing.traffic.tallies import Tally

from .loads import BEGIN, GO, IMPORT, async_engine_of, engine_of

MINUTE = timedelta(minutes=1)


def test_figures_of_a_small_scenario_counted_by_hand():
    # Three events, at 0, 1 and 2 minutes; each run has two steps that take 2 and 1 minutes, one after the other.
    # Runs last 3 minutes: 0-3, 1-4 and 2-5. The simulated time is 4 minutes, so the last is open at its end.
    function = Function(
        "import", on_event(GO), steps=[Step("fetch", lambda: 1), Step("store", lambda: 2, after="fetch")]
    )
    engine = engine_of(function)
    report = traffic.simulate(
        engine,
        traffic.constant(GO, "1/m", most=3),
        takes={("import", "fetch"): "2m", ("import", "store"): "1m"},
        until="4m",
        bucket="1m",
    )
    found = report.functions["import"]
    assert (report.events, report.sent, report.started_at, report.until) == (3, 0, BEGIN, BEGIN + 4 * MINUTE)
    assert (found.events, found.runs, found.begun, found.completed, found.open) == (3, 3, 3, 2, 1)
    assert (found.failed, found.cancelled, found.late, found.dropped) == (0, 0, None, ())
    # One step of each run is under way at any time: 1 in the first minute, 2 in the second, 3 in the third, 2 in the
    # fourth; the maximum passes at the moments at which one step ends and the next begins.
    assert found.executing.means == (1, 2, 3, 2)
    assert found.executing.mean == 2
    assert (found.executing.max, found.executing.at_end) == (3, 1)
    assert found.executing.bucket == MINUTE
    # Nothing keeps a run from beginning.
    assert found.waiting.max == timedelta()
    assert (found.backlog.mean, found.backlog.max, found.backlog.at_end) == (0, 1, 0)
    # Two runs are over, after three minutes each.
    assert (found.total.count, found.total.p50, found.total.max) == (2, 3 * MINUTE, 3 * MINUTE)
    assert found.throughput.per("1h") == 30  # two in four minutes
    assert engine.now == BEGIN + 4 * MINUTE


def test_draining_works_on_until_the_runs_are_over():
    engine = engine_of()
    report = traffic.simulate(engine, traffic.at(GO, ["50m"]), takes={"import": "2h"}, until="1h", drain=True)
    found = report.functions["import"]
    assert report.drained_at == engine.now == BEGIN + timedelta(minutes=170)
    assert (found.completed, found.open) == (1, 0)
    assert found.total.max == timedelta(hours=2)
    # Figures over time are those of the simulated hour: 10 of its 60 minutes.
    assert found.executing.mean == pytest.approx(1 / 6)
    assert found.executing.at_end == 1
    assert found.throughput.per("1h") == 0


def test_draining_has_a_limit():
    report = traffic.simulate(
        engine_of(), traffic.at(GO, ["0s"]), takes={"import": "9d"}, until="1h", drain=True, limit="2d"
    )
    assert report.functions["import"].open == 1


def test_draining_does_not_wait_for_what_crons_start():
    nightly = Function("nightly", on_cron("0 * * * *"), steps=[Step("sweep", lambda: 1)])
    engine = engine_of(IMPORT, nightly)
    takes = {"nightly": "90m", "import": "10m"}
    report = traffic.simulate(engine, traffic.at(GO, ["0s"]), takes=takes, until="2h30m", drain=True)
    # The runs of 1 and 2 o'clock are awaited, until half past three; the one of 3 o'clock is not.
    assert report.drained_at == BEGIN + timedelta(hours=3, minutes=30)
    assert report.functions["nightly"].runs == 3
    assert report.functions["nightly"].open == 1


def test_draining_waits_for_what_runs_cause():
    first = Function("first", on_event(GO), steps=[Step("a", lambda send: send("next"))])
    second = Function("second", on_event("next"), steps=[Step("b", lambda: 1)])
    report = traffic.simulate(
        engine_of(first, second),
        traffic.at(GO, ["50m"]),
        takes={"first": "20m", "second": "1h"},
        until="1h",
        drain=True,
    )
    assert report.drained_at == BEGIN + timedelta(minutes=130)
    assert report.functions["second"].completed == 1
    assert (report.events, report.sent) == (1, 1)


def test_utilisation_is_the_arrival_rate_times_the_service_time():
    # As in an M/D/1 queue whose server is never short: 20 an hour of 3 minutes each keep one worker busy on average.
    report = traffic.simulate(
        engine_of(keep="failed"), traffic.poisson(GO, "20/h"), takes={"import": "3m"}, until="20d"
    )
    found = report.functions["import"]
    arrivals = report.events / (20 * 24)
    assert arrivals == pytest.approx(20, rel=0.06)
    # Steps that the end cuts off are the only difference.
    assert found.executing.mean == pytest.approx(arrivals * 3 / 60, rel=0.002)
    assert found.total.p99 == 3 * MINUTE
    # In steady state, the number under way is Poisson too: nothing is under way in exp(-1) of the time.
    assert 5 <= found.executing.max <= 10


def test_exponential_service_has_exponential_total_times():
    takes = {"import": traffic.exponential("100s")}
    report = traffic.simulate(engine_of(), traffic.poisson(GO, "50/h"), takes=takes, until="4d", drain=True)
    total = report.functions["import"].total
    assert total.count == report.events
    assert total.mean.total_seconds() == pytest.approx(100, rel=0.06)
    assert total.p95.total_seconds() == pytest.approx(100 * math.log(20), rel=0.1)


def test_events_of_one_moment_come_together():
    # The wait for `reply` is not there yet when an event of the same moment arrives.
    function = Function(
        "ask",
        on_event("ask"),
        steps=[
            Step("put", lambda: 1),
            Step("answer", lambda: 2, after=after("put", event="reply", ttl="1h")),
        ],
    )
    together, apart = engine_of(function), engine_of(function)
    traffic.simulate(together, traffic.at("ask", ["5m"]), traffic.at("reply", ["5m"]), until="1h")
    traffic.simulate(apart, traffic.at("ask", ["5m"]), traffic.at("reply", ["5m1us"]), until="1h")
    assert "answer" not in together.runs()[0].steps
    assert "answer" in apart.runs()[0].steps


def test_each_event_comes_at_its_moment_and_what_is_due_before_is_worked_before():
    moments = []
    function = Function("import", on_event(GO), steps=[Step("fetch", lambda now: moments.append(now))])
    cron = Function("tick", on_cron("*/20 * * * *"), steps=[Step("tock", lambda now: moments.append(now))])
    traffic.simulate(engine_of(function, cron), traffic.at(GO, ["10m", "30m", "50m"]), until="1h")
    assert [(moment - BEGIN) / MINUTE for moment in moments] == [10, 20, 30, 40, 50, 60]


def test_runs_that_fail_are_cancelled_or_were_there_before_are_told_apart():
    def fetch(event):
        if event.data["number"] % 2:
            raise NonRetriableError("odd")

    function = Function("import", on_event(GO), steps=[Step("fetch", fetch), Step("rest", lambda: 1, after="fetch")])
    engine = engine_of(function)
    engine.send(GO, {"number": 0})
    stream = traffic.constant(GO, "1/m", data=lambda number, random: {"number": number})
    report = traffic.simulate(engine, stream, takes={("import", "rest"): "1s"}, until="10m")
    found = report.functions["import"]
    assert (found.runs, found.completed, found.failed, found.open) == (10, 5, 5, 0)
    assert len(engine.runs()) == 11


def test_two_simulations_follow_each_other():
    engine = engine_of()
    first = traffic.simulate(engine, traffic.constant(GO, "1/m"), until="1h")
    second = traffic.simulate(engine, traffic.constant(GO, "2/m"), until="1h")
    assert (first.functions["import"].runs, second.functions["import"].runs) == (60, 120)
    assert second.started_at == first.until
    assert engine._core.journal.listeners == ()
    assert engine._core.drivers.mocks.timings == {}


def test_the_same_seed_gives_the_same_report():
    def report(seed):
        engine = engine_of(seed=seed, keep="failed")
        streams = (traffic.poisson(GO, "100/h"), traffic.bursts(GO, 20, every="1h"))
        return traffic.simulate(engine, *streams, takes={"import": traffic.exponential("1m")}, until="6h", drain=True)

    assert report(3).to_dicts() == report(3).to_dicts() != report(4).to_dicts()
    assert report(3).table() == report(3).table()


@pytest.mark.anyio
async def test_an_async_engine_gives_the_same_report():
    streams = (traffic.poisson(GO, "100/h"), traffic.bursts(GO, 20, every="1h"))
    told = {"takes": {"import": traffic.exponential("1m")}, "until": "6h", "late_after": "1m"}
    engine = await async_engine_of()
    report = await traffic.simulate(engine, *streams, **told)
    # Engine cannot be called here; the comparison is with what it reports elsewhere.
    assert report.table() == _in_a_thread(lambda: traffic.simulate(engine_of(), *streams, **told)).table()


def _in_a_thread(work):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_an_engine_in_a_running_loop_says_which_to_use():
    async def here():
        traffic.simulate(Engine(), until="1h")

    with pytest.raises(UsageError, match="use AsyncEngine there"):
        asyncio.run(here())


def test_memory_does_not_grow_with_the_events():
    engine = engine_of(keep="failed")
    sizes = []

    def measured(number, random):
        core, journal = engine._core, engine._core.journal
        state = core._parts.state
        # Not the ids of events, which count for a day.
        sizes.append((len(journal.runs), len(journal.shapes), len(state._runs), len(engine.queue)))
        return {"number": number}

    report = traffic.simulate(
        engine, traffic.constant(GO, "1/s", data=measured), takes={"import": "2500ms"}, until="1500s"
    )
    assert report.functions["import"].completed == 1498
    # Runs that are under way, and one that has just ended.
    assert max(max(each) for each in sizes) <= 4
    assert len(report.functions["import"].executing.means) <= 200


def test_what_is_kept_of_runs_is_dropped_when_they_are_over():
    from inngest_testkit.testing.traffic import simulation

    seen = []
    original = simulation.Observer
    engine = engine_of(keep=0)
    try:
        simulation.Observer = lambda *given: seen.append(original(*given)) or seen[-1]
        traffic.simulate(engine, traffic.constant(GO, "1/s"), until="300s")
    finally:
        simulation.Observer = original
    (observer,) = seen
    assert observer.open == {}
    (count,) = observer._functions.values()
    assert all(len(part) <= 1 for part in (count._waiting, count._total) if isinstance(part, Tally))


def test_a_long_simulation_is_no_runaway_but_a_moment_without_end_is():
    engine = engine_of(max_steps=50)
    assert traffic.simulate(engine, traffic.constant(GO, "1/m"), until="10h").events == 600
    burst = traffic.simulate(engine, traffic.bursts(GO, 2500), until="10h")
    assert burst.functions["import"].completed == 2500
    loop = Function("loop", on_event("loop"), steps=[Step("again", lambda send: send("loop"))])
    with pytest.raises(RunawayError, match="worked 1050 items"):
        # The 50 of the engine, and a thousand for the run that was open.
        traffic.simulate(engine_of(loop, max_steps=50), traffic.at("loop", ["1h"]), until="10h")


def test_an_event_that_starts_nothing_is_explained():
    report = traffic.simulate(engine_of(), traffic.constant("contact/uplaoded", "1/h"), until="3h")
    assert "no function is triggered by 'contact/uplaoded'" in report.why_nothing
    assert "did you mean 'contact/uploaded'?" in report.table()
    with pytest.raises(NotFoundError, match="there is no waiting time of runs of 'import'"):
        _ = report.functions["import"].waiting.p95


def test_late_runs_are_counted_from_a_threshold_on():
    report = traffic.simulate(engine_of(), traffic.constant(GO, "1/h"), until="3h", late_after="0s")
    assert report.functions["import"].late == 0
    assert report.late_after == timedelta()


def test_a_function_that_is_not_there_is_named():
    report = traffic.simulate(engine_of(), until="1h")
    with pytest.raises(NotFoundError, match=r"there is no function 'imprt'.*did you mean 'import'"):
        _ = report.functions["imprt"]
    with pytest.raises(NotFoundError, match="there is no limit 'throttle': function 'import' does not have one"):
        report.functions["import"].limit("throttle")
    assert list(report.functions) == ["import"]
    assert "import" in report.functions
    assert len(report.functions) == 1


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"until": "0s"}, "simulate: until is a span longer than 0s, found '0s'"),
        ({"until": "soon"}, "simulate: until: 'soon' is not a duration"),
        ({"until": "1h", "limit": "-1s"}, "simulate: limit is a span of at least 0s"),
        ({"until": "1h", "late_after": "-1s"}, "simulate: late_after is a span of at least 0s"),
        ({"until": "30d", "bucket": "1s"}, "gives more than 10,000 buckets"),
        ({"until": "1h", "progress": "yes"}, "progress must be True, False or None"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(told, words):
    with pytest.raises(SetupError, match=words):
        traffic.simulate(engine_of(), **told)


def test_what_is_no_engine_or_does_not_work_is_refused():
    with pytest.raises(SetupError, match="takes an Engine or an AsyncEngine first, found ListedStream"):
        traffic.simulate(traffic.at("e", []), until="1h")
    with pytest.raises(SetupError, match="use one with auto=True"):
        traffic.simulate(Engine(auto=False), until="1h")
    assert isinstance(AsyncEngine(), AsyncEngine)


def test_a_mistake_in_a_stream_sends_nothing():
    engine = engine_of()
    with pytest.raises(SetupError, match="lies outside of the simulation"):
        traffic.simulate(engine, traffic.constant(GO, "1/s"), traffic.at(GO, ["2h"]), until="1h")
    assert engine.events() == []
    assert engine._core.journal.listeners == ()


def test_rows_are_json_for_a_data_frame():
    report = traffic.simulate(engine_of(), traffic.constant(GO, "1/m"), takes={"import": "30s"}, until="1h")
    (row,) = report.to_dicts()
    assert json.loads(json.dumps(row)) == row
    assert row["function_id"] == "import"
    assert (row["runs"], row["total_p95"], row["throughput"]) == (60, 30.0, 60 / 3600)
    assert row["executing_mean"] == 0.5
    assert row["concurrency_used"] is None
    rows = report.functions["import"].executing.to_dicts()
    assert len(rows) == 60
    assert rows[1] == {"at": "2024-01-01T00:01:00+00:00", "mean": 0.5, "max": 1}


def test_representations_are_short():
    report = traffic.simulate(engine_of(), traffic.constant(GO, "1/m"), takes={"import": "30s"}, until="1h")
    found = report.functions["import"]
    assert repr(report) == "<Report on 1h: 60 events, 60 runs>"
    assert repr(found) == "<FunctionFigures of import: 60 runs, 60 completed>"
    assert repr(found.executing) == "<Series mean 0.5, max 1, at end 0, 60 x 1m>"
    assert repr(found.throughput) == "<Rate 60/h>"
    assert repr(found.total).startswith("<Percentiles of 60: p50 0:00:30,")


def test_events_that_no_function_asks_for_are_named():
    report = traffic.simulate(
        engine_of(), traffic.constant(GO, "1/h"), traffic.bursts("contact/uploded", 3), until="2h"
    )
    assert report.why_nothing == ""
    (unmatched,) = report.unmatched
    assert unmatched.startswith("3 events 'contact/uploded': no function is triggered by 'contact/uploded'")
    assert unmatched in report.table()


def test_runs_that_are_cancelled_before_they_begin_have_waited():
    # One at a time for an hour each, and half an hour to start: the second of two waits in vain.
    function = Function(
        "import", on_event(GO), steps=[Step("fetch", lambda: 1)], concurrency=1, timeouts={"start": "30m"}
    )
    engine = engine_of(function)
    report = traffic.simulate(engine, traffic.bursts(GO, 2), takes={"import": "1h"}, until="2h", late_after="20m")
    found = report.functions["import"]
    assert (found.runs, found.begun, found.cancelled, found.late) == (2, 1, 1, 1)
    assert found.waiting.max == 30 * MINUTE


@pytest.mark.parametrize("takes", ["5s", {("import", "fetch", "x"): "5s"}])
def test_takes_that_names_no_steps_is_refused_with_the_remedy(takes):
    with pytest.raises(SetupError, match=r"takes.*write \{\('import', 'fetch'\): '5s'\}"):
        traffic.simulate(engine_of(), traffic.constant(GO, "1/h"), until="2h", takes=takes)
