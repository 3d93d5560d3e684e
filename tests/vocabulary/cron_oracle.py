"""When a schedule fires, told from its five fields one local time at a time: what the package is measured against."""

from __future__ import annotations

from functools import cache

MONTHS = ("", *["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"])
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@cache
def numbers(field, low, high, names=()):
    """The numbers that one field allows."""
    allowed = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        if first in ("*", "?"):
            ends = low, high
        else:
            begin = names.index(first.upper()) if first.upper() in names else int(first)
            end = (names.index(last.upper()) if last.upper() in names else int(last)) if last else begin
            ends = begin, high if step and not last else end
        allowed.update(range(ends[0], ends[1] + 1, int(step or 1)))
    return allowed


def matches(expression, local):
    """Whether a schedule fires at a local time: both day fields must hold, or either if neither is a star."""
    minute, hour, day, month, weekday = expression.split()
    time_fits = (
        local.minute in numbers(minute, 0, 59)
        and local.hour in numbers(hour, 0, 23)
        and local.month in numbers(month, 1, 12, MONTHS)
    )
    day_fits = local.day in numbers(day, 1, 31)
    weekday_fits = local.isoweekday() % 7 in numbers(weekday, 0, 6, DAYS)
    if day[0] in "*?" or weekday[0] in "*?":
        return time_fits and day_fits and weekday_fits
    return time_fits and (day_fits or weekday_fits)
