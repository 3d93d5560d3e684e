"""The calendar of a function's crons: when they fire, in UTC and in local time, with what clock changes do to them.

Nothing here asks an engine: a calendar is computed from the schedules alone, day by day in local time, and so also
shows the times that do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from inngest_testkit.cron.jitter import lateness
from inngest_testkit.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inngest_testkit.cron.schedule import Schedule

__all__ = ["MOST_FIRES", "CronCalendar", "CronFire", "Mark", "cron_calendar"]

#: Entries that a calendar may have.
MOST_FIRES = 1_000_000
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
_DAY, _ZERO = timedelta(days=1), timedelta()

#: What is special about a time of a schedule, see `CronFire`.
Mark: TypeAlias = Literal["doubled", "dropped", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFire:
    """One time of one schedule.

    `schedule` is the cron trigger as written. `at` is the moment that it names, in UTC, and `local` the same moment in
    the schedule's zone (UTC without `TZ=`). `fires_at` is when the run begins, in UTC: `at`, or later by the trigger's
    jitter; None for a time that starts no run. `mark` says what is special:

    - `doubled`: clocks are put back, and the local time comes twice that day; each of the two is an entry, and fires.
    - `missing`: clocks are put forward over the local time, which does not exist that day and does not fire. `at` is
      the moment of the change, `local` the time that does not exist, with the offset from before the change.
    - `dropped`: another schedule of the same SDK function, listed before, is due at the same moment. The server lets a
      function start once for each moment of its schedules.
    """

    schedule: str
    at: datetime
    local: datetime
    fires_at: datetime | None
    mark: Mark | None = None


class CronCalendar(tuple[CronFire, ...]):
    """The times of a function's crons after `start` and up to `end`, in order; prints as a table.

    In a tie, what is missing comes first, then the order is that of the function's triggers.
    """

    function_id: str
    start: datetime
    end: datetime

    def __new__(cls, entries: Iterable[CronFire], function_id: str, start: datetime, end: datetime) -> Self:
        """Make a calendar of entries that are in order."""
        calendar = super().__new__(cls, entries)
        calendar.function_id, calendar.start, calendar.end = function_id, start, end
        return calendar

    def __getnewargs__(self) -> tuple[object, ...]:
        return (tuple(self), self.function_id, self.start, self.end)

    @property
    def fires(self) -> tuple[CronFire, ...]:
        """The times that start a run."""
        return tuple(fire for fire in self if fire.fires_at is not None)

    @property
    def doubled(self) -> tuple[CronFire, ...]:
        """The times whose local time comes twice that day."""
        return self._marked("doubled")

    @property
    def dropped(self) -> tuple[CronFire, ...]:
        """The times that start nothing since another schedule of the function is due at the same moment."""
        return self._marked("dropped")

    @property
    def missing(self) -> tuple[CronFire, ...]:
        """The times that clocks are put forward over."""
        return self._marked("missing")

    def _marked(self, mark: Mark) -> tuple[CronFire, ...]:
        return tuple(fire for fire in self if fire.mark == mark)

    def table(self) -> str:
        """Return the calendar as text: a title, then one line for each time, under a header."""
        jittered = any(fire.fires_at not in (None, fire.at) for fire in self)
        header = ("UTC", "fires at", "local time", "schedule", "")
        rows = [header, *(_cells(fire) for fire in self)] if self else []
        if not jittered:
            rows = [(utc, *rest) for utc, _, *rest in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
        return "\n".join([self._title(), *(line.rstrip() for line in lines)])

    def _title(self) -> str:
        counts = [f"{len(self.fires)} fire" + ("" if len(self.fires) == 1 else "s")]
        counts += [
            f"{len(found)} {mark}" for mark in ("doubled", "missing", "dropped") if (found := self._marked(mark))
        ]
        return (
            f"crons of {self.function_id}, after {_minute(self.start)} to {_minute(self.end)} UTC: {', '.join(counts)}"
        )

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<CronCalendar: {self._title()}>"


def cron_calendar(
    function_id: str,
    crons: Sequence[tuple[Schedule, timedelta]],
    start: datetime,
    end: datetime,
    *,
    seed: int | str,
    one_run: bool,
) -> CronCalendar:
    """Return the calendar of a function's schedules, each with its jitter, after `start` and up to `end` (in UTC).

    `one_run`: of several schedules that are due at one moment, the first starts a run and the others do not.
    Raises `SetupError` for a range that ends before it starts or leaves the years 1970 to 9998, and for more than
    `MOST_FIRES` times.
    """
    _check(function_id, [schedule for schedule, _ in crons], start, end)
    found: list[tuple[datetime, bool, int, datetime, CronFire]] = []
    for number, (schedule, jitter) in enumerate(crons):
        for local, at, mark in _times(schedule, start, end):
            if start < at <= end:
                late = lateness(jitter, seed, function_id, schedule.text, at)
                fires_at = None if mark == "missing" else at + late
                fire = CronFire(schedule=schedule.text, at=at, local=local, fires_at=fires_at, mark=mark)
                found.append((at, mark != "missing", number, local.replace(tzinfo=None), fire))
    found.sort(key=lambda entry: entry[:4])
    fires = (entry[-1] for entry in found)
    return CronCalendar(_once(fires) if one_run else fires, function_id, start, end)


def _check(function_id: str, schedules: Iterable[Schedule], start: datetime, end: datetime) -> None:
    if start < _FIRST or end > _LAST:
        raise SetupError(
            f"a calendar lies between {_FIRST.year} and {_LAST.year}, found {start.isoformat()} to {end.isoformat()}"
        )
    if end < start:
        raise SetupError(f"the calendar's end {end.isoformat()} is before its start {start.isoformat()}; exchange them")
    left = MOST_FIRES
    for schedule in schedules:
        a_day = len(schedule.times())
        for _ in schedule.days(*_dates(schedule, start, end)):
            left -= a_day
            if left < 0:
                raise SetupError(
                    f"the crons of {function_id!r} have more than {MOST_FIRES:,} times between {start.isoformat()} and "
                    f"{end.isoformat()}; ask for a shorter span"
                )


def _dates(schedule: Schedule, start: datetime, end: datetime) -> tuple[date, date]:
    """Return the first and the last local date of a range; where clocks are put back over midnight, one more."""
    return start.astimezone(schedule.zone).date() - _DAY, end.astimezone(schedule.zone).date()


def _times(schedule: Schedule, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, Mark | None]]:
    """Yield local times of a schedule, each with its moment and mark: all of the range, and some around it."""
    times = schedule.times()
    for day in schedule.days(*_dates(schedule, start, end)):
        for each in times:
            local = datetime.combine(day, each, tzinfo=schedule.zone)
            yield from _moments(schedule, local, local.replace(fold=1))


def _moments(schedule: Schedule, local: datetime, again: datetime) -> Iterator[tuple[datetime, datetime, Mark | None]]:
    """Yield what becomes of a local time; `again` is its second occurrence, should there be one."""
    before, after = local.utcoffset() or _ZERO, again.utcoffset() or _ZERO
    first, second = local.astimezone(UTC), again.astimezone(UTC)
    if before == after:
        yield local, first, None
    elif before > after:
        yield local, first, "doubled"
        yield again, second, "doubled"
    else:
        # Read with the offset from after the change it lies before it, and the other way round.
        yield local, schedule.change(second, first), "missing"


def _once(fires: Iterable[CronFire]) -> Iterator[CronFire]:
    """Let one schedule start a run where several are due at the same moment."""
    taken = None
    for fire in fires:
        if fire.fires_at is not None and fire.at == taken:
            yield replace(fire, fires_at=None, mark="dropped")
        else:
            taken = taken if fire.fires_at is None else fire.at
            yield fire


def _cells(fire: CronFire) -> tuple[str, ...]:
    """Return an entry's line: moment, when its run begins, local time, schedule, mark."""
    fires_at = "" if fire.fires_at is None else f"{fire.fires_at:%H:%M:%S}.{fire.fires_at.microsecond // 1000:03}"
    local = _minute(fire.local) if fire.mark == "missing" else fire.local.isoformat(" ", "minutes")
    return _minute(fire.at), fires_at, local, fire.schedule, fire.mark or ""


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
