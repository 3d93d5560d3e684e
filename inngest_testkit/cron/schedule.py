"""Cron schedules: five fields, an optional time zone, right over clock changes.

A schedule fires at every minute whose local time matches it, so where clocks are put forward a time inside the
gap does not exist and does not fire, and where they are put back a time in the repeated hour fires twice.
Sources: recordings/dag README, "Triggers" (five fields, no seconds, no `@hourly`);
recordings/sdk README, "Cron" (`TZ=`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from inngest_testkit.errors import CronError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Schedule"]

_NUMBERS = r"[0-9*,/?-]"
_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
# The whole range of the fields for days, by their place.
_LAST = {2: "1-31", 4: "0-6"}
_WEEKDAYS = "SUN|MON|TUE|WED|THU|FRI|SAT"
# The library that reads the fields knows more (L, #) than the server does.
_FIELDS = (
    ("minute", re.compile(f"{_NUMBERS}+")),
    ("hour", re.compile(f"{_NUMBERS}+")),
    ("day", re.compile(f"{_NUMBERS}+")),
    ("month", re.compile(f"({_NUMBERS}|{_MONTHS})+", re.IGNORECASE)),
    ("weekday", re.compile(f"([0-6*,/?-]|{_WEEKDAYS})+", re.IGNORECASE)),
)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
# Since 1970 one zone has put its clocks back by more at once: Antarctica/Vostok in 1994, by seven hours.
_LONGEST_CHANGE = timedelta(hours=7)
# The library reads the fields with a moment to start from.
_ANY = datetime(2024, 1, 1)  # noqa: DTZ001 - local times have no zone


@dataclass(frozen=True, slots=True)
class Schedule:
    """One parsed schedule: `text` as written, `expression` (five fields; None for one that never fires), `zone`."""

    text: str
    expression: str | None
    zone: tzinfo

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read a schedule such as `*/5 * * * *` or `TZ=Europe/Paris 0 9 * * MON`; raises `CronError`."""
        return _parse(text)

    def after(self, moment: datetime) -> datetime | None:
        """Return the first fire after an aware `moment`, in UTC; None when there is none within 50 years."""
        if self.expression is None:
            return None
        start = moment.astimezone(UTC)
        put_back = self._put_back_soon_after(start)
        found = self._next(start)
        if put_back is None:
            return found
        # Local times just passed come once more after the change.
        repeated = self._next(put_back - _MINUTE, offset=self._offset(put_back))
        return min((f for f in (found, repeated) if f is not None), default=None)

    def is_due(self, moment: datetime) -> bool:
        """Whether the schedule fires at an aware `moment`."""
        return self.after(moment - _MINUTE) == moment

    def times(self) -> tuple[time, ...]:
        """Return the local times of a day that match, in order."""
        if self.expression is None:
            return ()
        fields = CronSim(self.expression, _ANY)
        return tuple(time(hour, minute) for hour, minute in product(sorted(fields.hours), sorted(fields.minutes)))

    def days(self, first: date, last: date) -> Iterator[date]:
        """Yield the local dates that match from one to another, both included."""
        if self.expression is None:
            return
        fields = CronSim(self.expression, _ANY)
        day = first
        while day <= last:
            if day.month in fields.months and fields.match_day(day):
                yield day
            day += _DAY

    def change(self, low: datetime, high: datetime) -> datetime:
        """Return when clocks are changed between two moments between which they are changed once, in UTC."""
        before = self._offset(low)
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._offset(middle) == before else (low, middle)
        return high.replace(microsecond=0)

    def _next(self, start: datetime, offset: timedelta | None = None) -> datetime | None:
        local = (start + (self._offset(start) if offset is None else offset)).replace(tzinfo=None)
        for match in CronSim(self.expression or "", local):
            moments = sorted(
                moment for fold in (0, 1) if (moment := self._moment(match, fold)) is not None and moment > start
            )
            if moments:
                return moments[0]
        return None

    def _moment(self, local: datetime, fold: int) -> datetime | None:
        moment = local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)
        exists = moment.astimezone(self.zone).replace(tzinfo=None) == local
        return moment if exists else None

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.zone).utcoffset() or timedelta()

    def _put_back_soon_after(self, start: datetime) -> datetime | None:
        """Return when clocks are put back, if that is so soon that local times before `start` come again."""
        end = start + _LONGEST_CHANGE
        return self.change(start, end) if self._offset(end) < self._offset(start) else None


@lru_cache(maxsize=256)
def _parse(text: str) -> Schedule:
    if not isinstance(text, str):
        raise CronError(text, f"expected text, found {type(text).__name__}")
    zone_text, _, rest = text.partition(" ") if text.startswith(("TZ=", "CRON_TZ=")) else ("", "", text)
    zone = _zone(text, zone_text.partition("=")[2]) if zone_text else UTC
    fields = rest.split()
    if len(fields) != 5:
        raise CronError(text, f"it has {len(fields)} field{'' if len(fields) == 1 else 's'}")
    for field, (name, pattern) in zip(fields, _FIELDS, strict=True):
        if not pattern.fullmatch(field):
            raise CronError(text, f"{field!r} is no {name}")
    expression = " ".join(_rewritten(n, field.replace("?", "*").upper()) for n, field in enumerate(fields))
    reason = _refusal(expression)
    if reason is None:
        return Schedule(text, expression, zone)
    # The server takes a day that no month has, such as 30 February (recordings/dag, cron-two-schedules).
    minute, hour, day, month, weekday = expression.split()
    if _refusal(f"{minute} {hour} {day} * {weekday}") is None and _refusal(f"0 0 1 {month} *") is None:
        return Schedule(text, None, zone)
    raise CronError(text, reason)


def _rewritten(number: int, field: str) -> str:
    """Write a field so that the library reads it as the server does.

    A start with a step goes on to the field's end, a range of one ends there, and a star with a step counts as a
    restriction, so that day and weekday then match when either does.
    """
    last = _LAST.get(number)
    parts = []
    for part in field.split(","):
        start, _, step = part.partition("/")
        low, _, high = start.partition("-")
        if step and high and low == high:
            part = low
        elif step and last and start == "*" and step != "1":
            part = f"{last}/{step}"
        elif step and last and not high and start != "*":
            part = f"{low}-{last.partition('-')[2]}/{step}"
        parts.append(part)
    return ",".join(parts)


def _refusal(expression: str) -> str | None:
    try:
        CronSim(expression, _ANY)
    except CronSimError as error:
        return str(error).lower() or "it cannot be read"
    return None


def _zone(text: str, name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(text, f"unknown time zone {name!r}") from None
