"""Cron schedules, against a search minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inngest_testkit.cron import Schedule
from inngest_testkit.errors import CronError, SetupError

from .cron_oracle import matches

MINUTE = timedelta(minutes=1)
#: Zones with a moment just before each clock change of 2024: by an hour, by half an hour, and never.
CHANGES = {
    "America/New_York": ("2024-03-10T07:00Z", "2024-11-03T06:00Z"),
    "Europe/Paris": ("2024-03-31T01:00Z", "2024-10-27T01:00Z"),
    "Australia/Lord_Howe": ("2024-10-05T15:30Z", "2024-04-06T15:00Z"),
    "Asia/Kolkata": ("2024-02-28T18:30Z", "2024-12-31T18:30Z"),
    "UTC": ("2024-02-29T00:00Z", "2024-12-31T23:59Z"),
}


def searched(expression, zone, start, minutes):
    """The first minute after a moment whose local time matches, within so many minutes."""
    moment = start.replace(second=0, microsecond=0)
    for _ in range(minutes):
        moment += MINUTE
        if matches(expression, moment.astimezone(ZoneInfo(zone))):
            return moment
    return None


def field(low, high, *, open_steps=True):
    """One field: a star, a number, a range or a list, with and without steps."""
    number = st.integers(low, high)
    stepped = st.tuples(number, st.integers(1, 9)).map(lambda parts: f"{parts[0]}/{parts[1]}")
    wide = st.tuples(number, number).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: f"{ends[0]}-{ends[1]}")
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    return st.one_of(
        st.just("*"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
        number.map(str),
        span,
        st.tuples(wide, st.integers(1, 5)).map(lambda parts: f"{parts[0]}/{parts[1]}"),
        stepped if open_steps else number.map(str),
        st.lists(number, min_size=2, max_size=3).map(lambda some: ",".join(map(str, some))),
    )


FREQUENT = st.sampled_from(["*", "*/7", "0,30", "0-10", "15", "59", "30/10", "1,1"])
HOURS = st.sampled_from(["*", "0", "1", "2", "3", "1-3", "*/2", "2,14", "23"])
NEAR = st.tuples(
    st.sampled_from(sorted(CHANGES)), st.integers(0, 1), st.integers(-4 * 3600, 4 * 3600), st.integers(0, 999)
)


def near(place):
    """A moment within four hours of a clock change, and its zone."""
    zone, which, seconds, milliseconds = place
    change = datetime.fromisoformat(CHANGES[zone][which])
    return zone, change + timedelta(seconds=seconds, milliseconds=milliseconds)


@settings(deadline=None, max_examples=150, derandomize=True, database=None)
@given(FREQUENT, HOURS, NEAR)
def test_clock_changes(minute, hour, place):
    """Over a clock change a schedule fires at every minute whose local time matches it, and at no other."""
    zone, moment = near(place)
    schedule = Schedule.parse(f"TZ={zone} {minute} {hour} * * *")
    for _ in range(4):
        expected = searched(f"{minute} {hour} * * *", zone, moment, 25 * 60)
        found = schedule.after(moment)
        if expected is None:
            assert found is None or found > moment + timedelta(hours=24)
            return
        assert found == expected
        moment = found


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(
    field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6, open_steps=False), st.integers(0, 366 * 24 * 60)
)
def test_fields(minute, hour, day, month, weekday, later):
    """Each kind of field allows what it says."""
    # Servers differ in whether a star with a step restricts the days.
    assume("*" in (day, weekday) or "*/" not in day + weekday)
    expression = f"{minute} {hour} {day} {month} {weekday}"
    moment = datetime(2024, 1, 1, tzinfo=UTC) + later * MINUTE
    found = Schedule.parse(expression).after(moment)
    for offset in range(1, 400):
        at = moment + offset * MINUTE
        if matches(expression, at):
            assert found == at
            return
    assert found is None or found > moment + 399 * MINUTE
    assert found is None or matches(expression, found)


@pytest.mark.parametrize(
    ("schedule", "start", "fires"),
    [
        # Put forward: 02:30 does not exist on the day of the change.
        ("TZ=America/New_York 30 2 * * *", "2024-03-09T12:00Z", ["2024-03-11T06:30Z", "2024-03-12T06:30Z"]),
        ("TZ=Europe/Paris 0 2 * * *", "2024-03-30T12:00Z", ["2024-04-01T00:00Z"]),
        ("TZ=Australia/Lord_Howe 15 2 * * *", "2024-10-05T00:00Z", ["2024-10-06T15:15Z"]),
        # Put back: 01:30 comes twice.
        ("TZ=America/New_York 30 1 * * *", "2024-11-02T12:00Z", ["2024-11-03T05:30Z", "2024-11-03T06:30Z"]),
        ("TZ=Europe/Paris 30 2 * * *", "2024-10-26T12:00Z", ["2024-10-27T00:30Z", "2024-10-27T01:30Z"]),
        ("TZ=Australia/Lord_Howe 45 1 * * *", "2024-04-06T00:00Z", ["2024-04-06T14:45Z", "2024-04-06T15:15Z"]),
        # A zone that is off by half an hour.
        ("TZ=Asia/Kolkata 0 9 * * *", "2024-01-01T00:00Z", ["2024-01-01T03:30Z", "2024-01-02T03:30Z"]),
        # Calendars.
        ("0 0 29 2 *", "2024-03-01T00:00Z", ["2028-02-29T00:00Z"]),
        ("0 0 31 * *", "2024-01-31T00:00Z", ["2024-03-31T00:00Z"]),
        ("0 0 13 * FRI", "2024-01-01T00:00Z", ["2024-01-05T00:00Z", "2024-01-12T00:00Z", "2024-01-13T00:00Z"]),
        ("0 9 * * mon-fri", "2024-01-05T09:00Z", ["2024-01-08T09:00Z"]),
        ("0 0 1 jan,JUL ?", "2024-01-01T00:00Z", ["2024-07-01T00:00Z", "2025-01-01T00:00Z"]),
        ("* * * * *", "2024-01-01T00:00:59.999Z", ["2024-01-01T00:01Z"]),
        ("  0   12 * *  *  ", "2024-01-01T12:00Z", ["2024-01-02T12:00Z"]),
        ("CRON_TZ=Europe/Paris 0 9 * * *", "2024-07-01T00:00+02:00", ["2024-07-01T07:00Z"]),
        ("0 0 30 2 *", "2024-01-01T00:00Z", [None]),
    ],
)
def test_known_fires(schedule, start, fires):
    """Worked examples, each fire from the one before."""
    moment = datetime.fromisoformat(start)
    for fire in fires:
        moment = Schedule.parse(schedule).after(moment)
        assert moment == (fire and datetime.fromisoformat(fire))
        assert fire is None or moment.tzinfo is UTC


@pytest.mark.parametrize("weekday", ["3/4", "3/2", "1/3", "2-2/1", "MON/3"])
def test_steps_of_weekdays_end_on_saturday(weekday):
    """A number with a step goes on to the highest number, 6; a range of one number stays one, whatever its step."""
    schedule, moment = Schedule.parse(f"0 9 * * {weekday}"), datetime(2024, 1, 1, tzinfo=UTC)
    for _ in range(4):
        expected = searched(f"0 9 * * {weekday}", "UTC", moment, 8 * 24 * 60)
        assert schedule.after(moment) == expected
        moment = expected


def test_fires_move_forward():
    """From one fire to the next time goes on, through a whole year of changes."""
    schedule, moment, fires = Schedule.parse("TZ=Europe/Paris */30 1-3 * * *"), datetime(2024, 1, 1, tzinfo=UTC), []
    while moment.year == 2024:
        moment = schedule.after(moment)
        fires.append(moment)
    assert all(one < two for one, two in pairwise(fires))
    # Six a day, less two in the hour that is missing and two more in the one that comes twice; the first is the start.
    assert len([fire for fire in fires if fire.year == 2024]) == 366 * 6 - 2 + 2 - 1


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ("", "it has 0 fields"),
        ("* * * *", "it has 4 fields"),
        ("0 * * * * *", "it has 6 fields"),
        ("@daily", "it has 1 field."),
        ("@every 1h", "it has 2 fields"),
        ("TZ=Europe/Paris", "it has 0 fields"),
        ("TZ=Mars/Olympus * * * * *", "unknown time zone 'Mars/Olympus'"),
        ("TZ= * * * * *", "unknown time zone ''"),
        ("TZ=../etc/passwd * * * * *", "unknown time zone '../etc/passwd'"),
        ("60 * * * *", ""),
        ("* 24 * * *", ""),
        ("* * 0 * *", ""),
        ("* * 32 * *", ""),
        ("* * * 13 *", ""),
        ("* * * 0 *", ""),
        ("* * * * 8", ""),
        ("5-1 * * * *", ""),
        ("*/0 * * * *", ""),
        ("-5 * * * *", ""),
        ("1.5 * * * *", ""),
        ("a * * * *", ""),
        ("* * * * MOO", ""),
        ("* * * FEBR *", ""),
        ("* * L * *", ""),
        ("* * * * 5L", ""),
        ("* * * * MON#1", ""),
        (", * * * *", ""),
        ("1,,2 * * * *", ""),
        ("soon", "it has 1 field."),
    ],
)
def test_refused_schedules(schedule, reason):
    """What the server refuses is refused, with the text and how to write it."""
    with pytest.raises(CronError) as caught:
        Schedule.parse(schedule)
    assert caught.value.schedule == schedule
    assert str(caught.value).startswith(f"{schedule!r} isn't a valid cron schedule: {reason}")
    assert "Write five fields (minute hour day month weekday)" in str(caught.value)
    assert isinstance(caught.value, SetupError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("schedule", [None, 5, b"* * * * *"])
def test_a_schedule_is_text(schedule):
    """What is not text is refused by its type."""
    with pytest.raises(CronError, match=f"expected text, found {type(schedule).__name__}"):
        Schedule.parse(schedule)


@pytest.mark.parametrize("zone", sorted(CHANGES))
def test_every_minute_fires_every_minute(zone):
    """A schedule of stars fires each minute, however the clocks are changed."""
    schedule = Schedule.parse(f"TZ={zone} * * * * *")
    for change in CHANGES[zone]:
        moment = datetime.fromisoformat(change) - timedelta(minutes=70)
        for _ in range(140):
            assert schedule.after(moment) == moment + MINUTE
            moment += MINUTE
