"""Moments and spans: every recorded format, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit.errors import ExpressionEvaluationError
from inngest_testkit.expressions import compile_expression
from inngest_testkit.expressions.dates import from_datetime, parse_date, parse_duration, parse_timestamp, to_datetime

LATER_THAN = datetime(1, 1, 2, tzinfo=UTC).replace(tzinfo=None)
EARLIER_THAN = datetime(9999, 12, 30, tzinfo=UTC).replace(tzinfo=None)
MOMENT = datetime(2022, 7, 1, 10, tzinfo=UTC)


def value(text: str) -> object:
    return compile_expression(text).evaluate({}, lambda: MOMENT)


@pytest.mark.parametrize(
    "text",
    [
        "2022-07-01T10:00:00Z",
        "2022-07-01T12:00:00+02:00",
        "2022-07-01T10:00:00.000Z",
        "2022-07-01T10:00:00",
        "Fri, 01 Jul 2022 10:00:00 GMT",
        "Fri, 01 Jul 2022 10:00:00 UTC",
        "01 Jul 22 10:00 UTC",
        "01 Jul 22 12:00 +0200",
        "Friday, 01-Jul-22 10:00:00 UTC",
        "Fri Jul 01 12:00:00 +0200 2022",
        "Fri Jul  1 10:00:00 UTC 2022",
        "Fri Jul  1 10:00:00 2022",
        "fri jul 1 10:00:00 2022",
    ],
)
def test_formats(text):
    assert value(f"date('{text}')") == MOMENT


def test_formats_with_parts_left_out():
    assert value("date('2022-07-01') == date('2022-07-01T00:00:00Z')") is True
    assert value("date('Jul  1 10:00:00') < date('Jul  1 10:00:00.500')") is True
    assert value("date('Jul  1 10:00:00') < date('1000-01-01')") is True
    assert value("date('01 Jan 69 00:00 UTC').getFullYear()") == 1969
    assert value("date('01 Jan 68 00:00 UTC').getFullYear()") == 2068


@pytest.mark.parametrize(
    "argument",
    [
        "'garbage'",
        "''",
        "'2022-02-30'",
        "'2022-7-1'",
        "'2022-07-01T24:00:00Z'",
        "'2022-07-01T10:60:00Z'",
        "'2022-07-01T10:00:00+24:00'",
        "'2022-07-01 10:00:00'",
        "'Fri, 01 Xyz 2022 10:00:00 GMT'",
        "'" + "9" * 5000 + "'",
        "946684799",
        "1656669600.0",
        "1656669600u",
        "null",
        "true",
        "now()",
        "[1]",
    ],
)
def test_unreadable_dates_are_errors(argument):
    """They crashed the v0.5.0 server; no operator around them makes them a value."""
    with pytest.raises(ExpressionEvaluationError, match=r"date\(\) cannot read"):
        value(f"date({argument}) == null")


def test_numbers_as_dates():
    assert value("date(1656669600)") == MOMENT
    assert value("date(1656669600000)") == MOMENT
    assert value("date(1656669600000000000)") == MOMENT
    assert value("date(946684800) == date('2000-01-01')") is True


@pytest.mark.parametrize("argument", ["'garbage'", "''", "'1'", "'1y'", "'1h 1m'", "'" + "9" * 99 + "h'"])
def test_unreadable_spans_are_errors(argument):
    for name in ("now_plus", "now_minus"):
        with pytest.raises(ExpressionEvaluationError, match=rf"{name}\(\) cannot read"):
            value(f"{name}({argument})")


def test_parts():
    text = "timestamp('2024-02-29T23:59:58.987Z')"
    parts = ["FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "DayOfYear", "Hours", "Minutes", "Seconds"]
    assert [value(f"{text}.get{part}()") for part in parts] == [2024, 1, 29, 28, 4, 59, 23, 59, 58]
    assert value(f"{text}.getMilliseconds()") == 987
    assert value(f"{text}.getHours('+02:30')") == 2
    assert value(f"{text}.getHours('America/New_York')") == 18
    assert value("duration('-1.5s').getMilliseconds()") == -1500
    with pytest.raises(ExpressionEvaluationError, match="unknown time zone 'Mars/One'"):
        value(f"{text}.getHours('Mars/One')")


def test_arithmetic_has_limits():
    for text in (
        "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
        "timestamp('0001-01-01T00:00:00Z') - duration('1s')",
        "timestamp('9999-01-01T00:00:00Z') - timestamp('0001-01-01T00:00:00Z')",
        "duration('2562047h') + duration('2562047h')",
        "timestamp(253402300800)",
        "date('Jul  1 10:00:00')",
    ):
        with pytest.raises(ExpressionEvaluationError):
            value(text)


def test_as_text():
    assert value("string(timestamp('0099-01-01T00:00:00.120Z'))") == "0099-01-01T00:00:00.12Z"
    assert value("string(duration('1h1.5s'))") == "3601.5s"
    assert value("string(duration('-1ns'))") == "-0.000000001s"


@given(st.datetimes(LATER_THAN, EARLIER_THAN, timezones=st.timezones()))
@settings(max_examples=100, deadline=None)
def test_moments_survive_text(moment):
    """What isoformat() writes is read as the same moment, whatever its zone."""
    offset = moment.utcoffset()
    assert offset is not None
    parsed = parse_timestamp(moment.isoformat()) if offset.seconds % 60 == 0 else from_datetime(moment)
    assert parsed is not None
    assert to_datetime(parsed) == moment.astimezone(UTC)
    assert parse_date(
        moment.astimezone(UTC).strftime("%Y").zfill(4) + moment.astimezone(UTC).strftime("-%m-%dT%H:%M:%S")
    )


@given(st.integers(0, 100), st.integers(0, 10**6), st.integers(0, 10**6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_spans_add_up(days, minutes, milliseconds, negative):
    text = f"{'-' if negative else ''}{days}d{minutes}m{milliseconds}ms"
    span = parse_duration(text, days=True)
    expected = timedelta(days=days, minutes=minutes, milliseconds=milliseconds) * (-1 if negative else 1)
    assert span is not None
    assert span.nanos == expected // timedelta(microseconds=1) * 1000
    assert parse_duration(text) is None
