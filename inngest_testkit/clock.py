"""The engine's clocks; nothing else in the package reads the time."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import anyio

from inngest_testkit.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_START", "Clock", "FakeClock", "WallClock", "as_utc", "epoch_ms", "later", "unfrozen_now"]

#: Where a fake clock starts unless told otherwise.
DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_END = datetime.max.replace(tzinfo=UTC)


class Clock(Protocol):
    """Tells the time, and waits for a moment."""

    def now(self) -> datetime:
        """Return the current moment, aware and in UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return when `moment` has come; at once when it is past."""
        ...


class FakeClock:
    """A clock that moves only when told: `move_to` from outside, or `sleep_until`, which jumps.

    `start` is an aware datetime, or ISO 8601 text; without one, 2024-01-01T00:00:00Z.
    Time never goes back: an earlier moment raises `SetupError`.
    """

    __slots__ = ("_now", "_start", "on_move")

    def __init__(self, start: datetime | str | None = None) -> None:
        self._now = self._start = DEFAULT_START if start is None else as_utc(start)
        if self._now < _EPOCH:
            raise SetupError(f"a clock starts in 1970 or later, found {self._now.isoformat()}")
        #: Told of each move, for whatever else is to show the same time.
        self.on_move: Callable[[datetime], None] | None = None

    def now(self) -> datetime:
        """Return the virtual moment."""
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Set the clock; raises `SetupError` when `moment` is before `now()`."""
        if moment < self._now:
            raise SetupError(f"time can't go backwards: now is {self._now.isoformat()}, asked for {moment.isoformat()}")
        self._now = moment
        if self.on_move is not None:
            self.on_move(moment)

    def restart(self) -> None:
        """Go back to where it started. For an engine that is reset, which forgets all that happened since."""
        self._now = self._start
        if self.on_move is not None:
            self.on_move(self._now)

    async def sleep_until(self, moment: datetime) -> None:
        """Jump to `moment` when it lies ahead."""
        if moment > self._now:
            self.move_to(moment)

    def __repr__(self) -> str:
        return f"FakeClock({self._now.isoformat()})"


class WallClock:
    """The machine's clock, for engines that run in real time."""

    __slots__ = ()

    def now(self) -> datetime:
        """Return the real moment."""
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Sleep in real time until `moment`."""
        await anyio.sleep(max(0.0, (moment - self.now()).total_seconds()))

    def __repr__(self) -> str:
        return "WallClock()"


def as_utc(moment: datetime | str) -> datetime:
    """Read a moment: an aware datetime or ISO 8601 text; raises `SetupError` for anything else."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise SetupError(f"{moment!r} is not a moment: write ISO 8601, such as '2024-01-31T09:00:00Z'") from None
    if not isinstance(moment, datetime):
        raise SetupError(f"expected an aware datetime or ISO 8601 text, found {type(moment).__name__}: {moment!r}")
    if moment.tzinfo is None:
        raise SetupError(f"{moment.isoformat()} has no time zone: write '{moment.isoformat()}Z', or give tzinfo=UTC")
    return moment.astimezone(UTC)


def unfrozen_now() -> datetime:
    """Return the machine's time, also where time-machine lets the standard library tell another."""
    time_machine = sys.modules.get("time_machine")
    if time_machine is None or not time_machine.escape_hatch.is_travelling():
        return datetime.now(UTC)
    now: datetime = time_machine.escape_hatch.datetime.datetime.now(UTC)
    return now


def later(moment: datetime, span: timedelta) -> datetime:
    """Return the moment after a span, never before `moment`; a span beyond the calendar ends with the calendar."""
    try:
        return max(moment, moment + span)
    except OverflowError:
        return moment if span < timedelta() else _END


def epoch_ms(moment: datetime) -> int:
    """Return a moment as milliseconds since 1970, the unit of an event's `ts`."""
    return (moment - _EPOCH) // _MILLISECOND
