"""Batches: events of one key are collected, and one run gets them all.

A batch is opened by its first event; it is full with `max_size` events, and due a `timeout` after the first. With a
condition, events for which it is not true start a run of their own at once. Each value of the key has a batch of its
own, a missing one too. The events keep the order in which they came.

Source: recordings/sdk README, "Batches"; batch_size, batch_timeout, batch_failing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inngest_testkit.clock import later

if TYPE_CHECKING:
    from datetime import datetime

    from inngest_testkit.flow.arrival import Arrival
    from inngest_testkit.functions.flow_control import Batch

__all__ = ["Collected", "collect", "emptied"]


@dataclass(frozen=True, slots=True)
class Collected:
    """What is known of one key, whose value is `key`: the events of the open batch; without any, none is open.

    `id` tells the batch from others, `since` is when the first event came, `due` when it has waited for long enough.
    `taken` are the deliveries of the batch before, which may come once more.
    """

    id: str
    function_id: str
    key: str
    arrivals: tuple[Arrival, ...]
    since: datetime
    due: datetime
    taken: tuple[str, ...] = ()

    @property
    def deliveries(self) -> tuple[str, ...]:
        """How the events came."""
        return tuple([arrival.delivery for arrival in self.arrivals])

    def is_full(self, rule: Batch) -> bool:
        """Whether no further event has room."""
        return len(self.arrivals) >= rule.max_size


def collect(rule: Batch, before: Collected | None, new: Collected, now: datetime) -> Collected:
    """Return what is known when an event has come; `new` holds it alone. Unchanged for a delivery that was taken."""
    if before is not None and new.deliveries[0] in (*before.deliveries, *before.taken):
        return before
    if before is None or not before.arrivals:
        taken = () if before is None else before.taken
        return replace(new, since=now, due=later(now, rule.timeout), taken=taken)
    return replace(before, arrivals=(*before.arrivals, *new.arrivals))


def emptied(before: Collected) -> Collected:
    """Return what is known when the batch has its run."""
    return replace(before, arrivals=(), taken=before.deliveries)
