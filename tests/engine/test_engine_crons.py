"""Crons of an engine: their calendar, their jitter, and several of them on one function."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from inngest_testkit import (
    AsyncEngine,
    CronCalendar,
    CronFire,
    Engine,
    Event,
    Function,
    HistoryKind,
    NotFoundError,
    RunStatus,
    Step,
    on_cron,
    on_event,
)
from inngest_testkit.errors import InvalidFunctionsError, SetupError

from .engines import make

DAY = timedelta(days=1)
NIGHTLY = "TZ=Europe/Paris 30 2 * * *"


def ticking(*triggers, id="f"):  # noqa: A002 - the function's id
    """A function with these triggers, and the list of the moments at which its step ran."""
    seen = []
    return Function(id, *triggers, steps=[Step("tick", lambda now: seen.append(now))]), seen


def written(moments):
    return [f"{moment:%m-%d %H:%M}" for moment in moments]


# -- clock changes


@pytest.mark.parametrize(
    ("start", "moments"),
    [
        # 31 March: at 01:00 UTC clocks go from 02:00 to 03:00. 02:30 is 01:30 UTC before, 00:30 UTC after.
        ("2024-03-30T00:00Z", ["03-30 01:30", "04-01 00:30"]),
        # 27 October: at 01:00 UTC clocks go from 03:00 back to 02:00. 02:30 is 00:30 UTC before, 01:30 UTC after.
        ("2024-10-26T00:00Z", ["10-26 00:30", "10-27 00:30", "10-27 01:30", "10-28 01:30"]),
    ],
)
def test_runs_over_a_clock_change_are_those_of_the_calendar(start, moments):
    function, seen = ticking(on_cron(NIGHTLY))
    engine = make(function, start=start)
    calendar = engine.cron_calendar("f", end="3d")
    engine.advance("3d")
    assert written(seen) == moments
    assert [fire.fires_at for fire in calendar.fires] == seen


# -- the calendar


def test_a_calendar_starts_now_and_moves_nothing():
    function, seen = ticking(on_cron("0 9 * * *"))
    engine = make(function)
    engine.advance("36h")
    calendar = engine.cron_calendar(function)
    assert isinstance(calendar, CronCalendar)
    assert (calendar.function_id, calendar.start, calendar.end) == ("f", engine.now, engine.now + 7 * DAY)
    nine = datetime(2024, 1, 3, 9, tzinfo=UTC)
    assert calendar[0] == CronFire(schedule="0 9 * * *", at=nine, local=nine, fires_at=nine)
    assert len(calendar) == 7
    assert len(seen) == 2
    assert engine.next_due == calendar[0].at


@pytest.mark.parametrize(
    "end",
    ["2024-02-01T00:00Z", "2024-02-01T01:00:00+01:00", "31d", 31 * DAY, 31 * 86400, datetime(2024, 2, 1, tzinfo=UTC)],
)
@pytest.mark.parametrize("start", [None, "2024-01-01T00:00Z", datetime(2024, 1, 1, tzinfo=UTC)])
def test_a_range_can_be_written_in_several_ways(start, end):
    engine = make(ticking(on_cron("0 9 * * *"))[0])
    assert len(engine.cron_calendar("f", start, end)) == 31


def test_a_calendar_may_lie_in_the_past():
    engine = make(ticking(on_cron("0 9 * * *"))[0], start="2024-06-01T00:00Z")
    assert len(engine.cron_calendar("f", "2024-01-01T00:00Z", engine.now)) == 31 + 29 + 31 + 30 + 31


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"end": "2023-12-31T00:00Z"}, "the calendar's end 2023-12-31T00:00:00+00:00 is before its start 2024-01-01T"),
        ({"end": "-1d"}, "the calendar's end is before its start: the span '-1d' is negative"),
        ({"end": "soon"}, "the calendar's end is neither a span, such as '7d', nor a moment: 'soon' is not a moment"),
        ({"end": None}, "the calendar's end is neither a span, such as '7d', nor a moment: expected an aware datetime"),
        ({"end": datetime(2024, 2, 1)}, "2024-02-01T00:00:00 has no time zone: write '2024-02-01T00:00:00Z'"),  # noqa: DTZ001
        ({"start": datetime(2024, 2, 1)}, "2024-02-01T00:00:00 has no time zone: write '2024-02-01T00:00:00Z'"),  # noqa: DTZ001
        ({"start": "2024-02-01"}, "2024-02-01T00:00:00 has no time zone"),
        ({"start": "7d"}, "a calendar starts at a moment, found the span '7d'; write end='7d' to start now"),
        ({"end": "900000000h"}, "a calendar lies between 1970 and 9998"),
        ({"end": "400000d"}, "the crons of 'f' have more than 1,000,000 times between 2024-01-01"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(given, problem):
    engine = make(ticking(on_cron("*/5 * * * *"))[0])
    with pytest.raises(SetupError) as caught:
        engine.cron_calendar("f", **given)
    assert problem in str(caught.value)


def test_a_function_without_a_cron_has_no_calendar():
    engine = make(ticking(on_event("e", if_="event.data.n == 1"), on_event("g"))[0])
    with pytest.raises(SetupError) as caught:
        engine.cron_calendar("f")
    assert str(caught.value) == (
        "function 'f' has no cron, its triggers: event 'e' if event.data.n == 1, event 'g'; add on_cron(...) to them"
    )


def test_an_unknown_function_has_no_calendar():
    engine = make(ticking(on_cron("0 9 * * *"), id="nightly")[0])
    with pytest.raises(NotFoundError, match="did you mean 'nightly'"):
        engine.cron_calendar("nightli")


async def test_an_async_engine_has_calendars_too():
    engine = AsyncEngine()
    await engine.register(ticking(on_cron("0 9 * * *"))[0])
    assert len(engine.cron_calendar("f", end="2d")) == 2


# -- jitter


def test_a_run_with_jitter_begins_later_and_the_next_is_counted_from_the_schedule():
    function, seen = ticking(on_cron("0 9 * * *", jitter="5m"))
    engine = make(function)
    calendar = engine.cron_calendar("f", end="10d")
    engine.advance("10d")
    assert seen == [fire.fires_at for fire in calendar]
    assert [fire.at for fire in calendar] == [datetime(2024, 1, day, 9, tzinfo=UTC) for day in range(1, 11)]
    late = [moment - fire.at for moment, fire in zip(seen, calendar, strict=True)]
    assert all(timedelta(seconds=1) <= each < timedelta(minutes=5) for each in late)
    assert len(set(late)) == 10


def test_a_run_is_created_when_the_schedule_is_due():
    """As on the server: it waits in the queue, so that a new version of the function changes nothing for it."""
    function, seen = ticking(on_cron("0 9 * * *", jitter="5m"))
    engine = make(function)
    (fire,) = engine.cron_calendar("f", end="9h")
    engine.advance("9h")
    (run,) = engine.runs()
    assert (run.status, run.started_at, seen) == (RunStatus.QUEUED, fire.at, [])
    engine.register(Function("f", on_event("e"), steps=function.steps))
    assert engine.next_due == fire.fires_at
    engine.advance("1d")
    assert seen == [fire.fires_at]


def test_a_jitter_longer_than_the_period_loses_and_delays_nothing():
    """Runs may overtake one another: each begins at its own moment."""
    function, seen = ticking(on_cron("* * * * *", jitter="5m"))
    engine = make(function)
    calendar = engine.cron_calendar("f", end="2h")
    engine.advance("2h")
    due = [fire.fires_at for fire in calendar if fire.fires_at <= engine.now]
    assert seen == sorted(due)
    assert seen != due


def test_jitter_comes_from_the_seed_and_from_nothing_else():
    """Not from what ran before, nor from the other functions, nor from `Engine(jitter=...)`, which is for retries."""

    def played(*others, **options):
        function, seen = ticking(on_cron("0 9 * * *", jitter="5m"))
        engine = make(*others, function, **options)
        engine.send("noise")
        engine.advance("5d")
        return seen

    noise, _ = ticking(on_event("noise"), on_cron("*/7 * * * *", jitter="1m"), id="noise")
    alone = played()
    assert played(noise) == played(jitter=True) == played(seed=0) == alone
    assert played(seed=1) != alone
    assert played(seed="a test") == played(seed="a test") != alone


@pytest.mark.parametrize("jitter", [None, "", " ", "0", "0s", timedelta()])
def test_no_jitter(jitter):
    function, seen = ticking(on_cron("0 9 * * *", jitter=jitter))
    make(function).advance("1d")
    assert written(seen) == ["01-01 09:00"]


def test_the_shortest_jitter_is_a_second():
    function, seen = ticking(on_cron("0 9 * * *", jitter="1s"))
    make(function).advance("1d")
    assert seen == [datetime(2024, 1, 1, 9, 0, 1, tzinfo=UTC)]


def test_a_jitter_out_of_bounds_is_refused():
    with pytest.raises(InvalidFunctionsError, match="cron jitter must be at least 1s and at most 5m; found '1h'"):
        make(ticking(on_cron("0 9 * * *", jitter="1h"))[0])


def test_a_trigger_with_jitter_names_it():
    function, _ = ticking(on_cron("0 9 * * *", jitter="30s"))
    engine = make(function)
    engine.advance("1d")
    (run,) = engine.runs()
    assert run.events == (Event("inngest/scheduled.timer", id="", ts=0),)
    assert run.history[0].data["trigger"] == "cron '0 9 * * *' jitter 30s"


# -- several schedules


def test_two_schedules_that_are_due_together_start_two_runs():
    """Source: recordings/dag, cron-two-schedules. The same schedule twice is two schedules, too."""
    function, seen = ticking(on_cron("0 9 * * *"), on_cron("0 */3 * * *"), on_cron("0 9 * * *"))
    engine = make(function)
    calendar = engine.cron_calendar("f", end="1d")
    engine.advance("1d")
    assert [moment.hour for moment in seen] == [3, 6, 9, 9, 9, 12, 15, 18, 21, 0]
    assert [fire.fires_at for fire in calendar] == seen
    assert not [entry for entry in engine.history if entry.kind is HistoryKind.EVENT_DROPPED]


def test_schedules_over_months():
    """One in another zone, one that is due where clocks change, one that is rare."""
    triggers = [on_cron("TZ=America/New_York 30 1 * * SUN"), on_cron(NIGHTLY, jitter="2m"), on_cron("0 0 29 2 *")]
    function, seen = ticking(*triggers)
    engine = make(function)
    calendar = engine.cron_calendar("f", end="366d")
    engine.advance("366d")
    assert seen == sorted(fire.fires_at for fire in calendar.fires)
    # 52 Sundays and one more 01:30 on 3 November; 366 nights, one without and one with two 02:30; one 29 February.
    assert len(seen) == 52 + 1 + 366 - 1 + 1 + 1
    assert [len(calendar.doubled), len(calendar.missing)] == [4, 1]


def test_a_new_version_takes_its_schedules_and_no_others():
    first, old = ticking(on_cron("0 */6 * * *"), on_cron("15 * * * *", jitter="1m"))
    second, new = ticking(on_cron("0 12 * * *"), on_cron("0 */6 * * *"))
    engine = make(first)
    engine.advance("6h30m")
    ran = len(old)
    engine.register(second)
    assert len(engine.queue) == 2
    calendar = engine.cron_calendar("f", end="1d")
    engine.advance("1d")
    assert len(old) == ran
    assert new == [fire.fires_at for fire in calendar]
    assert [moment.hour for moment in new] == [12, 12, 18, 0, 6]


def test_a_cleared_queue_keeps_the_schedules_and_drops_what_is_late():
    function, seen = ticking(on_cron("0 9 * * *", jitter="5m"))
    engine = make(function)
    engine.advance("9h")
    assert engine.queue.clear() == 1
    engine.advance("25h")
    assert [moment.day for moment in seen] == [2]
    assert [run.status for run in engine.runs()] == [RunStatus.CANCELLED, RunStatus.COMPLETED]


def test_schedules_without_automatic_work():
    function, seen = ticking(on_cron("0 9 * * *", jitter="5m"))
    engine = Engine(auto=False)
    engine.register(function)
    while not seen:
        engine.run_next()
    assert seen == [engine.cron_calendar("f", "2024-01-01T00:00Z")[0].fires_at]
