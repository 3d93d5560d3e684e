"""Durations as text, read and written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit.durations import format_duration, format_moment, parse_duration, to_timedelta
from inngest_testkit.errors import DurationError, SetupError

EXACT = settings(deadline=None, max_examples=200, derandomize=True, database=None)
MICROSECONDS = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
MICROSECONDS["w"] = 7 * MICROSECONDS["d"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Source: the wait and ttl texts of recordings/dag.
        ("-5s", {"seconds": -5}),
        ("0", {}),
        ("0.5s", {"milliseconds": 500}),
        ("1500ms", {"milliseconds": 1500}),
        ("1s", {"seconds": 1}),
        ("1s500ms", {"milliseconds": 1500}),
        ("2s", {"seconds": 2}),
        ("300ms", {"milliseconds": 300}),
        ("500ms", {"milliseconds": 500}),
        ("1d", {"days": 1}),
        ("1h", {"hours": 1}),
        # Every unit of recordings/dag README, "Runs and edges", and Go's forms of numbers.
        ("1500ns", {"microseconds": 2}),
        ("7us", {"microseconds": 7}),
        ("7µs", {"microseconds": 7}),
        ("7μs", {"microseconds": 7}),
        ("3m", {"minutes": 3}),
        ("2w", {"weeks": 2}),
        ("+1m", {"minutes": 1}),
        ("-0", {}),
        ("+0", {}),
        ("0s", {}),
        ("1.s", {"seconds": 1}),
        (".5m", {"seconds": 30}),
        ("-.5m", {"seconds": -30}),
        ("1.5h", {"minutes": 90}),
        ("1h1h", {"hours": 2}),
        ("1ms1m", {"minutes": 1, "milliseconds": 1}),
        ("1w2d3h4m5s6ms7us", {"weeks": 1, "days": 2, "hours": 3, "minutes": 4, "seconds": 5, "microseconds": 6007}),
        ("0000001s", {"seconds": 1}),
        ("0.000001s", {"microseconds": 1}),
    ],
)
def test_recorded_forms_are_read(text, expected):
    """Numbers with units, one after the other, with one sign."""
    assert parse_duration(text) == timedelta(**expected)
    assert to_timedelta(text) == timedelta(**expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is no number in it"),
        ("-", "there is no number in it"),
        ("soon", "expected a number at 'soon'"),
        ("whenever", "expected a number at 'whenever'"),
        ("garbage", "expected a number at 'garbage'"),
        ("5", "'5' has no unit"),
        ("1.5", "'1.5' has no unit"),
        ("1h30", "'30' has no unit"),
        ("00", "'00' has no unit"),
        ("3y", "unknown unit in '3y'"),
        ("3 s", "write '3s'"),
        ("5 mins", "write '5m'"),
        ("1 hour", "write '1h'"),
        ("2weeks", "write '2w'"),
        ("3S", "unknown unit in '3S'"),
        ("1s-1s", "expected a number at '-1s'"),
        ("--1s", "expected a number at '-1s'"),
        (" 1s", "expected a number at ' 1s'"),
        ("1s ", "expected a number at ' '"),
        (".s", "expected a number at '.s'"),
        ("1..5s", "unknown unit in '1..5s'"),
        ("1e3s", "unknown unit in '1e3s'"),
        ("1,5s", "unknown unit in '1,5s'"),
        ("P3D", "expected a number at 'P3D'"),
        ("99999999999w", "it is longer than a calendar can hold"),
    ],
)
def test_other_texts_are_refused_with_the_remedy(text, reason):
    """The error keeps the text, says what is wrong with it, and how to write it."""
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert caught.value.text == text
    assert str(caught.value) == (
        f"{text!r} is not a duration: {reason}. Write numbers with units (ns, us, ms, s, m, h, d, w), "
        "such as '90s', '1h30m', '1.5h' or '3d'"
    )
    assert isinstance(caught.value, (SetupError, ValueError))


@pytest.mark.parametrize("value", [None, 5, b"1s", timedelta(seconds=1)])
def test_only_text_is_parsed(value):
    """What is not text is refused by its type."""
    with pytest.raises(DurationError, match=f"expected text, found {type(value).__name__}"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (timedelta(days=3), timedelta(days=3)),
        ("3d", timedelta(days=3)),
        (90, timedelta(seconds=90)),
        (1.5, timedelta(milliseconds=1500)),
        (0, timedelta()),
        (-1, timedelta(seconds=-1)),
    ],
)
def test_spans_are_read(value, expected):
    """A span is a timedelta, a text or seconds."""
    assert to_timedelta(value) == expected


@pytest.mark.parametrize("value", [None, True, [], b"3d", object()])
def test_other_spans_are_refused(value):
    """Anything else is refused by its type; a boolean is no number."""
    with pytest.raises(DurationError, match=f"expected a timedelta, a text or seconds, found {type(value).__name__}"):
        to_timedelta(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300, 10**30])
def test_spans_too_long_are_refused(value):
    """What no calendar can hold is refused, and so is what is no number."""
    with pytest.raises(DurationError, match="longer than a calendar can hold"):
        to_timedelta(value)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(), "0s"),
        (timedelta(days=3), "3d"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=14, seconds=1), "14d1s"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (timedelta(microseconds=1001), "1ms1us"),
        (timedelta(hours=-25), "-1d1h"),
    ],
)
def test_durations_are_written_largest_unit_first(span, expected):
    """Each unit stands once, and only when it is needed."""
    assert format_duration(span) == expected


@EXACT
@given(st.timedeltas())
def test_what_is_written_is_read_back(span):
    """Writing and reading is the identity, for spans that a double counts in microseconds exactly."""
    micros = span // timedelta(microseconds=1)
    if abs(micros) <= 2**53:
        assert parse_duration(format_duration(span)) == span


@EXACT
@given(
    st.sampled_from(["", "+", "-"]),
    st.lists(st.tuples(st.integers(0, 9999), st.sampled_from(sorted(MICROSECONDS))), min_size=1, max_size=6),
)
def test_parts_add_up(sign, parts):
    """A duration is the sum of its parts, in any order and repeated, under one sign."""
    total = sum(number * MICROSECONDS[unit] for number, unit in parts)
    text = sign + "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == timedelta(microseconds=-total if sign == "-" else total)


@EXACT
@given(st.text(alphabet="0123456789.+-nusmhdwµ ", max_size=12))
def test_any_text_is_read_or_refused(text):
    """No text makes anything but a timedelta or a DurationError."""
    try:
        found = parse_duration(text)
    except DurationError:
        return
    assert isinstance(found, timedelta)


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "00:00:02"), (500_000, "00:00:02.5"), (1_000, "00:00:02.001"), (1, "00:00:02.000001")]
)
def test_a_moment_shows_the_fraction_that_it_has(micros, text):
    assert format_moment(datetime(2024, 1, 1, 0, 0, 2, micros, tzinfo=UTC)) == f"2024-01-01 {text}"
