"""Clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit.clock import DEFAULT_START, FakeClock, WallClock, as_utc, epoch_ms
from inngest_testkit.errors import SetupError

NINE = datetime(2024, 1, 31, 9, tzinfo=UTC)


def test_a_fake_clock_starts_in_2024():
    """Without a start, the first moment of 2024."""
    assert FakeClock().now() == DEFAULT_START == datetime(2024, 1, 1, tzinfo=UTC)
    assert repr(FakeClock()) == "FakeClock(2024-01-01T00:00:00+00:00)"


@pytest.mark.parametrize("start", [NINE, "2024-01-31T09:00:00Z", "2024-01-31T10:00:00+01:00", "20240131T090000Z"])
def test_a_start_may_be_text(start):
    """A start is an aware datetime or ISO 8601 text, and is told in UTC."""
    now = FakeClock(start).now()
    assert now == NINE
    assert now.tzinfo is UTC


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        (
            datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None),
            r"^2024-01-01T00:00:00 has no time zone: write '2024-01-01T00:00:00Z', or give",
        ),
        ("2024-01-01", r"^2024-01-01T00:00:00 has no time zone"),
        ("2024-01-01T09:00", r"^2024-01-01T09:00:00 has no time zone"),
        ("tomorrow", r"^'tomorrow' is not a moment: write ISO 8601, such as '2024-01-31T09:00:00Z'$"),
        ("", "is not a moment"),
        (date(2024, 1, 1), r"^expected an aware datetime or ISO 8601 text, found date"),
        (1704067200, "found int: 1704067200"),
        (True, "found bool"),
    ],
)
def test_other_moments_are_refused_with_the_remedy(moment, message):
    """A moment without a zone, or that is none, is refused, and the error says what to write."""
    for read in (as_utc, FakeClock):
        with pytest.raises(SetupError, match=message):
            read(moment)


def test_time_moves_forward_only():
    """An earlier moment is refused and leaves the clock as it is; the same moment is none."""
    clock = FakeClock()
    clock.move_to(NINE)
    clock.move_to(NINE)
    with pytest.raises(
        SetupError,
        match=r"^time can't go backwards: now is 2024-01-31T09:00:00\+00:00, asked for 2024-01-31T08:59:59\+00:00$",
    ):
        clock.move_to(NINE - timedelta(seconds=1))
    assert clock.now() == NINE


async def test_sleeping_jumps_forward():
    """Sleeping on a fake clock takes no time, and none at all until a moment that is past."""
    clock = FakeClock()
    await clock.sleep_until(NINE)
    assert clock.now() == NINE
    await clock.sleep_until(DEFAULT_START)
    assert clock.now() == NINE


async def test_each_move_is_told():
    """Whoever couples another clock hears of each move, and of none that is refused."""
    clock, told = FakeClock(), []
    clock.on_move = told.append
    clock.move_to(NINE)
    await clock.sleep_until(DEFAULT_START)
    with pytest.raises(SetupError):
        clock.move_to(DEFAULT_START)
    await clock.sleep_until(NINE + timedelta(days=1))
    assert told == [NINE, NINE + timedelta(days=1)]


async def test_the_wall_clock_is_aware_and_does_not_wait_for_the_past():
    """The wall clock tells UTC; a moment that is past is there at once, a near one soon."""
    clock = WallClock()
    before = clock.now()
    assert before.tzinfo is UTC
    await clock.sleep_until(before - timedelta(days=1))
    await clock.sleep_until(before + timedelta(milliseconds=5))
    assert clock.now() >= before + timedelta(milliseconds=4)
    assert repr(clock) == "WallClock()"


@settings(deadline=None, max_examples=100, derandomize=True, database=None)
@given(
    st.integers(3, 3_000_000).map(lambda days: timedelta(days=days)),
    st.timedeltas(timedelta(), timedelta(days=1)),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_moments_and_milliseconds_agree(days, time, zone):
    """A moment in any zone is the same moment in UTC, and so are its milliseconds; the rest is cut off."""
    moment = datetime(1, 1, 1, tzinfo=zone) + days + time
    assert as_utc(moment) == as_utc(moment.isoformat()) == moment
    rest = moment - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=epoch_ms(moment))
    assert timedelta() <= rest < timedelta(milliseconds=1)
