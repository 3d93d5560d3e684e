"""The queue in this process's memory."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from inngest_testkit.queue.base import LEASE, Lease, PendingItem, QueueItem

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["MemoryQueue"]


@dataclass(slots=True)
class _Entry:
    item: QueueItem
    at: datetime
    priority: int
    sequence: int
    deliveries: int = 0
    receipt: int = 0
    lease_until: datetime | None = None
    parked: bool = False

    @property
    def order(self) -> _Order:
        """The entry as the heap holds it: a tuple, which compares fast, and never past its sequence."""
        return (self.at, self.priority, self.sequence, self)


#: Where an entry stands in the heap; out of date once the entry has another sequence, or none because it is gone.
_Order: TypeAlias = tuple[datetime, int, int, _Entry]
_NOWHERE = -1


class MemoryQueue:
    """A heap of items by (due time, priority, sequence); what is out of date leaves it when it comes up."""

    never_suspends = True

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._heap: list[_Order] = []
        self._entries: dict[str, _Entry] = {}
        self._by_run: dict[str, dict[str, None]] = {}
        #: In order of lease, which is the order in which leases run out unless one is extended.
        self._leased: dict[str, _Entry] = {}
        self._sequence = 0
        self._receipts = 0

    async def reset(self) -> None:
        """Drop everything, as if it were new."""
        self._empty()

    async def enqueue(self, item: QueueItem, at: datetime, *, priority: int = 0) -> bool:
        """See `Queue.enqueue`."""
        item_id, run_id = item.id, item.run_id
        if item_id in self._entries:
            return False
        self._sequence = sequence = self._sequence + 1
        entry = self._entries[item_id] = _Entry(item, at, priority, sequence)
        if run_id:
            of_run = self._by_run.get(run_id)
            if of_run is None:
                self._by_run[run_id] = {item_id: None}
            else:
                of_run[item_id] = None
        heapq.heappush(self._heap, (at, priority, sequence, entry))
        return True

    async def lease(self, now: datetime, limit: int = 1, *, only: str | None = None) -> Sequence[Lease]:
        """See `Queue.lease`."""
        if self._leased:
            self._return_lost(now)
        if only is not None:
            return self._lease_only(now, only)
        heap = self._heap
        leases: list[Lease] = []
        while heap and len(leases) < limit:
            at, _, sequence, entry = heap[0]
            if entry.sequence != sequence:
                heapq.heappop(heap)
            elif at > now:
                break
            else:
                heapq.heappop(heap)
                leases.append(self._lease(entry, now))
        return leases

    def _lease_only(self, now: datetime, item_id: str) -> Sequence[Lease]:
        entry = self._entries.get(item_id)
        if entry is None or entry.at > now or entry.parked or entry.lease_until is not None:
            return ()
        self._heap.remove(entry.order)
        heapq.heapify(self._heap)
        return (self._lease(entry, now),)

    def _lease(self, entry: _Entry, now: datetime) -> Lease:
        self._receipts = receipt = self._receipts + 1
        item, deliveries, until = entry.item, entry.deliveries + 1, now + LEASE
        entry.deliveries, entry.receipt, entry.lease_until = deliveries, receipt, until
        self._leased[item.id] = entry
        return Lease(item, entry.at, until, deliveries, receipt)

    def _return_lost(self, now: datetime) -> None:
        lost = [e for e in self._leased.values() if e.lease_until is not None and e.lease_until <= now]
        for entry in lost:
            del self._leased[entry.item.id]
            entry.lease_until = None
            heapq.heappush(self._heap, entry.order)

    async def peek(self, now: datetime) -> Sequence[PendingItem]:
        """See `Queue.peek`."""
        self._return_lost(now)
        due = sorted(o for o in self._heap if o[3].sequence == o[2] and o[0] <= now)
        return [PendingItem(entry.item, at) for at, _, _, entry in due]

    def _held(self, lease: Lease) -> _Entry | None:
        """The entry that a lease is for, unless another worker has it by now."""
        entry = self._leased.get(lease.item.id)
        return entry if entry is not None and entry.receipt == lease.receipt else None

    async def complete(self, lease: Lease) -> None:
        """See `Queue.complete`."""
        if self._held(lease) is not None:
            del self._leased[lease.item.id]
            self._forget(lease.item)

    def _forget(self, item: QueueItem) -> None:
        item_id, run_id = item.id, item.run_id
        del self._entries[item_id]
        if run_id:
            of_run = self._by_run[run_id]
            del of_run[item_id]
            if not of_run:
                del self._by_run[run_id]

    async def requeue(self, lease: Lease, at: datetime | None) -> None:
        """See `Queue.requeue`."""
        entry = self._held(lease)
        if entry is None:
            return
        del self._leased[lease.item.id]
        entry.lease_until, entry.deliveries = None, 0
        if at is None:
            entry.parked = True
        else:
            self._put(entry, at)

    async def reschedule(self, item_id: str, at: datetime) -> bool:
        """See `Queue.reschedule`."""
        entry = self._entries.get(item_id)
        if entry is None or entry.lease_until is not None:
            return False
        self._put(entry, at)
        return True

    def _put(self, entry: _Entry, at: datetime) -> None:
        self._sequence += 1
        entry.at, entry.sequence, entry.parked = at, self._sequence, False
        heapq.heappush(self._heap, entry.order)

    async def extend(self, lease: Lease, until: datetime) -> Lease:
        """See `Queue.extend`."""
        entry = self._held(lease)
        if entry is not None:
            entry.lease_until = until
        return replace(lease, until=until)

    async def discard(self, *, item_id: str = "", run_id: str = "") -> int:
        """See `Queue.discard`."""
        discarded = 0
        for each in tuple(self._by_run.get(run_id, ())) if run_id else (item_id,):
            entry = self._entries.get(each)
            if entry is not None and entry.lease_until is None:
                entry.sequence = _NOWHERE
                self._forget(entry.item)
                discarded += 1
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._entries):
            heap = [order for order in self._heap if order[3].sequence == order[2]]
            heapq.heapify(heap)
            self._heap = heap
        return discarded

    async def next_due(self) -> datetime | None:
        """See `Queue.next_due`."""
        first = self._first_due()
        if not self._leased:
            return first
        moments = [e.lease_until for e in list(self._leased.values()) if e.lease_until is not None]
        if first is not None:
            moments.append(first)
        return min(moments, default=None)

    def _first_due(self) -> datetime | None:
        # Only `lease` takes off what is out of date: whoever asks may be another thread than the one that works.
        try:
            at, _, sequence, entry = self._heap[0]
        except IndexError:
            return None
        if entry.sequence == sequence:
            return at
        return min((at for at, _, sequence, entry in list(self._heap) if entry.sequence == sequence), default=None)

    def snapshot(self) -> Sequence[PendingItem]:
        """See `Queue.snapshot`."""
        orders = [entry.order for entry in list(self._entries.values())]
        return [PendingItem(e.item, at, e.parked) for at, _, _, e in sorted(orders, key=lambda order: order[:3])]
