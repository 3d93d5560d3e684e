"""Generate scripts: which events arrive when."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from inngest_testkit.durations import to_timedelta
from inngest_testkit.events import Event
from inngest_testkit.testing._events import events, events_for
from inngest_testkit.testing._extra import st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    from inngest_testkit.functions.model import Function

__all__ = ["EventScript", "event_scripts"]

#: Events in order, each with the time since the one before it.
EventScript: TypeAlias = list[tuple[timedelta, Event]]


def event_scripts(
    *functions: Function, max_events: int = 5, around: timedelta | str | float = "1s"
) -> SearchStrategy[EventScript]:
    """Generate lists of (delay, event): the first event triggers one of the functions.

    Later ones trigger, or are awaited, at moments around the functions' waits and ttls: `around` before one ends,
    exactly then, and as long after. Play one with `for delay, event in script: engine.advance(delay);
    engine.send(event)`.
    """
    first = st.one_of(*(events_for(each) for each in functions if _is_triggered(each)))
    awaited = sorted({name for each in functions for name in _awaited(each)})
    waited_for = [events(name=st.sampled_from(awaited))] if awaited else []
    later = st.one_of(*waited_for, first)
    return _scripts(first, later, _offsets(functions, to_timedelta(around)), max_events)


@st.composite
def _scripts(
    draw: DrawFn,
    first: SearchStrategy[Event],
    later: SearchStrategy[Event],
    offsets: Sequence[timedelta],
    max_events: int,
) -> EventScript:
    script = [(timedelta(), draw(first))]
    moments = [timedelta()]
    for _ in range(draw(st.integers(0, max_events - 1))):
        moments.append(draw(st.sampled_from(moments)) + draw(st.sampled_from(offsets)))
    in_order = sorted(moments)
    for before, moment in pairwise(in_order):
        script.append((moment - before, draw(later)))
    return script


def _offsets(functions: Sequence[Function], around: timedelta) -> list[timedelta]:
    """Give the spans after which an event may follow an earlier one, the shortest first."""
    spans = {to_timedelta(text) for each in functions for text in _durations(each)}
    moments = {span + shift for span in spans for shift in (-around, timedelta(), around)}
    return sorted({timedelta(), *(moment for moment in moments if moment >= timedelta())})


def _durations(function: Function) -> list[str]:
    entries = [entry for step in function.steps for entry in step.after]
    return [text for entry in entries for text in (entry.ttl if entry.is_async else entry.wait,) if text]


def _awaited(function: Function) -> list[str]:
    return [entry.event for step in function.steps for entry in step.after if entry.event]


def _is_triggered(function: Function) -> bool:
    return any(trigger.event for trigger in function.triggers)
