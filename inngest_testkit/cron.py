"""Cron schedules: five fields, an optional time zone, right over clock changes.

A schedule fires at every minute whose local time matches it, so where clocks are put forward a time inside the
gap does not exist and does not fire, and where they are put back a time in the repeated hour fires twice.
Sources: recordings/dag README, "Triggers" (five fields, no seconds, no `@hourly`);
recordings/sdk README, "Cron" (`TZ=`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from inngest_testkit.errors import CronError

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
_MINUTE = timedelta(minutes=1)
# No zone has ever moved its clocks by more at once.
_LONGEST_CHANGE = timedelta(hours=3)


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
        before, end = self._offset(start), start + _LONGEST_CHANGE
        if self._offset(end) >= before:
            return None
        low, high = start, end
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._offset(middle) == before else (low, middle)
        return high.replace(microsecond=0)


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
        CronSim(expression, datetime(2024, 1, 1))  # noqa: DTZ001 - local times have no zone
    except CronSimError as error:
        return str(error).lower() or "it cannot be read"
    return None


def _zone(text: str, name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(text, f"unknown time zone {name!r}") from None
