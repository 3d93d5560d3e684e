"""Streams of events over virtual time, and how several become one."""

from __future__ import annotations

import heapq
import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from inngest_testkit.clock import DEFAULT_START, as_utc, later
from inngest_testkit.durations import to_timedelta
from inngest_testkit.errors import EventError, SetupError
from inngest_testkit.events import Event
from inngest_testkit.testing.traffic.patterns import Bursts, Constant, Pattern, Poisson
from inngest_testkit.testing.traffic.rates import MICROSECOND, read_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inngest_testkit.engine.options import Duration

__all__ = ["Data", "ListedStream", "Moment", "PatternStream", "Stream", "at", "bursts", "constant", "merged", "poisson"]

#: An event's data: the same for all, or made for each from its number (from 0) and the stream's own generator. What is
#: made may be a whole `Event`, for what data cannot say: its name, id or user.
Data: TypeAlias = Mapping[str, Any] | Callable[[int, Random], Mapping[str, Any] | Event]
#: A moment of a simulation: a span after its beginning, or a date, as an aware datetime or ISO 8601 text.
Moment: TypeAlias = timedelta | str | float | datetime

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(ABC):
    """Events over virtual time. Make one with `constant`, `poisson`, `bursts`, `at` or `streams`.

    It is a description: the events are made while a simulation runs, one at a time, and the same engine seed gives
    the same ones. `kind` and `event` begin the messages of its errors; `name`, or else the position in the simulation,
    tells its generator apart from those of other streams.
    """

    kind: str
    event: str
    data: Data | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        try:
            Event(self.event)
        except EventError as error:
            raise SetupError(f"traffic.{self.kind}: {error}") from None
        if self.name is not None and (not isinstance(self.name, str) or not self.name):
            self._refuse(f"name is a text, found {self.name!r}")
        if self.data is not None and not isinstance(self.data, Mapping):
            self._check_maker(self.data)

    def _check_maker(self, data: object) -> None:
        remedy = "give a mapping, or a callable of (number, random) that returns one"
        if not callable(data):
            self._refuse(f"data is {type(data).__name__}: {data!r}; {remedy}")
        try:
            inspect.signature(data).bind(0, None)
        except TypeError as error:
            self._refuse(f"data cannot be called with a number and a random.Random: {error}; {remedy}")
        except ValueError:
            return  # it does not tell its parameters

    def _refuse(self, reason: str) -> NoReturn:
        raise SetupError(f"traffic.{self.kind}({self.event!r}): {reason}")

    def _moment(self, label: str, given: Moment, begin: datetime = DEFAULT_START) -> datetime:
        """Return a moment; one that was given as a span is so long after `begin`."""
        try:
            if isinstance(given, datetime) or (isinstance(given, str) and _DATE.match(given)):
                return as_utc(given)
            span = to_timedelta(given)
        except SetupError as error:
            self._refuse(f"{label}: {error}; a date works, too: an aware datetime or '2024-01-08T09:00:00Z'")
        if span < timedelta():
            self._refuse(f"{label}={given!r} lies before the simulation begins")
        return later(begin, span)

    def arrivals(self, begin: datetime, end: datetime, seed: str) -> Iterator[tuple[datetime, Event]]:
        """Yield the events with their moments, in order, from `begin` to before `end`.

        Times and data have a generator each. Raises `SetupError` for a moment outside of the simulation, and for data
        that cannot be made.
        """
        times, chance = Random(f"{seed}:times"), Random(f"{seed}:data")  # noqa: S311 - reproducible on purpose
        for number, moment in enumerate(self._moments(begin, end, times)):
            yield moment, self._made(number, chance)

    @abstractmethod
    def _moments(self, begin: datetime, end: datetime, random: Random) -> Iterator[datetime]:
        """Yield the moments of the events, in order."""

    def _made(self, number: int, random: Random) -> Event:
        data = self.data
        if data is None or isinstance(data, Mapping):
            return Event(self.event, data or {})
        try:
            made = data(number, random)
        except Exception as error:
            where = f"traffic.{self.kind}({self.event!r}): data({number}, random)"
            raise SetupError(f"{where} raised {type(error).__name__}: {error}") from error
        if isinstance(made, Event):
            return made
        try:
            return Event(self.event, made)
        except EventError as error:
            self._refuse(f"data({number}, random) returned {made!r}: {error}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternStream(Stream):
    """Events at the moments of a pattern, from `start` to before `stop`, `most` of them at most."""

    pattern: Pattern
    start: Moment = timedelta()
    stop: Moment | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        Stream.__post_init__(self)
        if self.most is not None and (isinstance(self.most, bool) or not isinstance(self.most, int) or self.most < 0):
            self._refuse(f"most is how many events there are at most, found {self.most!r}")
        self._moment("start", self.start)
        if self.stop is not None:
            self._moment("stop", self.stop)

    def _moments(self, begin: datetime, end: datetime, random: Random) -> Iterator[datetime]:
        start, stop = self._window(begin, end)
        length = (stop - start) // MICROSECOND
        within = takewhile(lambda offset: offset < length, self.pattern.offsets(random))
        return (start + timedelta(microseconds=offset) for offset in islice(within, self.most))

    def _window(self, begin: datetime, end: datetime) -> tuple[datetime, datetime]:
        start = self._moment("start", self.start, begin)
        if not begin <= start < end:
            self._refuse(f"start={self.start!r} lies outside of the simulation, {_during(begin, end)}")
        stop = end if self.stop is None else self._moment("stop", self.stop, begin)
        if stop <= start:
            self._refuse(f"stop={self.stop!r} is not after start={self.start!r}")
        return start, min(stop, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStream(Stream):
    """Events at moments that somebody gave."""

    times: tuple[Moment, ...]

    def __post_init__(self) -> None:
        Stream.__post_init__(self)
        for number, time in enumerate(self.times):
            self._moment(f"time {number}", time)

    def _moments(self, begin: datetime, end: datetime, random: Random) -> Iterator[datetime]:
        moments = sorted(self._moment(f"time {number}", time, begin) for number, time in enumerate(self.times))
        for moment in moments:
            if not begin <= moment < end:
                self._refuse(
                    f"{moment.isoformat()} lies outside of the simulation, {_during(begin, end)}; change until=, or "
                    "take that time out"
                )
        return iter(moments)


def _during(begin: datetime, end: datetime) -> str:
    return f"which begins at {begin.isoformat()} and ends before {end.isoformat()}"


def constant(
    event: str,
    rate: str | float,
    *,
    data: Data | None = None,
    start: Moment = "0s",
    stop: Moment | None = None,
    most: int | None = None,
    name: str | None = None,
) -> Stream:
    """Let an event come at a constant rate (`"100/h"`, `"1/s"`, 2.5 per second), the first at `start`.

    `data` is the same for all, or a callable of the event's number and a `random.Random` that returns it (or a whole
    `Event`). `stop` ends the stream before the simulation's end, `most` after so many events. `name` sets its draws
    apart from other streams'; without one its position does. Raises `SetupError` for what cannot be.
    """
    pattern = Constant(read_rate(rate, where=f"traffic.constant({event!r})"))
    return PatternStream(
        kind="constant", event=event, pattern=pattern, data=data, start=start, stop=stop, most=most, name=name
    )


def poisson(
    event: str,
    rate: str | float,
    *,
    data: Data | None = None,
    start: Moment = "0s",
    stop: Moment | None = None,
    most: int | None = None,
    name: str | None = None,
) -> Stream:
    """Let an event come at random, at a rate that holds on average: a Poisson process; otherwise as `constant`."""
    pattern = Poisson(read_rate(rate, where=f"traffic.poisson({event!r})"))
    return PatternStream(
        kind="poisson", event=event, pattern=pattern, data=data, start=start, stop=stop, most=most, name=name
    )


def bursts(
    event: str,
    size: int,
    *,
    every: Duration | None = None,
    data: Data | None = None,
    start: Moment = "0s",
    stop: Moment | None = None,
    most: int | None = None,
    name: str | None = None,
) -> Stream:
    """Let an event come `size` times at once, at `start` and then `every` so often (None: once).

    What comes at once arrives together, like what one `send` carries. Otherwise as `constant`.
    """
    where = f"traffic.bursts({event!r})"
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise SetupError(f"{where}: size is how many events come at once, at least 1, found {size!r}")
    try:
        span = None if every is None else to_timedelta(every)
    except SetupError as error:
        raise SetupError(f"{where}: every: {error}") from None
    if span is not None and span <= timedelta():
        raise SetupError(f"{where}: every is a span between bursts, longer than 0s, found {every!r}")
    pattern = Bursts(size, span)
    return PatternStream(
        kind="bursts", event=event, pattern=pattern, data=data, start=start, stop=stop, most=most, name=name
    )


def at(event: str, times: Iterable[Moment], *, data: Data | None = None, name: str | None = None) -> Stream:
    """Let an event come at given moments, in any order: spans from the simulation's beginning, or dates.

    `data` is as for `constant`; the numbers are in order of time. A moment outside of the simulation is refused.
    """
    if isinstance(times, (str, bytes)):
        raise SetupError(
            f"traffic.at({event!r}): times is a list of moments, found the text {times!r}; write [{times!r}]"
        )
    if not isinstance(times, Iterable):
        raise SetupError(f"traffic.at({event!r}): times is a list of moments, found {times!r}; write [{times!r}]")
    return ListedStream(kind="at", event=event, times=tuple(times), data=data, name=name)


def merged(
    streams: Iterable[Stream], begin: datetime, end: datetime, seed: int | str
) -> Iterator[tuple[datetime, Event]]:
    """Yield the events of several streams in order of time; what comes at one moment, in order of the streams.

    Raises `SetupError` for what is no stream, and for two streams of one name.
    """
    names: dict[str, None] = {}
    sources = []
    for position, stream in enumerate(streams):
        if not isinstance(stream, Stream):
            raise SetupError(
                f"a simulation takes streams, made by traffic.constant(...), poisson, bursts, at or streams; found "
                f"{type(stream).__name__}: {stream!r}"
            )
        label = str(position) if stream.name is None else f"name {stream.name}"
        if label in names:
            raise SetupError(f"two streams are named {stream.name!r}, so they would draw the same; rename one")
        names[label] = None
        sources.append(stream.arrivals(begin, end, f"inngest-testkit:{seed}:traffic:{label}"))
    return heapq.merge(*sources, key=itemgetter(0))
