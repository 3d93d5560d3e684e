"""The contract of a queue: work on its way to the executor, ordered by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from inngest_testkit.records import quick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inngest_testkit.values import Json

__all__ = ["LEASE", "Call", "ItemKind", "Lease", "PendingItem", "Queue", "QueueItem"]

#: How long a worker has for an item before others see it again.
LEASE = timedelta(seconds=30)


class ItemKind(StrEnum):
    """What an item asks of the executor."""

    #: Walk an edge: run its child.
    EDGE = "edge"
    #: Run a step again after a failed attempt.
    RETRY = "retry"
    #: A step that takes virtual time is done; the item carries its response.
    FINISH = "finish"
    #: The time of a pause is over.
    PAUSE = "pause"
    #: Call an app's function, or answer for one of its steps.
    CALL = "call"
    #: A sleep of an app's function is over.
    SLEEP = "sleep"
    #: A cron schedule is due.
    CRON = "cron"
    #: The time is over that a run has to start, or to finish.
    TIMEOUT = "timeout"
    #: A debounced event has waited for its period.
    DEBOUNCE = "debounce"
    #: A batch has waited for as long as it may.
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Call:
    """What calling an app's function is about.

    `memos` is how many steps of the run were done when the call was queued. `immediate`: a new step may be run in the
    call that finds it. `race`: the step belongs to a parallel group in race mode. `operation` is the operation that
    the server itself, or a mock, answers for; none means that the app is called.
    """

    memos: int = 0
    immediate: bool = True
    race: bool = False
    operation: Json | None = None


@quick
@dataclass(frozen=True, slots=True)
class QueueItem:
    """One piece of work. `id` is derived from what it does, so that the same work is never queued twice.

    `token` is what the run counts as pending while the work is not done. `attempt` counts from 0.
    `result` is the response of a step in flight (`FINISH`). `call` belongs to `CALL` and `SLEEP`, where `step` is the
    key of the step, empty for a call that targets none. For `CRON`, `function_id`, `function_version` and
    `trigger` (its index) name the schedule, and `run_id` is empty. For `TIMEOUT`, `edge` names the time-out. `key` is
    that of a debounced event or a batch.
    """

    id: str
    kind: ItemKind
    run_id: str = ""
    function_id: str = ""
    step: str = ""
    edge: str = ""
    token: str = ""
    attempt: int = 0
    pause_id: str = ""
    result: Json | None = None
    call: Call | None = None
    function_version: int = 0
    trigger: int = 0
    key: str = ""

    def __repr__(self) -> str:
        what = self.step or (f"trigger {self.trigger}" if self.kind is ItemKind.CRON else "")
        of = f"of {self.function_id}" if self.function_id else ""
        attempt = f"attempt {self.attempt}" if self.attempt else ""
        return f"<QueueItem {' '.join(part for part in (self.kind.value, what, of, attempt) if part)}>"


@quick
@dataclass(frozen=True, slots=True)
class PendingItem:
    """An item with the moment at which it is due; of one that is parked, the moment at which it was."""

    item: QueueItem
    at: datetime
    parked: bool = False

    def __repr__(self) -> str:
        parked = ", parked" if self.parked else ""
        return f"<{self.at:%Y-%m-%d %H:%M:%S} {self.item!r}{parked}>"


@quick
@dataclass(frozen=True, slots=True)
class Lease:
    """An item that one worker has until `until`.

    `deliveries` counts from 1: more mean that a worker was lost. `receipt` tells this lease from all others.
    """

    item: QueueItem
    at: datetime
    until: datetime
    deliveries: int = 1
    receipt: int | str = 0


class Queue(Protocol):
    """Keeps items until they are due, and each from other workers while one has it.

    Items that are due are handed out in order of (due time, priority, sequence of arrival).
    """

    async def enqueue(self, item: QueueItem, at: datetime, *, priority: int = 0) -> bool:
        """Add an item; False when one of its id is waiting or leased. A lower priority comes first."""
        ...

    async def lease(self, now: datetime, limit: int = 1, *, only: str | None = None) -> Sequence[Lease]:
        """Hand out up to `limit` items that are due at `now`; `only` names the one item that is wanted."""
        ...

    async def peek(self, now: datetime) -> Sequence[PendingItem]:
        """Return every item that is due at `now` and not leased, in order."""
        ...

    async def complete(self, lease: Lease) -> None:
        """Remove a leased item; nothing happens when the lease was lost."""
        ...

    async def requeue(self, lease: Lease, at: datetime | None) -> None:
        """Give a leased item back, due at `at`; None parks it: it is not due before `reschedule` says when."""
        ...

    async def reschedule(self, item_id: str, at: datetime) -> bool:
        """Let an item that waits or is parked be due at `at`; False when it is leased or not there."""
        ...

    async def extend(self, lease: Lease, until: datetime) -> Lease:
        """Keep a leased item for longer; returns the new lease."""
        ...

    async def discard(self, *, item_id: str = "", run_id: str = "") -> int:
        """Remove an item, or all items of a run, that wait; return how many. A best effort: the executor copes."""
        ...

    async def next_due(self) -> datetime | None:
        """Return when an item will be due, or a lost lease run out; None when the queue is empty."""
        ...

    def snapshot(self) -> Sequence[PendingItem]:
        """Return what waits or is leased, as far as this process knows, in order. For people and tests."""
        ...
