"""What the README of the SDK's recordings says about flow control and no recording shows.

Source: recordings/sdk README, the sections that the tests are grouped by; each test has its figures in a comment.
"""

from __future__ import annotations

from datetime import timedelta

import inngest
import pytest

from inngest_testkit import Engine, HistoryKind


@pytest.fixture
def engine():
    with Engine(retry_interval=1) as engine:
        yield engine


@pytest.fixture
def shop(engine):
    """Serve functions, each one an id, what it does (None: it returns at once) and its options."""
    client = inngest.Inngest(app_id="shop", is_production=False)

    def serve(*functions, trigger=None):
        trigger = trigger or inngest.TriggerEvent(event="go")
        made = [
            client.create_function(fn_id=fn_id, **{"trigger": trigger, **options})(handler or _at_once)
            for fn_id, handler, options in functions
        ]
        engine.serve(client, made)
        return made

    return serve


async def _at_once(ctx):
    return ctx.event.data.get("n")


async def _one_step(ctx):
    async def work():
        return ctx.event.data.get("n")

    return await ctx.step.run("work", work)


def sleeps(seconds):
    async def handler(ctx):
        await ctx.step.sleep("nap", timedelta(seconds=seconds))

    return handler


def send(engine, *moments):
    """Send an event with these data at each moment (seconds), all of one moment together."""
    start = engine.now
    for at, *data in moments:
        engine.advance(start + timedelta(seconds=at) - engine.now)
        engine.send([{"name": "go", "data": each} for each in data])


def starts(engine):
    """Return when each run was first called, in seconds after the first event, and the `n` of its events."""
    zero = next(entry.at for entry in engine.history if entry.kind is HistoryKind.EVENT_RECEIVED)
    found = [
        ((entry.at - zero).total_seconds(), *(event.data.get("n") for event in run.events))
        for run in engine.runs()
        for entry in run.history
        if entry.kind is HistoryKind.RUN_STARTED
    ]
    return sorted(found, key=lambda each: each[0])


def worked(*mocks):
    """Return when the step was worked, in seconds after the first time, and the `n` of the run's event."""
    found = [(call.now, call.event.value["data"].get("n")) for mock in mocks for call in mock.calls]
    zero = min(found)[0]
    return sorted(((at - zero).total_seconds(), n) for at, n in found)


def cancelled(engine):
    """Return when runs were cancelled, in seconds after the first event, and the `n` of the event."""
    zero = engine.runs()[0].started_at
    return [((run.ended_at - zero).total_seconds(), run.events[0].data["n"]) for run in engine.runs(status="CANCELLED")]


def numbers(count):
    return [{"n": n} for n in range(count)]


# -- Concurrency


@pytest.mark.parametrize(("scope", "second"), [("fn", 0), ("env", 1), ("account", 1)])
def test_wider_scopes_share_a_count_among_functions(engine, shop, scope, second):
    """One place for the key: the other function's step waits for the second that the first takes."""
    limit = inngest.Concurrency(limit=1, key="event.data.k", scope=scope)
    work = [
        engine.mock(function, "work", takes="1s")
        for function in shop(*[(name, _one_step, {"concurrency": [limit]}) for name in ("one", "two")])
    ]
    send(engine, (0, {"k": "a"}))
    engine.advance("5s")
    assert worked(*work) == [(0, None), (second, None)]


def test_a_scope_counts_values_of_the_key_apart(engine, shop):
    limit = inngest.Concurrency(limit=1, key="event.data.k", scope="env")
    work = [
        engine.mock(function, "work", takes="1s")
        for function in shop(*[(name, _one_step, {"concurrency": [limit]}) for name in ("one", "two")])
    ]
    send(engine, (0, {"k": "a", "n": 0}, {"k": "b", "n": 1}))
    engine.advance("5s")
    assert worked(*work) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_both_limits_count(engine, shop):
    """Two places in all, one for each key: 1 waits for its key, 3 for a place; a second later both have them."""
    limits = [inngest.Concurrency(limit=1, key="event.data.k"), inngest.Concurrency(limit=2)]
    (function,) = shop(("flow", _one_step, {"concurrency": limits}))
    work = engine.mock(function, "work", takes="1s")
    send(engine, (0, *[{"k": k, "n": n} for n, k in enumerate("aabc")]))
    engine.advance("5s")
    assert worked(work) == [(0, 0), (0, 2), (1, 1), (1, 3)]


def test_who_waits_for_a_retry_has_no_place(engine, shop):
    """Run 0 fails at once and is tried again after a second; run 1 is called in between."""

    async def fails_first(ctx):
        if ctx.attempt == 0 and ctx.event.data["n"] == 0:
            raise RuntimeError("not yet")

    shop(("flow", fails_first, {"concurrency": [inngest.Concurrency(limit=1)]}))
    send(engine, (0, *numbers(2)))
    engine.advance("5s")
    assert [(run.ended_at - run.started_at).total_seconds() for run in engine.runs()] == [1, 0]


# -- Throttle


def test_limit_and_burst_start_at_once(engine, shop):
    """Limit 2, burst 2 per 4 s: four at once, then one every 4 / 2 = 2 s."""
    shop(("flow", None, {"throttle": inngest.Throttle(limit=2, burst=2, period=4000)}))
    send(engine, (0, *numbers(7)))
    engine.advance("20s")
    assert starts(engine) == [(0, 0), (0, 1), (0, 2), (0, 3), (2, 4), (4, 5), (6, 6)]


def test_keys_are_throttled_apart(engine, shop):
    """Limit 1 per 2 s, and the SDK's burst of 1: two of each key at once, then one every 2 s."""
    shop(("flow", None, {"throttle": inngest.Throttle(limit=1, period=2000, key="event.data.k")}))
    send(engine, (0, *[{"k": k, "n": n} for n, k in enumerate("aaabbb")]))
    engine.advance("20s")
    assert starts(engine) == [(0, 0), (0, 1), (0, 3), (0, 4), (2, 2), (2, 5)]


# -- Rate limit


def test_a_small_limit_lets_one_through_for_each_interval(engine, shop):
    """Limit 2 per 5 s: one each 2.5 s, and none saved up."""
    shop(("flow", None, {"rate_limit": inngest.RateLimit(limit=2, period=5000)}))
    send(engine, *[(at, {"n": at}) for at in (0, 1, 2.4, 2.5, 4.9, 5, 5.1, 20, 20.1)])
    assert starts(engine) == [(0, 0), (2.5, 2.5), (5, 5), (20, 20)]


KEYS = [
    pytest.param([{}, {}], 2, id="missing"),
    pytest.param([{"k": False}, {"k": False}], 2, id="false"),
    pytest.param([{"k": ""}, {"k": ""}], 1, id="empty"),
    pytest.param([{"k": 0}, {"k": 0}], 1, id="zero"),
    pytest.param([{"k": None}, {"k": None}], 1, id="null"),
    pytest.param([{"k": True}, {"k": True}], 1, id="true"),
    pytest.param([{"k": "a"}, {"k": "b"}], 2, id="different"),
]


@pytest.mark.parametrize(("events", "count"), KEYS)
@pytest.mark.parametrize(
    "options",
    [
        {"rate_limit": inngest.RateLimit(limit=1, period=60_000, key="event.data.k")},
        {"idempotency": "event.data.k"},
        {"singleton": inngest.Singleton(mode="skip", key="event.data.k")},
    ],
    ids=["rate_limit", "idempotency", "singleton"],
)
def test_only_false_and_missing_switch_a_key_off(engine, shop, options, events, count):
    """Corrections: `""`, `0` and null are ordinary keys."""
    shop(("flow", sleeps(5), options))
    send(engine, (0, *events))
    engine.advance("10s")
    assert len(starts(engine)) == count


def test_an_invoked_function_may_be_refused(engine, shop):
    """The first event uses the limit of 1 per hour up, so that the invocation starts nothing."""

    async def invokes(ctx):
        try:
            return await ctx.step.invoke_by_id("call", function_id="child", data={"n": 1})
        except inngest.StepError as error:
            return error.message

    limit, own = inngest.RateLimit(limit=1, period=3_600_000), inngest.TriggerEvent(event="child")
    shop(("child", None, {"rate_limit": limit, "trigger": own}), ("parent", invokes, {}))
    engine.send("child", {"n": 0})
    assert engine.send("go").runs[0].output == "invoked function is rate limited"
    engine.advance("1h")
    assert engine.send("go").runs[0].output == 1


# -- Debounce

if "timeout" in inngest.Debounce.model_fields:  # the oldest SDK registers none

    def test_the_timeout_cuts_the_wait(engine, shop):
        """Period 4, timeout 5: due at 4; by the second event at 6, cut to 5; by the third at 7.5, cut to 5."""
        shop(("flow", None, {"debounce": inngest.Debounce(period=4000, timeout=timedelta(seconds=5))}))
        send(engine, (0, {"n": 0}), (2, {"n": 1}), (3.5, {"n": 2}))
        engine.advance("20s")
        assert starts(engine) == [(5, 2)]

    def test_the_cut_wait_is_a_second_at_least(engine, shop):
        """The event at 4.6 would leave 0.4 s to the timeout; it has a second: 5.6."""
        shop(("flow", None, {"debounce": inngest.Debounce(period=4000, timeout=timedelta(seconds=5))}))
        send(engine, (0, {"n": 0}), (2, {"n": 1}), (4.6, {"n": 2}))
        engine.advance("20s")
        assert starts(engine) == [(5.6, 2)]


def test_an_older_event_neither_replaces_nor_delays(engine, shop):
    """The event that comes at 1 s is 10 s older by its `ts`: the first one has its run at 2 s."""
    shop(("flow", None, {"debounce": inngest.Debounce(period=2000)}))
    send(engine, (0, {"n": 0}), (1,))
    engine.send({"name": "go", "data": {"n": 1}, "ts": round(engine.now.timestamp() * 1000) - 10_000})
    engine.advance("20s")
    assert starts(engine) == [(2, 0)]


def test_an_event_after_the_period_opens_another_debounce(engine, shop):
    """Two runs: at 2 s, and at 2.1 + 2 s."""
    shop(("flow", None, {"debounce": inngest.Debounce(period=2000)}))
    send(engine, (0, {"n": 0}), (2.1, {"n": 1}))
    engine.advance("20s")
    assert starts(engine) == [(2, 0), (4.1, 1)]


def test_keys_are_debounced_apart(engine, shop):
    """a: due 2, then 1 + 2; b: 0.5 + 2."""
    shop(("flow", None, {"debounce": inngest.Debounce(period=2000, key="event.data.k")}))
    send(engine, (0, {"k": "a", "n": 0}), (0.5, {"k": "b", "n": 1}), (1, {"k": "a", "n": 2}))
    engine.advance("20s")
    assert starts(engine) == [(2.5, 1), (3, 2)]


# -- Batches


def test_each_key_has_its_batch_and_none_is_a_key(engine, shop):
    """Two are full at once: those of a, and those without a key; that of b starts after 5 s."""
    shop(("flow", None, {"batch_events": inngest.Batch(max_size=2, timeout=5000, key="event.data.k")}))
    send(engine, (0, {"k": "a", "n": 0}, {"k": "b", "n": 1}, {"n": 2}, {"n": 3}, {"k": "a", "n": 4}))
    engine.advance("20s")
    assert starts(engine) == [(0, 2, 3), (0, 0, 4), (5, 1)]


def test_an_event_that_the_condition_leaves_out_runs_at_once(engine, shop):
    """9 is alone at once; 0 and 1 have a batch, which is due 5 s after 0."""
    batch = inngest.Batch(max_size=3, timeout=5000, if_exp="event.data.n < 5")
    shop(("flow", None, {"batch_events": batch}))
    send(engine, (0, {"n": 0}), (1, {"n": 9}), (2, {"n": 1}))
    engine.advance("20s")
    assert starts(engine) == [(1, 9), (5, 0, 1)]


def test_a_batch_begins_anew_after_a_full_one(engine, shop):
    """The timeout of the second batch counts from its own first event: 1 + 5."""
    shop(("flow", None, {"batch_events": inngest.Batch(max_size=2, timeout=5000)}))
    send(engine, (0, {"n": 0}), (1, {"n": 1}, {"n": 2}))
    engine.advance("20s")
    assert starts(engine) == [(1, 0, 1), (6, 2)]


# -- Priority


@pytest.mark.filterwarnings("ignore::inngest_testkit.FlowControlWarning")
@pytest.mark.parametrize(
    ("run", "order"),
    [
        ("int(event.data.p)", [0, 2, 1]),
        ("event.data.p", [0, 1, 2]),
        ("event.data.p > 5 ? 10 : 0", [0, 2, 1]),
        ("event.data.p > 5 ? 10 : 0.5", [0, 1, 2]),
        ("'10'", [0, 1, 2]),
        ("event.data.nothing.there", [0, 1, 2]),
    ],
)
def test_only_whole_numbers_move_a_run(engine, shop, run, order):
    """While run 0 has the place for a second, 1 and 2 wait; 2 came 0.1 s later, and a priority of 10 s moves it."""
    options = {"concurrency": [inngest.Concurrency(limit=1)], "priority": inngest.Priority(run=run)}
    (function,) = shop(("flow", _one_step, options))
    engine.mock(function, "work", takes="1s")
    send(engine, (0, {"n": 0, "p": 0}), (0.1, {"n": 1, "p": 0}), (0.2, {"n": 2, "p": 10}))
    engine.advance("20s")
    assert starts(engine) == list(zip([0, 1, 2], order, strict=True))


@pytest.mark.parametrize(("p", "seconds"), [(-3, 3), (-100_000, 43_200), (0, 0), (600, 0)])
def test_a_negative_priority_delays_the_start(engine, shop, p, seconds):
    """By that many seconds, and 12 hours at most."""
    shop(("flow", None, {"priority": inngest.Priority(run="int(event.data.p)")}))
    send(engine, (0, {"n": 0, "p": p}))
    engine.advance("2d")
    assert starts(engine) == [(seconds, 0)]


# -- Singleton


def test_a_singleton_may_cancel_the_run_before(engine, shop):
    """The run for 0 is cancelled at 1 s, which its events tell; that for 2 begins after the one for 1 is over."""
    shop(("flow", sleeps(2), {"singleton": inngest.Singleton(mode="cancel")}))
    send(engine, (0, {"n": 0}), (1, {"n": 1}), (4, {"n": 2}))
    engine.advance("20s")
    assert [run.status for run in engine.runs()] == ["CANCELLED", "COMPLETED", "COMPLETED"]
    assert starts(engine) == [(0, 0), (1, 1), (4, 2)]
    assert cancelled(engine) == [(1, 0)]
    told = [event.name for event in engine.events() if event.data.get("run_id") == engine.runs()[0].id]
    assert sorted(told) == ["inngest/function.cancelled", "inngest/function.finished"]


def test_a_singleton_skips_each_key_for_itself(engine, shop):
    """a has a run until 2 s, so its event at 1 s starts nothing; b is not concerned."""
    shop(("flow", sleeps(2), {"singleton": inngest.Singleton(mode="skip", key="event.data.k")}))
    send(engine, (0, {"k": "a", "n": 0}), (1, {"k": "a", "n": 1}, {"k": "b", "n": 2}), (2, {"k": "a", "n": 3}))
    engine.advance("20s")
    assert starts(engine) == [(0, 0), (1, 2), (2, 3)]


# -- Cancelling


def test_the_condition_reads_both_events(engine, shop):
    """Of two runs only that one is cancelled whose event has the same k."""
    cancel = inngest.Cancel(event="stop", if_exp="event.data.k == async.data.k")
    shop(("flow", sleeps(5), {"cancel": [cancel]}))
    send(engine, (0, {"k": "a", "n": 0}, {"k": "b", "n": 1}), (1,))
    engine.send("stop", {"k": "b"})
    engine.advance("20s")
    assert [run.status for run in engine.runs()] == ["COMPLETED", "CANCELLED"]
    assert cancelled(engine) == [(1, 1)]


def test_a_waiting_run_is_cancelled_without_a_call(engine, shop):
    """Run 1 waits for the place of run 0, whose step takes 5 s; run 2 has it then."""
    cancel = inngest.Cancel(event="stop", if_exp="event.data.n == async.data.n")
    options = {"cancel": [cancel], "concurrency": [inngest.Concurrency(limit=1)]}
    (function,) = shop(("flow", _one_step, options))
    engine.mock(function, "work", takes="5s")
    send(engine, (0, {"n": 0}), (0.5, {"n": 1}, {"n": 2}), (1,))
    engine.send("stop", {"n": 1})
    engine.advance("20s")
    assert starts(engine) == [(0, 0), (5, 2)]
    assert cancelled(engine) == [(1, 1)]
    (run,) = engine.runs(status="CANCELLED")
    assert HistoryKind.CALL_ANSWERED not in [entry.kind for entry in run.history]


def test_a_run_is_cancelled_before_its_retry(engine, shop):
    """The retry would come at 1 s."""

    async def fails(ctx):
        raise RuntimeError("always")

    shop(("flow", fails, {"cancel": [inngest.Cancel(event="stop")]}))
    send(engine, (0, {"n": 0}), (0.5,))
    engine.send("stop")
    engine.advance("20s")
    assert cancelled(engine) == [(0.5, 0)]
    assert len([entry for entry in engine.runs()[0].history if entry.kind is HistoryKind.CALL_ANSWERED]) == 1


# -- timeouts


def test_a_run_that_does_not_start_in_time_is_cancelled(engine, shop):
    """Run 0 has the place until 5 s; run 1 may wait from 0.5 to 2.5 s, run 2 comes at 4 s and begins in time."""
    options = {
        "concurrency": [inngest.Concurrency(limit=1)],
        "timeouts": inngest.Timeouts(start=timedelta(seconds=2)),
    }
    (function,) = shop(("flow", _one_step, options))
    engine.mock(function, "work", takes="5s")
    send(engine, (0, {"n": 0}), (0.5, {"n": 1}), (4, {"n": 2}))
    engine.advance("20s")
    assert starts(engine) == [(0, 0), (5, 2)]
    assert cancelled(engine) == [(2.5, 1)]


def test_the_time_to_finish_counts_from_the_first_call(engine, shop):
    """Delayed by 3 s, the run is cancelled 2 s later, in its sleep."""
    options = {
        "priority": inngest.Priority(run="-3"),
        "timeouts": inngest.Timeouts(finish=timedelta(seconds=2)),
    }
    shop(("flow", sleeps(10), options))
    send(engine, (0, {"n": 0}))
    engine.advance("20s")
    assert starts(engine) == [(3, 0)]
    assert cancelled(engine) == [(5, 0)]


# -- Event ids and idempotency


def test_an_id_starts_a_function_once_a_day(engine, shop):
    """Again after 24 hours, not a second earlier."""
    shop(("flow", None, {}))
    runs = []
    for span in ("0s", "23h59m59s", "1s"):
        engine.advance(span)
        runs.append(len(engine.send({"name": "go", "id": "same", "data": {}}).runs))
    assert runs == [1, 0, 1]


def test_an_id_is_of_one_function(engine, shop):
    """Two functions of one event have a run each; another event with the id starts others."""
    shop(("one", None, {}), ("two", None, {}), ("other", None, {"trigger": inngest.TriggerEvent(event="other")}))
    assert len(engine.send({"name": "go", "id": "same"}).runs) == 2
    assert len(engine.send({"name": "other", "id": "same"}).runs) == 1
    assert len(engine.send({"name": "go", "id": "same"}).runs) == 0


def test_idempotency_is_a_limit_of_one_a_day_and_failures_count(engine, shop):
    """It replaces the function's rate limit, which would let one through each second."""

    async def fails(ctx):
        raise inngest.NonRetriableError("no")

    limit = inngest.RateLimit(limit=1, period=1000)
    shop(("flow", fails, {"idempotency": "event.data.k", "rate_limit": limit}))
    send(engine, *[(at, {"k": "a", "n": at}) for at in (0, 10, 86_399, 86_400)], (86_400, {"k": "b", "n": "b"}))
    assert starts(engine) == [(0, 0), (86_400, 86_400), (86_400, "b")]


# -- with a cron


@pytest.mark.parametrize(
    ("options", "minutes"),
    [
        # Each run sleeps for 90 s: every second one finds the run before still going.
        ({"singleton": inngest.Singleton(mode="skip")}, [1, 3, 5]),
        # One each two minutes.
        ({"rate_limit": inngest.RateLimit(limit=1, period=120_000)}, [1, 3, 5]),
        ({}, [1, 2, 3, 4, 5]),
    ],
    ids=["singleton", "rate_limit", "none"],
)
def test_crons_are_controlled_as_events_are(shop, engine, options, minutes):
    """The clock starts at a full minute."""
    assert engine.now.second == engine.now.microsecond == 0
    begin = engine.now
    shop(("tick", sleeps(90), options), trigger=inngest.TriggerCron(cron="* * * * *"))
    engine.advance("5m")
    assert [(run.started_at - begin) / timedelta(minutes=1) for run in engine.runs()] == minutes


def test_what_is_dropped_is_in_the_history(engine, shop):
    """A singleton has no skipped run: the event is recorded as dropped by it."""
    shop(("flow", sleeps(2), {"singleton": inngest.Singleton(mode="skip")}))
    send(engine, (0, {"n": 0}), (1, {"n": 1}))
    (drop,) = [entry.data for entry in engine.history if entry.kind is HistoryKind.EVENT_DROPPED]
    assert (drop["rule"], drop["run_id"]) == ("singleton", engine.runs()[0].id)
    assert drop["event_id"] == engine.events()[1].id
