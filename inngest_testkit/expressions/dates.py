"""Moments and spans: reading them from text and numbers, and taking them apart.

The text formats are those of the servers' `date()`; a year left out is the year 0.
Nothing here reads a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from inngest_testkit.expressions.values import Duration, Timestamp

__all__ = [
    "format_timestamp",
    "from_datetime",
    "parse_date",
    "parse_date_number",
    "parse_duration",
    "parse_timestamp",
    "timestamp_in_range",
    "to_datetime",
]

_NANOS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097  # the calendar repeats, which makes the year 0 computable

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAY3 = r"(?i:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_DAYS = r"(?i:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_CLOCK = r"(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:[.,](?P<f>\d+))?"
_NAMED = r"(?P<zone>[A-Z]{3,5}|GMT[+-]\d{1,2})"
_OFFSET = r"(?P<offset>[+-]\d\d\d\d)"
_B = r"(?P<b>[A-Za-z]{3})"

_RFC3339 = rf"(?P<Y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)T{_CLOCK}(?:Z|(?P<offset>[+-]\d\d:\d\d))"
_FORMATS = (
    _RFC3339,
    rf"(?P<Y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)T{_CLOCK}",
    rf"{_DAY3}, (?P<d>\d\d) {_B} (?P<Y>\d{{4}}) {_CLOCK} {_NAMED}",
    rf"(?P<d>\d\d) {_B} (?P<y>\d\d) (?P<H>\d\d):(?P<M>\d\d) (?:{_NAMED}|{_OFFSET})",
    rf"{_DAYS}, (?P<d>\d\d)-{_B}-(?P<y>\d\d) {_CLOCK} {_NAMED}",
    rf"{_DAY3} {_B} (?P<d>\d\d) {_CLOCK} {_OFFSET} (?P<Y>\d{{4}})",
    rf"{_DAY3} {_B} +(?P<d>\d\d?) {_CLOCK} {_NAMED} (?P<Y>\d{{4}})",
    rf"{_DAY3} {_B} +(?P<d>\d\d?) {_CLOCK} (?P<Y>\d{{4}})",
    rf"{_B} +(?P<d>\d\d?) {_CLOCK}",
    r"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)",
)

# The first number that is read as seconds, milliseconds and nanoseconds.
_SECONDS, _MILLISECONDS, _NANOSECONDS = 946_684_800, 9_999_999_999, 9_999_999_999_999

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": _NANOS,
    "m": 60 * _NANOS,
    "h": 3600 * _NANOS,
}
_LONG_UNITS = {**_UNITS, "d": 24 * 3600 * _NANOS, "w": 7 * 24 * 3600 * _NANOS}
_SPAN = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h|d|w))+|[+-]?0")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-zµμ]+)")
_LONGEST_TEXT = 100  # a longer text is no date and no span; int() refuses thousands of digits

_FIRST, _LAST = -62_135_596_800 * _NANOS, 253_402_300_800 * _NANOS


def timestamp_in_range(nanos: int) -> bool:
    """Whether a moment lies in the years 1 to 9999."""
    return _FIRST <= nanos < _LAST


def parse_timestamp(text: str) -> Timestamp | None:
    """`timestamp(text)`: RFC 3339 only; None when it is not."""
    match = _pattern(_RFC3339).fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    moment = None if match is None else _moment(match)
    return moment if moment is not None and timestamp_in_range(moment.nanos) else None


def parse_date(text: str) -> Timestamp | None:
    """`date(text)`: the first of the recorded formats that fits; None when none does."""
    if len(text) > _LONGEST_TEXT:
        return None
    for pattern in _FORMATS:
        match = _pattern(pattern).fullmatch(text)
        moment = None if match is None else _moment(match)
        if moment is not None:
            return moment
    return None


def parse_date_number(number: int) -> Timestamp | None:
    """`date(int)`: Unix seconds, milliseconds or nanoseconds by size; None before the year 2000."""
    if number < _SECONDS:
        return None
    if number < _MILLISECONDS:
        return Timestamp(number * _NANOS)
    return Timestamp(number * 1_000_000 if number < _NANOSECONDS else number)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """Compiled at first use, since few expressions read dates and importing should be quick."""
    return re.compile(pattern, re.ASCII)


def _moment(match: re.Match[str]) -> Timestamp | None:
    parts = match.groupdict()
    month = _month(parts)
    if month is None:
        return None
    try:
        day = _ordinal(_year(parts), month, int(parts["d"] or 0)) - _EPOCH_ORDINAL
    except ValueError:
        return None
    hour, minute, second = (int(parts.get(name) or 0) for name in "HMS")
    offset = _offset(parts)
    if hour > 23 or minute > 59 or second > 59 or offset is None:
        return None
    seconds = ((day * 24 + hour) * 60 + minute) * 60 + second - offset
    return Timestamp(seconds * _NANOS + int(((parts.get("f") or "") + "0" * 9)[:9]))


def _ordinal(year: int, month: int, day: int) -> int:
    """The day's number; ValueError when there is none. `date` knows no year 0, but the calendar repeats."""
    if year:
        return date(year, month, day).toordinal()
    return date(_CYCLE_YEARS, month, day).toordinal() - _CYCLE_DAYS


def _month(parts: dict[str, str | None]) -> int | None:
    name = parts.get("b")
    if name is None:
        return int(parts["m"] or 0)
    return _MONTHS.index(name.lower()) + 1 if name.lower() in _MONTHS else None


def _year(parts: dict[str, str | None]) -> int:
    if short := parts.get("y"):
        return int(short) + (1900 if int(short) >= 69 else 2000)
    return int(parts.get("Y") or 0)


def _offset(parts: dict[str, str | None]) -> int | None:
    """Seconds east of UTC. A zone's abbreviation does not say where it is, so it counts as UTC."""
    zone = parts.get("zone") or ""
    if zone[3:4] in ("+", "-"):
        return int(zone[3:]) * 3600
    text = parts.get("offset")
    if not text:
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * 60 * (-1 if text[0] == "-" else 1)


def parse_duration(text: str, *, days: bool = False) -> Duration | None:
    """A span such as `1h30m`, with `days` also in days and weeks; None when it is not one or too long."""
    if len(text) > _LONGEST_TEXT or not _SPAN.fullmatch(text):
        return None
    units = _LONG_UNITS if days else _UNITS
    nanos = 0
    for number, unit in _PART.findall(text):
        if unit not in units:
            return None
        whole, _, fraction = number.partition(".")
        nanos += int(whole or 0) * units[unit] + int(fraction or 0) * units[unit] // 10 ** len(fraction)
    return Duration(-nanos if text[0] == "-" else nanos) if nanos < 2**63 else None


def from_datetime(moment: datetime) -> Timestamp:
    """A datetime as a moment; a naive one counts as UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    span = aware - _EPOCH
    return Timestamp((span.days * 86_400 + span.seconds) * _NANOS + span.microseconds * 1000)


def to_datetime(moment: Timestamp, zone: str | None = None) -> datetime | None:
    """The moment as a datetime (cut to microseconds); None outside its years or for an unknown zone."""
    where = UTC if zone is None else _zone(zone)
    if where is None:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=moment.nanos // 1000)).astimezone(where)
    except (OverflowError, ValueError):
        return None


def _zone(name: str) -> tzinfo | None:
    """A zone by name, or by its offset: `-08:00`, `02:30`."""
    fixed = re.fullmatch(r"([+-]?)([0-9]{1,2}):([0-9]{2})", name)
    try:
        if fixed:
            span = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
            return timezone(-span if fixed[1] == "-" else span)
        return UTC if name in ("", "UTC") else ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return None


def format_timestamp(moment: Timestamp) -> str | None:
    """RFC 3339 in UTC with as many digits as needed; None outside the years 1 to 9999."""
    shown = to_datetime(moment)
    if shown is None:
        return None
    rest = moment.nanos % _NANOS
    whole = shown.replace(microsecond=0, tzinfo=None).isoformat()
    return whole + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"
