"""The calendar of crons, against a walk over every minute of the range, and by hand."""

from __future__ import annotations

import copy
import pickle
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit.cron import CronCalendar, Schedule, cron_calendar, lateness
from inngest_testkit.cron.calendar import MOST_FIRES
from inngest_testkit.errors import SetupError

from .cron_oracle import matches

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: Moments near which clocks are changed, or not: by an hour, by half an hour, over midnight, by a day, by seven hours.
PLACES = {
    "Europe/Paris": ("2024-03-31T01:00Z", "2024-10-27T01:00Z"),
    "America/New_York": ("2024-03-10T07:00Z", "2024-11-03T06:00Z"),
    "Australia/Lord_Howe": ("2024-10-05T15:30Z", "2024-04-06T15:00Z"),
    "America/Sao_Paulo": ("2018-11-04T03:00Z", "2019-02-17T02:00Z"),
    "Africa/Casablanca": ("2024-04-14T02:00Z", "2024-03-10T02:00Z"),
    "Pacific/Apia": ("2011-12-30T10:00Z",),
    "Antarctica/Vostok": ("1994-01-31T17:00Z",),
    "Asia/Kolkata": ("2024-02-28T18:30Z",),
    "UTC": ("2024-02-29T00:00Z", "2024-12-31T23:59Z"),
}
MINUTES = st.sampled_from(["0", "15", "59", "0,30", "*/7", "*/20", "*", "10-20", "30/10"])
HOURS = st.sampled_from(["*", "0", "1", "2", "3", "23", "0-3", "*/2", "2,14", "22-23"])
DAYS = st.sampled_from([("*", "*", "*")] * 3 + [("*", "*", "SUN"), ("30,31", "*", "*"), ("1-15", "MAR-NOV", "FRI,SAT")])
RANGES = st.tuples(st.integers(-60, 30), st.integers(0, 60), st.integers(0, 59))


def calendar(*crons, start, end, seed=0, one_run=False, jitter=timedelta()):
    """The calendar of schedules given as texts, between moments given as texts or themselves."""
    start, end = (datetime.fromisoformat(each) if isinstance(each, str) else each for each in (start, end))
    planned = [(Schedule.parse(each), jitter) for each in crons]
    return cron_calendar("f", planned, start, end, seed=seed, one_run=one_run)


def walked(expression, zone, start, end):
    """What the calendar must have: each moment with its local time and mark, from a walk over every minute."""
    # Eight hours more on both sides, so that a time that comes twice is met twice.
    around = range(-480, (end - start) // MINUTE + 480)
    moments = [start.replace(second=0, microsecond=0) + number * MINUTE for number in around]
    walls = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]
    counts = Counter(walls)
    found = [
        (moment, wall, "doubled" if counts[wall] > 1 else None)
        for moment, wall in zip(moments, walls, strict=True)
        if matches(expression, wall)
    ]
    for (_, before), (moment, wall) in pairwise(zip(moments, walls, strict=True)):
        skipped = [before + number * MINUTE for number in range(1, (wall - before) // MINUTE)]
        found += [(moment, each, "missing") for each in skipped if matches(expression, each)]
    return sorted((each for each in found if start < each[0] <= end), key=lambda each: (each[0], each[1]))


@settings(deadline=None, max_examples=150, derandomize=True, database=None)
@given(MINUTES, HOURS, DAYS, st.sampled_from([(z, m) for z, all_ in PLACES.items() for m in all_]), RANGES)
def test_the_calendar_has_every_minute_that_matches_and_no_other(minute, hour, days, place, span):
    """Fires are the minutes whose local time matches; doubled local times exist twice, missing ones never."""
    zone, change = place[0], datetime.fromisoformat(place[1])
    start = change + timedelta(hours=span[0], minutes=span[2])
    end = start + timedelta(hours=span[1])
    expression = " ".join((minute, hour, *days))
    text = f"TZ={zone} {expression}"
    found = calendar(text, start=start, end=end)
    assert [(f.at, f.local.replace(tzinfo=None), f.mark) for f in found] == walked(expression, zone, start, end)
    for fire in found:
        assert fire.schedule == text
        assert fire.at.tzinfo is UTC
        assert fire.fires_at == (None if fire.mark == "missing" else fire.at)
        shown = fire.at.astimezone(ZoneInfo(zone))
        assert (shown.replace(tzinfo=None) == fire.local.replace(tzinfo=None)) == (fire.mark != "missing")
        assert shown.utcoffset() == fire.local.utcoffset() or fire.mark == "missing"


@settings(deadline=None, max_examples=50, derandomize=True, database=None)
@given(MINUTES, HOURS, st.sampled_from(sorted(PLACES)), RANGES)
def test_the_calendar_is_what_the_schedule_tells_one_after_the_other(minute, hour, zone, span):
    """The times that fire are those that follow one another."""
    schedule = Schedule.parse(f"TZ={zone} {minute} {hour} * * *")
    start = datetime.fromisoformat(PLACES[zone][0]) + timedelta(hours=span[0], minutes=span[2])
    end, moment, expected = start + timedelta(hours=span[1]), start, []
    while (moment := schedule.after(moment)) is not None and moment <= end:
        expected.append(moment)
    assert [fire.at for fire in calendar(schedule.text, start=start, end=end).fires] == expected


def lines(found):
    return [f"{fire.at:%m-%d %H:%M} {fire.local.isoformat(' ', 'minutes')[5:]} {fire.mark}" for fire in found]


def test_a_day_without_half_past_two():
    """Paris, 31 March 2024: at 02:00 (+01:00, 01:00 UTC) clocks show 03:00 (+02:00)."""
    found = calendar("TZ=Europe/Paris 30 2 * * *", start="2024-03-30T00:00Z", end="2024-04-02T00:00Z")
    assert lines(found) == [
        "03-30 01:30 03-30 02:30+01:00 None",
        # The moment is that of the change; 02:30 is not shown by any clock.
        "03-31 01:00 03-31 02:30+01:00 missing",
        "04-01 00:30 04-01 02:30+02:00 None",
    ]
    assert [fire.fires_at for fire in found] == [found[0].at, None, found[2].at]
    assert found.missing == (found[1],)
    assert found.fires == (found[0], found[2])


def test_a_day_with_two_times_half_past_two():
    """Paris, 27 October 2024: at 03:00 (+02:00, 01:00 UTC) clocks show 02:00 (+01:00)."""
    found = calendar("TZ=Europe/Paris 30 2 * * *", start="2024-10-26T00:00Z", end="2024-10-29T00:00Z")
    assert lines(found) == [
        "10-26 00:30 10-26 02:30+02:00 None",
        "10-27 00:30 10-27 02:30+02:00 doubled",
        "10-27 01:30 10-27 02:30+01:00 doubled",
        "10-28 01:30 10-28 02:30+01:00 None",
    ]
    assert len(found.fires) == 4
    assert found.doubled == tuple(found[1:3])


def test_clocks_that_are_put_back_to_the_day_before():
    """St. John's, 7 November 2010: at 00:01 (-02:30, 02:31 UTC) clocks show 23:01 (-03:30) of the day before."""
    found = calendar("TZ=America/St_Johns 30 23 * * *", start="2010-11-07T02:30:30Z", end="2010-11-07T12:00Z")
    assert lines(found) == ["11-07 03:00 11-06 23:30-03:30 doubled"]


def test_several_schedules_are_merged_in_order():
    """In a tie the missing come first, then the order is that of the schedules."""
    crons = ("0 */12 * * *", "TZ=Europe/Paris */30 2 * * *", "0 0,1 * * *")
    found = calendar(*crons, start="2024-03-30T12:00Z", end="2024-03-31T12:00Z")
    assert [(f"{f.at:%H:%M}", crons.index(f.schedule), f.mark) for f in found] == [
        ("00:00", 0, None),
        ("00:00", 2, None),
        ("01:00", 1, "missing"),
        ("01:00", 1, "missing"),
        ("01:00", 2, None),
        ("12:00", 0, None),
    ]
    assert [f"{fire.local:%H:%M}" for fire in found.missing] == ["02:00", "02:30"]


def test_one_run_for_each_moment():
    """Where a function starts once for a moment, the schedule listed first starts it."""
    crons = ("0 6 * * *", "0 */6 * * *", "0 6,18 * * *")
    found = calendar(*crons, start="2024-01-01T00:00Z", end="2024-01-01T18:00Z", one_run=True)
    assert [(f.at.hour, crons.index(f.schedule), f.mark) for f in found] == [
        (6, 0, None),
        (6, 1, "dropped"),
        (6, 2, "dropped"),
        (12, 1, None),
        (18, 1, None),
        (18, 2, "dropped"),
    ]
    assert [fire.fires_at is None for fire in found] == [fire.mark == "dropped" for fire in found]
    assert len(found.dropped) == 3


def test_the_range_is_open_at_its_start_and_closed_at_its_end():
    """As `advance` from the one to the other works what is due, so that ranges that follow each other add up."""
    noon = "2024-01-01T12:00Z"
    assert calendar("0 12 * * *", start=noon, end=noon) == ()
    assert [f.at.day for f in calendar("0 12 * * *", start=noon, end="2024-01-03T12:00Z")] == [2, 3]
    days = ["2024-01-01T11:00Z", noon, "2024-01-04T00:00Z"]
    parts = [calendar("0 * * * *", start=start, end=end) for start, end in pairwise(days)]
    assert parts[0] + parts[1] == calendar("0 * * * *", start=days[0], end=days[2])


def test_a_day_that_no_month_has():
    assert calendar("0 0 30 2 *", start="2024-01-01T00:00Z", end="2124-01-01T00:00Z") == ()


def test_how_a_calendar_prints():
    found = calendar("TZ=Europe/Paris 30 2 * * *", "0 1 * * *", start="2024-03-30T12:00Z", end="2024-04-01T00:30Z")
    assert str(found) == found.table()
    assert found.table().splitlines() == [
        "crons of f, after 2024-03-30 12:00 to 2024-04-01 00:30 UTC: 2 fires, 1 missing",
        "UTC               local time              schedule",
        "2024-03-31 01:00  2024-03-31 02:30        TZ=Europe/Paris 30 2 * * *  missing",
        "2024-03-31 01:00  2024-03-31 01:00+00:00  0 1 * * *",
        "2024-04-01 00:30  2024-04-01 02:30+02:00  TZ=Europe/Paris 30 2 * * *",
    ]
    assert repr(found) == f"<CronCalendar: {found.table().splitlines()[0]}>"
    empty = calendar("0 1 * * *", start="2024-01-01T01:00Z", end="2024-01-01T02:00Z")
    assert str(empty) == "crons of f, after 2024-01-01 01:00 to 2024-01-01 02:00 UTC: 0 fires"


def test_how_a_calendar_with_jitter_prints():
    found = calendar("0 1 * * *", start="2024-01-01T00:00Z", end="2024-01-01T01:00Z", jitter=timedelta(minutes=5))
    late = found[0].fires_at
    assert found.table().splitlines()[1:] == [
        "UTC               fires at      local time              schedule",
        f"2024-01-01 01:00  {late.isoformat(timespec='milliseconds')[11:23]}  2024-01-01 01:00+00:00  0 1 * * *",
    ]


def test_a_calendar_can_be_copied():
    found = calendar("0 1 * * *", start="2024-01-01T00:00Z", end="2024-01-09T00:00Z")
    for again in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert type(again) is CronCalendar
        assert (again, str(again)) == (found, str(found))


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        ("2024-01-02T00:00Z", "2024-01-01T00:00Z", "2024-01-01T00:00:00+00:00 is before its start 2024-01-02T"),
        ("1969-12-31T00:00Z", "2024-01-01T00:00Z", "a calendar lies between 1970 and 9998"),
        ("2024-01-02T00:00Z", "9999-01-01T00:00Z", "a calendar lies between 1970 and 9998"),
        ("2024-01-01T00:00Z", "2026-01-01T00:00Z", "the crons of 'f' have more than 1,000,000 times between"),
    ],
)
def test_a_range_that_makes_no_sense(start, end, problem):
    with pytest.raises(SetupError, match=re.escape(problem)):
        calendar("* * * * *", start=start, end=end)


def test_too_many_times_are_refused_at_once():
    """Two schedules count together, and none of the times is made."""
    end = datetime(2024, 1, 1, tzinfo=UTC) + 400 * DAY
    with pytest.raises(SetupError, match="ask for a shorter span"):
        calendar("* * * * *", "* * * * *", start="2024-01-01T00:00Z", end=end)
    assert MOST_FIRES > 400 * 1440


# -- jitter

MOMENTS = st.integers(0, 10**7).map(lambda minute: datetime(2020, 1, 1, tzinfo=UTC) + minute * MINUTE)
TEXTS = st.text(max_size=5)


@given(st.integers(1000, 300_000), st.integers() | TEXTS, TEXTS, TEXTS, MOMENTS)
def test_a_run_is_late_by_a_second_at_least_and_by_less_than_its_jitter(ms, seed, function_id, schedule, moment):
    """From one second to below the jitter, in whole milliseconds, the same each time; a jitter of 1 s is one second."""
    jitter = timedelta(milliseconds=ms)
    late = lateness(jitter, seed, function_id, schedule, moment)
    assert timedelta(seconds=1) <= late
    assert late < jitter or late == jitter == timedelta(seconds=1)
    assert late % timedelta(milliseconds=1) == timedelta()
    assert late == lateness(jitter, seed, function_id, schedule, moment)
    assert lateness(timedelta(), seed, function_id, schedule, moment) == timedelta()


def test_lateness_spreads_over_the_whole_jitter():
    """Of many moments some are late by less than a tenth of the range and some by more than nine tenths."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    lates = [
        lateness(timedelta(seconds=11), 0, "f", "* * * * *", start + n * MINUTE).total_seconds() for n in range(200)
    ]
    assert min(lates) < 2
    assert max(lates) > 10
    assert len(set(lates)) > 190


@pytest.mark.parametrize("other", [(1, "f", "x"), (0, "g", "x"), (0, "f", "y")])
def test_lateness_depends_on_seed_function_and_schedule(other):
    moments = [datetime(2024, 1, 1, tzinfo=UTC) + n * DAY for n in range(5)]
    jitter = timedelta(minutes=5)
    assert [lateness(jitter, *other, each) for each in moments] != [lateness(jitter, 0, "f", "x", m) for m in moments]
