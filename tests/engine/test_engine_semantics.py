"""How the engine works: order, time, retries, joins, pauses."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import pytest

from inngest_testkit import (
    Engine,
    Event,
    Function,
    HistoryKind,
    NonRetriableError,
    RetryAfterError,
    RunStatus,
    Step,
    TriggerExpressionWarning,
    after,
    http,
    on_cron,
    on_event,
)
from inngest_testkit.errors import InvalidFunctionsError

from .engines import make, since


def test_the_first_moment_is_the_start_of_2024():
    assert Engine().now == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_wait_of_three_days_takes_no_real_time_and_three_virtual_days():
    engine = make(
        Function(
            "f", on_event("e"), steps=[Step("a", lambda: 1), Step("b", lambda now: now, after=after("a", wait="3d"))]
        )
    )
    run = engine.send("e").run
    assert run.waiting[0].until == engine.now + timedelta(days=3)
    engine.advance("3d")
    assert run.output == "2024-01-04T00:00:00Z"
    assert run.status is RunStatus.COMPLETED


def test_code_that_is_due_on_the_way_sees_its_own_moment():
    seen = []
    engine = make(Function("f", on_cron("0 9 * * *"), steps=[Step("s", lambda now: seen.append(now))]))
    engine.advance("3d")
    assert [moment.hour for moment in seen] == [9, 9, 9]
    assert engine.now == datetime(2024, 1, 4, tzinfo=UTC)


def test_a_cron_in_a_zone_skips_the_hour_that_does_not_exist():
    engine = make(
        Function("f", on_cron("TZ=America/New_York 30 2 * * *"), steps=[Step("s", lambda: 1)]),
        start="2024-03-09T00:00:00Z",
    )
    engine.advance("3d")
    assert [f"{run.started_at:%d %H:%M}" for run in engine.runs()] == ["09 07:30", "11 06:30"]


def test_a_cron_starts_with_the_bare_timer_event():
    engine = make(Function("f", on_cron("* * * * *"), steps=[Step("s", lambda event: event.name)]))
    engine.advance("1m")
    (run,) = engine.runs()
    assert run.events[0] == Event(name="inngest/scheduled.timer", id="", ts=0)


def test_a_year_with_nothing_due_is_crossed_at_once():
    engine = make(Function("f", on_event("e"), steps=[Step("a", lambda: 1)]))
    engine.advance("365d")
    assert engine.next_due is None


def test_all_events_of_one_send_arrive_before_any_work_that_they_cause():
    waiter = Function(
        "f",
        on_event("start"),
        steps=[Step("a", lambda: 1), Step("b", lambda: 1, after=after("a", event="go", ttl="1d"))],
    )
    engine = make(waiter)
    together = engine.send([{"name": "start"}, {"name": "go"}]).run
    engine.advance("1d")
    assert list(together.steps) == ["a"]
    apart = engine.send("start").run
    engine.send("go")
    assert list(apart.steps) == ["a", "b"]


def test_an_event_of_a_step_takes_effect_after_the_senders_own_continuation_is_queued():
    order = []
    sender = Function(
        "sender",
        on_event("start"),
        steps=[
            Step("send", lambda send: send("other", {"n": 1})),
            Step("next", lambda: order.append("sender goes on"), after="send"),
        ],
    )
    other = Function("other", on_event("other"), steps=[Step("s", lambda: order.append("other"))])
    make(sender, other).send("start")
    assert order == ["sender goes on", "other"]


def test_the_events_of_an_attempt_that_fails_are_not_sent():
    def flaky(send, attempt):
        send("out", {"attempt": attempt})
        if attempt < 1:
            raise OSError("down")

    engine = make(Function("f", on_event("e"), steps=[Step("s", flaky)]))
    engine.run_until_complete(engine.send("e").run)
    assert [event.data for event in engine.events("out")] == [{"attempt": 1}]


def test_siblings_run_in_the_order_of_their_ids():
    engine = make(Function("f", on_event("e"), steps=[Step(name, lambda: 1) for name in "cab"]))
    assert list(engine.send("e").run.steps) == ["a", "b", "c"]


def test_a_failing_step_is_tried_three_times_at_ten_and_twenty_seconds():
    engine = make(Function("f", on_event("e"), steps=[Step("s", lambda: 1 / 0), Step("child", lambda: 1, after="s")]))
    run = engine.send("e").run
    engine.run_until_complete(run)
    attempts = run.steps["s"].attempts
    assert [since(run, a.started_at).total_seconds() for a in attempts] == [0, 10, 30]
    assert run.status is RunStatus.FAILED
    assert str(run.error) == "ZeroDivisionError: division by zero"
    assert run.why_not("child") == (
        "it has not run: its parent 's' failed: ZeroDivisionError: division by zero; "
        "the run failed: ZeroDivisionError: division by zero"
    )


def test_other_branches_run_on_when_a_step_fails():
    engine = make(
        Function(
            "f",
            on_event("e"),
            steps=[Step("bad", lambda: 1 / 0), Step("good", lambda: 1), Step("more", lambda: 2, after="good")],
        )
    )
    run = engine.send("e").run
    engine.run_until_complete(run)
    assert run.steps["more"].output == 2
    assert run.status is RunStatus.FAILED


def test_jitter_adds_at_most_15_percent_in_whole_seconds_from_the_seed():
    def delays(seed):
        engine = make(Function("f", on_event("e"), steps=[Step("s", lambda: 1 / 0)]), jitter=True, seed=seed)
        run = engine.send("e").run
        engine.run_until_complete(run)
        first, second, third = (a.started_at for a in run.steps["s"].attempts)
        return (second - first).total_seconds(), (third - second).total_seconds()

    assert delays(1) == delays(1)
    drawn = {delays(seed) for seed in range(30)}
    assert {first for first, _ in drawn} == {10, 11}
    assert {second for _, second in drawn} <= {20, 21, 22}
    assert len(drawn) > 2


def test_a_non_retriable_error_ends_the_step_at_once():
    def give_up():
        raise NonRetriableError("never")

    run = make(Function("f", on_event("e"), steps=[Step("s", give_up)])).send("e").run
    assert len(run.steps["s"].attempts) == 1
    assert run.status is RunStatus.FAILED


@pytest.mark.parametrize("after_", [timedelta(minutes=7), datetime(2024, 1, 1, 0, 7, tzinfo=UTC)])
def test_retry_after_sets_the_next_attempt(after_):
    def later(attempt):
        if attempt == 0:
            raise RetryAfterError("busy", after_)

    engine = make(Function("f", on_event("e"), steps=[Step("s", later)]))
    run = engine.send("e").run
    assert run.waiting[0].until == engine.now + timedelta(minutes=7)
    engine.run_until_complete(run)
    assert run.status is RunStatus.COMPLETED


def test_a_step_with_two_parents_runs_at_the_first_and_its_edges_are_looked_at_again_at_the_second():
    function = Function(
        "f",
        on_event("e"),
        steps=[
            Step("fast", lambda: 1),
            Step("slow", lambda: {"ok": True}, after=after(wait="1h")),
            Step("join", lambda steps: sorted(steps), after=["fast", "slow"]),
            Step("only-then", lambda: 1, after=after("join", if_="steps.slow.ok == true")),
        ],
    )
    engine = make(function)
    run = engine.send("e").run
    assert run.steps["join"].output == ["fast"]
    assert "only-then" not in run.steps
    engine.advance("1h")
    assert since(run, run.steps["only-then"].started_at) == timedelta(hours=1)
    assert len(run.steps["join"].attempts) == 1
    kinds = [entry.kind for entry in run.history]
    assert HistoryKind.STEP_VISITED_AGAIN in kinds


def test_a_join_waits_for_all_of_its_parents():
    function = Function(
        "f",
        on_event("e"),
        steps=[
            Step("a", lambda: 1),
            Step("b", lambda: 2, after=after(wait="1h")),
            Step("both", lambda steps: steps["a"] + steps["b"], after=after(["a", "b"])),
        ],
    )
    engine = make(function)
    run = engine.send("e").run
    assert "its parent 'b' has not run" in run.why_not("both")
    engine.advance("1h")
    assert run.steps["both"].output == 3


def test_a_second_parent_does_not_execute_a_step_that_waits_for_its_retry():
    calls = []

    def flaky(attempt):
        calls.append(attempt)
        if attempt == 0:
            raise OSError("down")

    function = Function(
        "f",
        on_event("e"),
        steps=[
            Step("a", lambda: 1),
            Step("b", lambda: 1, after=after(wait="5s")),
            Step("s", flaky, after=["a", "b"]),
        ],
    )
    engine = make(function)
    run = engine.send("e").run
    engine.run_until_complete(run)
    assert calls == [0, 1]
    assert run.status is RunStatus.COMPLETED


def test_the_same_parent_may_be_named_twice_and_each_entry_is_an_edge():
    function = Function(
        "f",
        on_event("e"),
        steps=[
            Step("a", lambda: 1),
            Step("b", lambda: 1, after=[after("a", if_="event.data.urgent == true"), after("a", wait="1h")]),
        ],
    )
    engine = make(function)
    urgent, patient = engine.send("e", {"urgent": True}).run, engine.send("e", {"urgent": False}).run
    engine.advance("1h")
    assert since(urgent, urgent.steps["b"].started_at) == timedelta()
    assert since(patient, patient.steps["b"].started_at) == timedelta(hours=1)


def test_an_expression_error_on_an_edge_fails_its_run_and_no_other():
    function = Function(
        "f",
        on_event("e"),
        steps=[Step("a", lambda: 1), Step("b", lambda: 1, after=after("a", if_="event.data.n > 'x'"))],
    )
    engine = make(function)
    bad, good = engine.send("e", {"n": 1}).run, engine.send("e", {"n": "y"}).run
    assert bad.status is RunStatus.FAILED
    assert "edge a->b: if: " in bad.error.message
    assert good.status is RunStatus.COMPLETED
    assert engine.queue.pending == ()


def test_an_expression_error_of_a_match_fails_the_waiting_run_and_no_other():
    function = Function(
        "f",
        on_event("e"),
        steps=[
            Step("a", lambda: 1),
            Step("b", lambda: 1, after=after("a", event="go", match="async.data.n > event.data.n", ttl="1d")),
        ],
    )
    engine = make(function)
    bad, good = engine.send("e", {"n": "text"}).run, engine.send("e", {"n": 1}).run
    engine.send("go", {"n": 2})
    assert bad.status is RunStatus.FAILED
    assert "edge a->b: match: " in bad.error.message
    assert good.status is RunStatus.COMPLETED


def test_an_expression_error_of_a_trigger_warns_and_starts_nothing():
    engine = make(
        Function("f", on_event("e", if_="event.data.n > 'x'"), steps=[Step("a", lambda: 1)]),
        Function("g", on_event("e"), steps=[Step("a", lambda: 1)]),
    )
    with pytest.warns(TriggerExpressionWarning, match="function 'f' was not started by event 'e'"):
        sent = engine.send("e", {"n": 1})
    assert [run.function_id for run in sent.runs] == ["g"]
    assert [entry.kind for entry in engine.history if not entry.run_id] == [
        HistoryKind.EVENT_RECEIVED,
        HistoryKind.TRIGGER_FAILED,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TriggerExpressionWarning):
            engine.send("e", {"n": 1})
    assert len(engine.runs(function="g")) == 2


def test_an_event_in_time_on_a_time_out_edge_consumes_that_pause_and_no_other():
    function = Function(
        "f",
        on_event("e"),
        steps=[
            Step("a", lambda: 1),
            Step("b-late", lambda: 1, after=after("a", event="go", ttl="1d", on_timeout=True)),
            Step("c-in-time", lambda: 1, after=after("a", event="go", ttl="1d")),
        ],
    )
    engine = make(function)
    run = engine.send("e").run
    engine.send("go")
    engine.advance("2d")
    assert list(run.steps) == ["a", "c-in-time"]
    assert run.status is RunStatus.COMPLETED


def test_values_cross_the_state_boundary_as_json():
    engine = make(
        Function(
            "f",
            on_event("e"),
            steps=[
                Step("a", lambda: {"t": (1, 2), 3: datetime(2024, 5, 1, tzinfo=UTC)}),
                Step("b", lambda steps: steps["a"], after="a"),
            ],
        )
    )
    assert engine.send("e").run.steps["b"].output == {"t": [1, 2], "3": "2024-05-01T00:00:00Z"}


def test_what_one_step_does_to_its_input_no_other_sees():
    def spoil(event, steps):
        event.data["n"] = 99
        steps["a"]["n"] = 99

    function = Function(
        "f",
        on_event("e"),
        steps=[
            Step("a", lambda: {"n": 1}),
            Step("b", spoil, after="a"),
            Step("c", lambda event, steps: [event.data["n"], steps["a"]["n"]], after="b"),
        ],
    )
    assert make(function).send("e", {"n": 1}).run.output == [1, 1]


def test_a_sync_step_has_no_event_loop_around_it():
    import asyncio

    async def inner():
        return "ran"

    engine = make(Function("f", on_event("e"), steps=[Step("s", lambda: asyncio.run(inner()))]))
    assert engine.send("e").run.output == "ran"


def test_the_same_seed_gives_the_same_ids_and_another_seed_others():
    def run_id(seed):
        return make(Function("f", on_event("e"), steps=[Step("s", lambda: 1)]), seed=seed).send("e").run.id

    assert run_id(1) == run_id(1)
    assert run_id(1) != run_id(2)


def test_runs_that_the_last_step_starts_are_completed_too():
    first = Function("first", on_event("e"), steps=[Step("s", lambda send: send("next"), after=after(wait="1h"))])
    second = Function("second", on_event("next"), steps=[Step("s", lambda: "done", after=after(wait="1h"))])
    engine = make(first, second)
    engine.send("e")
    engine.run_until_complete()
    assert [run.status for run in engine.runs()] == [RunStatus.COMPLETED] * 2


def test_an_event_of_a_step_that_takes_time_has_its_id_and_time():
    engine = make(Function("f", on_event("e"), steps=[Step("s", lambda send: send("out"))]))
    engine.mock("f", "s", takes="1h")
    engine.send("e")
    engine.advance("1h")
    (event,) = engine.events("out")
    assert event.id
    assert event.ts == 1704070800000


def test_what_a_step_sends_is_kept_as_it_was_then():
    def step(send):
        data = {"n": 1, "t": (1, 2)}
        send("out", data)
        data["n"] = 2

    engine = make(Function("f", on_event("e"), steps=[Step("s", step)]))
    engine.send("e")
    assert engine.events("out")[0].data == {"n": 1, "t": [1, 2]}


@pytest.mark.parametrize("arguments", [("x", {"o": object()}), (Event("x", {}, ts=10**400),)])
def test_a_bad_event_of_a_step_is_the_steps_failure_and_blocks_nobody(arguments):
    bad = Function("bad", on_event("e"), steps=[Step("s", lambda send: send(*arguments))])
    good = Function("good", on_event("e"), steps=[Step("s", lambda: 1)])
    engine = make(bad, good)
    engine.send("e")
    engine.run_until_complete()
    assert [run.status for run in engine.runs()] == [RunStatus.FAILED, RunStatus.COMPLETED]
    assert engine.runs()[0].error.name == "EventError"


def test_a_driver_that_raises_fails_its_step_and_blocks_nobody():
    class Broken:
        runtime = "http"
        never_suspends = True

        async def execute(self, request):
            raise ValueError("driver")

    engine = make(Function("f", on_event("e"), steps=[Step("s", runtime=http("http://x"))]), drivers=[Broken()])
    assert str(engine.send("e").run.error) == "ValueError: driver"


@pytest.mark.parametrize("edge", [after(wait="9999999d"), after(event="go", ttl="9999999d")])
def test_a_wait_beyond_the_calendar_ends_with_the_calendar(edge):
    run = make(Function("f", on_event("e"), steps=[Step("s", lambda: 1, after=edge)])).send("e").run
    assert run.waiting[0].until.year == 9999


def test_an_http_client_of_ones_own_works_in_the_sync_engine():
    import anyio
    import httpx

    from inngest_testkit.drivers.http import HttpDriver

    async def app(scope, receive, send):
        await anyio.lowlevel.checkpoint()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"ok": true}'})

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    function = Function("f", on_event("e"), steps=[Step("s", runtime=http("http://app/step"))])
    with Engine(drivers=[HttpDriver(client)]) as engine:
        engine.register(function)
        assert engine.send("e").run.output == {"status": 200, "body": {"ok": True}}


def test_a_cron_function_that_lost_its_cron_leaves_nothing_behind():
    engine = make(Function("f", on_cron("0 9 * * *"), steps=[Step("s", lambda: 1)]))
    engine.register(Function("f", on_event("e"), steps=[Step("s", lambda: 1)]))
    assert engine.next_due is None
    assert engine.queue.pending == ()


def test_functions_that_would_share_an_action_are_refused_whenever_they_are_registered():
    engine = make(Function("x-step-a", on_event("e"), steps=[Step("b", lambda: 1)]))
    with pytest.raises(InvalidFunctionsError):
        engine.register(Function("x", on_event("e"), steps=[Step("a step b", lambda: 2)]))
    assert engine.send("e").run.output == 1


def test_what_is_due_is_known_after_an_error_too():
    def leave():
        raise KeyboardInterrupt

    engine = make(Function("f", on_event("e"), steps=[Step("s", leave), Step("t", lambda: 1, after=after(wait="1h"))]))
    with pytest.raises(KeyboardInterrupt):
        engine.send("e")
    assert engine.next_due == engine.now + timedelta(seconds=30)
    engine.mock("f", "s", returns="ok")
    engine.run_until_complete()
    assert [run.status for run in engine.runs()] == [RunStatus.COMPLETED]


def test_a_bounded_engine_forgets_events_too():
    from inngest_testkit.runs.journal import BOUND

    engine = make(keep=10)
    engine.send([Event("e") for _ in range(BOUND + 5)])
    assert len(engine.events()) == BOUND
