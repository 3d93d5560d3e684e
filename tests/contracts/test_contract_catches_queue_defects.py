"""The contract of a queue can fail: it catches each of the broken stores below, and no check is idle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from inngest_testkit.contracts import QueueContract
from inngest_testkit.queue.base import Lease
from inngest_testkit.queue.memory import MemoryQueue


class QueueIsAStack(MemoryQueue):
    async def enqueue(self, item, at, *, priority=0):
        self._sequence -= 2
        return await super().enqueue(item, at, priority=priority)


class QueueIgnoresTime(MemoryQueue):
    async def lease(self, now, limit=1, *, only=None):
        return await super().lease(now + timedelta(days=1), limit, only=only)


class QueueIgnoresDueOrder(MemoryQueue):
    async def enqueue(self, item, at, *, priority=0):
        return await super().enqueue(item, at - timedelta(seconds=10), priority=priority)


class QueueSortsByPriorityFirst(MemoryQueue):
    async def lease(self, now, limit=1, *, only=None):
        leases = await super().lease(now, limit, only=only)
        return sorted(leases, key=lambda lease: self._entries[lease.item.id].priority)


class QueueIgnoresPriority(MemoryQueue):
    async def enqueue(self, item, at, *, priority=0):
        return await super().enqueue(item, at)


class QueueTakesIdsTwice(MemoryQueue):
    async def enqueue(self, item, at, *, priority=0):
        return await super().enqueue(item, at, priority=priority) or await super().enqueue(
            replace(item, id=f"{item.id} again"), at, priority=priority
        )


class QueueKeepsIdsForEver(MemoryQueue):
    def __init__(self):
        super().__init__()
        self._seen = set()

    async def enqueue(self, item, at, *, priority=0):
        known, _ = item.id in self._seen, self._seen.add(item.id)
        return not known and await super().enqueue(item, at, priority=priority)


class QueueEnqueuesRace(MemoryQueue):
    async def enqueue(self, item, at, *, priority=0):
        known = item.id in self._entries
        await anyio.lowlevel.checkpoint()
        await super().enqueue(item, at, priority=priority)
        return not known


class QueueLosesResults(MemoryQueue):
    async def enqueue(self, item, at, *, priority=0):
        return await super().enqueue(replace(item, result=None), at, priority=priority)


class QueueLosesCalls(MemoryQueue):
    async def enqueue(self, item, at, *, priority=0):
        call = None if item.call is None else replace(item.call, operation=None)
        return await super().enqueue(replace(item, call=call), at, priority=priority)


class QueueDoesNotHide(MemoryQueue):
    async def lease(self, now, limit=1, *, only=None):
        leases = await super().lease(now, limit, only=only)
        for lease in leases:
            self._leased[lease.item.id].lease_until = now
        return leases


class QueueLosesLostLeases(MemoryQueue):
    def _return_lost(self, now):
        return


class QueueCountsNoDeliveries(MemoryQueue):
    async def lease(self, now, limit=1, *, only=None):
        return [replace(lease, deliveries=1) for lease in await super().lease(now, limit, only=only)]

    def _held(self, lease):
        return self._leased.get(lease.item.id)


class QueueCompletesLostLeases(MemoryQueue):
    def _held(self, lease):
        return self._leased.get(lease.item.id)


class QueueNeverCompletes(MemoryQueue):
    async def complete(self, lease):
        return


class QueueRequeuesAtOnce(MemoryQueue):
    async def requeue(self, lease, at):
        await super().requeue(lease, lease.at)


class QueueCountsRequeues(MemoryQueue):
    async def requeue(self, lease, at):
        await super().requeue(lease, at)
        self._entries[lease.item.id].deliveries = lease.deliveries


class QueueDoesNotExtend(MemoryQueue):
    async def extend(self, lease, until):
        return replace(lease, until=until)


class QueueDiscardsLeased(MemoryQueue):
    async def discard(self, *, item_id="", run_id=""):
        for entry in self._leased.values():
            if item_id == entry.item.id or run_id == entry.item.run_id:
                entry.lease_until = None
        return await super().discard(item_id=item_id, run_id=run_id)


class QueueDiscardsPrefixes(MemoryQueue):
    async def discard(self, *, item_id="", run_id=""):
        runs = [run for run in self._by_run if run_id and run.startswith(run_id)]
        return sum([await super(QueueDiscardsPrefixes, self).discard(run_id=run) for run in runs]) or (
            await super().discard(item_id=item_id)
        )


class QueueForgetsLeasesInNextDue(MemoryQueue):
    async def next_due(self):
        return min((e.at for e in self._entries.values() if e.lease_until is None), default=None)


class QueuePeeksAtLeased(MemoryQueue):
    async def peek(self, now):
        return [pending for pending in self.snapshot() if pending.at <= now]


class QueueIgnoresOnly(MemoryQueue):
    async def lease(self, now, limit=1, *, only=None):
        return await super().lease(now, limit)


class QueueIgnoresDueTimes(MemoryQueue):
    async def lease(self, now, limit=1, *, only=None):
        leases = await super().lease(now, limit, only=only)
        return sorted(leases, key=lambda lease: self._entries[lease.item.id].sequence)


class QueueLeasesRace(MemoryQueue):
    async def lease(self, now, limit=1, *, only=None):
        shown = (await self.peek(now))[:limit]
        await anyio.lowlevel.checkpoint()
        leases = await super().lease(now, limit, only=only)
        return leases or [Lease(pending.item, pending.at, now) for pending in shown]


class QueueSnapshotHidesLeased(MemoryQueue):
    def snapshot(self):
        return [p for p in super().snapshot() if self._entries[p.item.id].lease_until is None]


class QueueNeverParks(MemoryQueue):
    async def requeue(self, lease, at):
        await super().requeue(lease, lease.at if at is None else at)


class QueueHidesWhatIsParked(MemoryQueue):
    def snapshot(self):
        return [pending for pending in super().snapshot() if not pending.parked]


class QueueForgetsWhatIsParked(MemoryQueue):
    async def requeue(self, lease, at):
        await super().requeue(lease, at)
        if at is None:
            self._forget(lease.item)


class QueueKeepsWhatIsParked(MemoryQueue):
    async def discard(self, *, item_id="", run_id=""):
        parked = [e for e in self._entries.values() if e.parked and run_id == e.item.run_id]
        return 0 if parked else await super().discard(item_id=item_id, run_id=run_id)


class QueueWaitsForWhatIsParked(MemoryQueue):
    async def next_due(self):
        due = await super().next_due()
        return due or min((e.at for e in self._entries.values() if e.parked), default=None)


class QueueReschedulesLeased(MemoryQueue):
    async def reschedule(self, item_id, at):
        entry = self._entries.get(item_id)
        if entry is not None and self._leased.pop(item_id, None) is not None:
            entry.lease_until = None
        return await super().reschedule(item_id, at)


class QueueReschedulesWhatIsGone(MemoryQueue):
    async def reschedule(self, item_id, at):
        await super().reschedule(item_id, at)
        return True


class QueueReschedulesOnlyWhatIsParked(MemoryQueue):
    async def reschedule(self, item_id, at):
        return self._entries[item_id].parked and await super().reschedule(item_id, at)


class QueueReschedulesToTheFront(MemoryQueue):
    async def reschedule(self, item_id, at):
        sequence, self._sequence = self._sequence, -2 - self._sequence
        done = await super().reschedule(item_id, at)
        self._sequence = sequence
        return done


@pytest.fixture(scope="module")
def caught(failing_checks):
    """For each broken store, the checks that it fails and a sound one does not."""
    broken = [store for store in MemoryQueue.__subclasses__() if store.__module__ == __name__]
    expected = failing_checks(QueueContract, MemoryQueue)
    return {store.__name__: failing_checks(QueueContract, store) - expected for store in broken}, expected


def test_each_broken_queue_is_caught(caught):
    """No broken store passes."""
    failed, _ = caught
    assert [name for name, checks in failed.items() if not checks] == []


def test_each_check_of_a_queue_catches_something(caught):
    """Each check fails for one of the broken stores."""
    failed, expected = caught
    assert sorted(set(QueueContract.checks()) - expected - set().union(*failed.values())) == []
