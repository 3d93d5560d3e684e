"""Debounce: of the events that follow each other closely, the last one starts a run once it has been quiet for long.

The first event of a key opens a debounce that is due one `period` later. Each further event replaces the one that is
kept, unless its `ts` is older, and makes the debounce due one period after itself; with a `timeout`, counted from the
first event, no later than that, but never sooner than a second after the event. So events that keep coming within a
second of each other push the run past its time-out, as on the server.

Source: recordings/sdk README, "Debounce"; debounce, debounce_flow. The fixed margin of a second and the whole seconds
are artefacts: here a debounce fires at its moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inngest_testkit.clock import later

if TYPE_CHECKING:
    from inngest_testkit.flow.arrival import Arrival
    from inngest_testkit.functions.flow_control import Debounce

__all__ = ["Debounced", "debounce"]

_LEAST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Debounced:
    """What is known of one key, whose value is `key`: the event that is kept, when it is due, and when at the latest.

    `id` tells it from other debounces, `since` is when the first event came, `replaced` the event before this one.
    """

    id: str
    function_id: str
    key: str
    arrival: Arrival
    since: datetime
    due: datetime
    deadline: datetime | None = None
    replaced: Arrival | None = None


def debounce(rule: Debounce, before: Debounced | None, new: Debounced, now: datetime) -> Debounced:
    """Return what is known when an event has come; `new` is as if it were the first. Unchanged for an older event."""
    due = later(now, rule.period)
    if before is None:
        return replace(new, due=due, deadline=None if rule.timeout is None else later(now, rule.timeout))
    if before.arrival.delivery == new.arrival.delivery or _ts(new) < _ts(before):
        return before
    if before.deadline is not None and due > before.deadline:
        due = max(before.deadline, later(now, _LEAST))
    return replace(new, id=before.id, since=before.since, due=due, deadline=before.deadline, replaced=before.arrival)


def _ts(debounced: Debounced) -> int:
    return debounced.arrival.event.ts or 0
