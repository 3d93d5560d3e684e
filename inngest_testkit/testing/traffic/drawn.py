"""Streams whose gaps and events a property-based test draws."""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from inngest_testkit.durations import to_timedelta
from inngest_testkit.errors import SetupError
from inngest_testkit.events import Event
from inngest_testkit.testing.traffic.streams import ListedStream

if TYPE_CHECKING:
    from random import Random

    from hypothesis.strategies import SearchStrategy

    from inngest_testkit.engine.options import Duration
    from inngest_testkit.testing.traffic.streams import Stream

__all__ = ["streams"]


def streams(
    events: str | SearchStrategy[Event],
    *,
    gaps: SearchStrategy[Duration],
    min_size: int = 0,
    max_size: int = 50,
) -> SearchStrategy[Stream]:
    """Generate streams: events of a name, or from a strategy such as `events_for(function)`, after drawn gaps.

    A gap is what `advance` takes, the first one after the simulation's beginning. They shrink to few events soon after
    each other. Raises `MissingExtraError` without hypothesis; in the test, `SetupError` for a gap that is none.

    ::

        @given(traffic.streams("order/paid", gaps=st.integers(0, 3600)))
        def test_no_order_waits_long(stream): ...
    """
    from inngest_testkit.testing._extra import st  # late: streams without a strategy do without hypothesis

    whole = st.just(Event(events)) if isinstance(events, str) else events
    arrivals = st.lists(st.tuples(gaps, whole), min_size=min_size, max_size=max_size)
    return arrivals.map(_stream)


def _stream(arrivals: list[tuple[Duration, Event]]) -> Stream:
    spans = [_gap(gap) for gap, _ in arrivals]
    return ListedStream(
        kind="streams",
        event=arrivals[0][1].name if arrivals else "none",
        times=tuple(accumulate(spans)),
        data=_Events(tuple(event for _, event in arrivals)),
    )


def _gap(gap: Duration) -> timedelta:
    try:
        span = to_timedelta(gap)
    except SetupError as error:
        raise SetupError(f"traffic.streams: a gap that was drawn: {error}") from None
    if span < timedelta():
        raise SetupError(f"traffic.streams: a gap that was drawn is negative: {gap!r}; let gaps= give 0 or more")
    return span


class _Events:
    """Data that are whole events, one for each number."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        self._events = events

    def __call__(self, number: int, random: Random) -> Event:
        return self._events[number]

    def __repr__(self) -> str:
        return repr(list(self._events))
