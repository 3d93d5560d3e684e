"""The contract of a queue."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import Contract, check, gather
from inngest_testkit.queue.base import LEASE, Call, ItemKind, Lease, PendingItem, Queue, QueueItem
from inngest_testkit.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["QueueContract"]

_MANY = 100
_SECOND = timedelta(seconds=1)
_MOMENT = timedelta(milliseconds=1)


class QueueContract(Contract[Queue]):
    """What every `Queue` must do; `make_store` gives an empty one."""

    __test__ = False

    def item(self, item_id: str, run_id: str = "run") -> QueueItem:
        """Return an item to queue."""
        return QueueItem(id=item_id, kind=ItemKind.EDGE, run_id=run_id, step="b", edge="a->b", token="a->b")  # noqa: S106

    async def fill(self, queue: Queue, *seconds: float, run_id: str = "run") -> None:
        """Queue `item 0`, `item 1`… due so many seconds after the start."""
        for index, span in enumerate(seconds):
            at = self.start + timedelta(seconds=span)
            assert await queue.enqueue(self.item(f"item {index}", run_id), at) is True, "enqueue of a new id"

    async def lease(self, queue: Queue, span: timedelta | float = 0) -> Lease:
        """Lease one item, which must be there."""
        leases = await queue.lease(await self.at(span))
        assert len(leases) == 1, f"expected one lease {span} after the start, found {list(leases)}"
        return leases[0]

    async def expect(self, queue: Queue, span: timedelta | float, *expected: str, limit: int = _MANY) -> list[Lease]:
        """Lease what is due; it must be the items expected, in order."""
        leases = list(await queue.lease(await self.at(span), limit))
        found = [lease.item.id for lease in leases]
        assert found == list(expected), f"{span} after the start expected {list(expected)}, found {found}"
        return leases

    # -- order

    @check
    async def test_items_come_in_order_of_due_time(self, queue: Queue) -> None:
        """What was due first comes first, whenever it was queued."""
        await self.fill(queue, 3, 1, 2)
        await self.expect(queue, 5, "item 1", "item 2", "item 0")

    @check
    async def test_items_wait_until_they_are_due(self, queue: Queue) -> None:
        """An item is handed out at its due time, and not before."""
        await self.fill(queue, 1, 2)
        await self.expect(queue, _SECOND - _MOMENT)
        await self.expect(queue, 1, "item 0")
        await self.expect(queue, 1)
        await self.expect(queue, 2, "item 1")

    @check
    async def test_lower_priority_comes_first(self, queue: Queue) -> None:
        """Of items due at one moment the lower priority comes first; an earlier due time outranks it."""
        for name, span, priority in (("b", 1, 0), ("c", 1, 5), ("a", 1, -5), ("late", 2, -99), ("early", 0, 99)):
            await queue.enqueue(self.item(name), self.start + span * _SECOND, priority=priority)
        await self.expect(queue, 5, "early", "a", "b", "c", "late")

    @check
    async def test_ties_keep_the_order_of_arrival(self, queue: Queue) -> None:
        """Items due at one moment with one priority come as they were queued, in one batch or one by one."""
        names = [f"item {(i * 37) % _MANY}" for i in range(_MANY)]
        for name in names:
            await queue.enqueue(self.item(name), self.start)
        await self.expect(queue, 0, *names[:3], limit=3)
        await self.expect(queue, 0, names[3], limit=1)
        await self.expect(queue, 0, *names[4:])

    @check
    async def test_items_come_as_they_were_queued(self, queue: Queue) -> None:
        """A lease carries the item as queued, its due time, when it ends, and that it is the first."""
        items = [
            QueueItem("a", ItemKind.FINISH, "r", "f", "s", "e", "t", 2, result=encode({"output": ["é", None]})),
            QueueItem("b", ItemKind.PAUSE, "r", step="s", pause_id="p"),
            QueueItem("c", ItemKind.CRON, function_id="f", function_version=3, trigger=1),
            QueueItem("d", ItemKind.CALL, "r", "f", call=Call()),
            QueueItem("e", ItemKind.SLEEP, "r", "f", "s", call=Call(3, immediate=False, race=True)),
            QueueItem("g", ItemKind.CALL, "r", "f", "s", attempt=1, call=Call(1, operation=encode({"é": 1}))),
            QueueItem("h", ItemKind.DEBOUNCE, function_id="f", key="debounce/f/é"),
        ]
        for item in items:
            await queue.enqueue(item, self.start)
        now = await self.at(1)
        leases = list(await queue.lease(now, 10))
        assert [lease.item for lease in leases] == items, f"items must come back as queued, found {leases}"
        for lease in leases:
            found = (lease.at, lease.until, lease.deliveries)
            assert found == (self.start, now + LEASE, 1), f"a lease lasts 30 seconds and is the first, found {lease!r}"

    # -- ids

    @check
    async def test_an_id_is_queued_once(self, queue: Queue) -> None:
        """An item whose id waits or is leased is not queued again; once it is completed, it can be."""
        await self.fill(queue, 1)
        again = self.item("item 0")
        assert await queue.enqueue(again, self.start) is False, "enqueue of an id that waits must return False"
        await self.expect(queue, 0)
        lease = await self.lease(queue, 1)
        assert await queue.enqueue(again, self.start) is False, "enqueue of an id that is leased must return False"
        await queue.complete(lease)
        await self.expect(queue, 1)
        assert await queue.enqueue(again, self.start) is True, "enqueue of an id that is completed must return True"
        await self.expect(queue, 1, "item 0")

    @check
    async def test_one_of_many_enqueues_counts(self, queue: Queue) -> None:
        """An item queued 100 times at once is there once."""
        results = await gather(queue.enqueue(self.item("a"), self.start) for _ in range(_MANY))
        wins = sum(result is True for result in results)
        assert wins == 1, f"exactly one enqueue returns True, found {wins}"
        await self.expect(queue, 0, "a")

    # -- leases

    @check
    async def test_leased_items_are_hidden(self, queue: Queue) -> None:
        """A leased item is kept from others until it is completed or the lease runs out."""
        await self.fill(queue, 0, 0)
        await self.expect(queue, 0, "item 0", limit=1)
        await self.expect(queue, LEASE - _MOMENT, "item 1")
        await self.expect(queue, LEASE - _MOMENT)

    @check
    async def test_completed_items_are_gone(self, queue: Queue) -> None:
        """A completed item never comes back; completing it again changes nothing."""
        await self.fill(queue, 0, 0)
        lease = await self.lease(queue)
        await queue.complete(lease)
        await queue.complete(lease)
        await self.expect(queue, 0, "item 1")
        await self.expect(queue, LEASE * 2, "item 1")

    @check
    async def test_many_workers_share_the_items(self, queue: Queue) -> None:
        """100 workers that lease at once get 100 items, each of them once."""
        await self.fill(queue, *[0.0] * _MANY)
        now = await self.at(0)
        results = await gather(queue.lease(now) for _ in range(_MANY))
        found = sorted(lease.item.id for result in results if not isinstance(result, Exception) for lease in result)
        assert found == sorted(f"item {i}" for i in range(_MANY)), f"each item goes to one worker, found {found}"

    @check
    async def test_lost_leases_are_delivered_again(self, queue: Queue) -> None:
        """When a lease runs out the item comes again, in its old place, with one delivery more."""
        await self.fill(queue, 0, 1)
        for deliveries in (1, 2, 3):
            lease = await self.lease(queue, (deliveries - 1) * LEASE)
            found = (lease.item.id, lease.at, lease.deliveries)
            assert found == ("item 0", self.start, deliveries), f"expected delivery {deliveries}, found {lease}"
            if deliveries == 1:
                continue
            await self.expect(queue, (deliveries - 1) * LEASE, "item 1")

    @check
    async def test_parked_items_come_when_they_are_rescheduled(self, queue: Queue) -> None:
        """An item that was given back without a moment is not due before it is rescheduled; its id stays taken."""
        await self.fill(queue, 0, 0)
        await queue.requeue(await self.lease(queue), None)
        await self.expect(queue, 1, "item 1")
        await self.expect(queue, LEASE - _MOMENT)
        assert await queue.enqueue(self.item("item 0"), self.start) is False, "the id of a parked item is taken"
        parked = [pending.item.id for pending in queue.snapshot() if pending.parked]
        assert parked == ["item 0"], f"a snapshot tells what is parked, found {parked}"
        assert await queue.reschedule("item 0", self.start + 5 * _SECOND) is True, "a parked item can be rescheduled"
        assert await queue.next_due() == self.start + 5 * _SECOND, "a rescheduled item has its moment"
        await self.expect(queue, 5, "item 0", limit=1)

    @check
    async def test_waiting_items_can_be_rescheduled(self, queue: Queue) -> None:
        """An item that waits can be due earlier or later; among those of the same moment it is the last then."""
        await self.fill(queue, 1, 2, 2)
        assert await queue.reschedule("item 0", self.start + 2 * _SECOND) is True
        assert await queue.reschedule("item 2", self.start + 1 * _SECOND) is True
        await self.expect(queue, 1, "item 2")
        await self.expect(queue, 2, "item 1", "item 0")

    @check
    async def test_only_what_waits_is_rescheduled(self, queue: Queue) -> None:
        """A leased item stays with its worker, and one that is not there is not made."""
        await self.fill(queue, 0)
        lease = await self.lease(queue)
        assert await queue.reschedule("item 0", self.start) is False, "a leased item must stay with its worker"
        await queue.complete(lease)
        assert await queue.reschedule("item 0", self.start) is False, "an item that is done must not come back"
        await self.expect(queue, 1)

    @check
    async def test_parked_items_can_be_discarded(self, queue: Queue) -> None:
        """What is parked goes with its run, and is not due for ever."""
        await queue.enqueue(self.item("a", run_id="run"), self.start)
        await queue.requeue(await self.lease(queue), None)
        assert await queue.next_due() is None, "what is parked is never due"
        assert await queue.discard(run_id="run") == 1, "a parked item of a run must be discarded with it"
        assert await queue.reschedule("a", self.start) is False, "a discarded item must not come back"

    @check
    async def test_late_completion_changes_nothing(self, queue: Queue) -> None:
        """A worker that lost its lease completes nothing once another has the item."""
        await self.fill(queue, 0)
        lost, now = await self.lease(queue), LEASE
        held = await self.lease(queue, now)
        await queue.complete(lost)
        await self.expect(queue, now)
        assert held.until == await queue.next_due(), "the second lease must stand after a late completion"
        third = await self.lease(queue, 2 * LEASE)
        await queue.complete(third)
        assert await queue.next_due() is None, "the worker that has the item completes it"

    @check
    async def test_late_completion_after_requeue_changes_nothing(self, queue: Queue) -> None:
        """A lost lease stays lost, also when the item was given back and leased anew meanwhile."""
        await self.fill(queue, 0)
        lost = await self.lease(queue)
        await queue.requeue(await self.lease(queue, LEASE), self.start + LEASE)
        held = await self.lease(queue, LEASE)
        await queue.complete(lost)
        assert held.until == await queue.next_due(), "a late completion must not end the lease of another worker"
        await self.expect(queue, 2 * LEASE, "item 0")

    @check
    async def test_late_completion_spares_new_work(self, queue: Queue) -> None:
        """A lost lease stays lost, also when the item was completed and queued anew meanwhile."""
        await self.fill(queue, 0)
        lost = await self.lease(queue)
        await queue.complete(await self.lease(queue, LEASE))
        await queue.enqueue(self.item("item 0"), self.start)
        await self.lease(queue, LEASE)
        await queue.complete(lost)
        await self.expect(queue, 2 * LEASE, "item 0")

    @check
    async def test_late_requeue_changes_nothing(self, queue: Queue) -> None:
        """A worker that lost its lease gives back nothing, and keeps nothing for longer, once another has the item."""
        await self.fill(queue, 0)
        lost = await self.lease(queue)
        await self.lease(queue, LEASE)
        await queue.requeue(lost, self.start)
        await self.expect(queue, LEASE)
        await queue.extend(lost, self.start + 9 * LEASE)
        await self.expect(queue, 2 * LEASE, "item 0")

    @check
    async def test_requeued_items_come_again(self, queue: Queue) -> None:
        """An item given back is due at the moment given, not before; that no worker was lost shows."""
        await self.fill(queue, 0)
        await queue.requeue(await self.lease(queue), self.start + 60 * _SECOND)
        await self.expect(queue, 60 * _SECOND - _MOMENT)
        again = await self.lease(queue, 60)
        assert again.at == self.start + 60 * _SECOND, f"it is due when it was given back for, found {again.at}"
        assert again.deliveries == 1, f"giving an item back loses no worker, found {again.deliveries} deliveries"
        await queue.complete(again)
        assert await queue.next_due() is None, "an item that was given back can be completed"

    @check
    async def test_extended_leases_last_longer(self, queue: Queue) -> None:
        """An extended lease hides the item until its new end, and can still be completed."""
        await self.fill(queue, 0, 0)
        first, second = await self.expect(queue, 0, "item 0", "item 1")
        until = self.start + 2 * LEASE
        extended = [await queue.extend(lease, until) for lease in (first, second)]
        assert [lease.until for lease in extended] == [until, until], f"extend returns the new lease, found {extended}"
        await self.expect(queue, LEASE + _SECOND)
        await queue.complete(extended[0])
        again = await self.expect(queue, 2 * LEASE, "item 1")
        assert again[0].deliveries == 2, "an extended lease that runs out counts as lost"

    # -- discard

    @check
    async def test_discard_by_id(self, queue: Queue) -> None:
        """An item that waits is removed by its id, and its id is free; unknown and leased ones are left alone."""
        await self.fill(queue, 0, 1, 2)
        lease = await self.lease(queue)
        for item_id, expected in (("item 1", 1), ("item 1", 0), ("item 0", 0), ("unknown", 0)):
            found = await queue.discard(item_id=item_id)
            assert found == expected, f"discard of {item_id!r} must remove {expected}, found {found}"
        assert await queue.enqueue(self.item("item 1"), self.start + 5 * _SECOND) is True, "a discarded id is free"
        await self.expect(queue, 4, "item 2")
        await queue.complete(lease)
        await self.expect(queue, LEASE - _SECOND, "item 1")

    @check
    async def test_discard_by_run(self, queue: Queue) -> None:
        """All items of a run that wait are removed; those of other runs, and of none, stay."""
        await self.fill(queue, 0, 0, 0, run_id="gone")
        await queue.enqueue(self.item("other", "gone too"), self.start)
        await queue.enqueue(QueueItem("cron", ItemKind.CRON), self.start)
        await self.expect(queue, 0, "item 0", limit=1)
        for expected in (2, 0):
            found = await queue.discard(run_id="gone")
            assert found == expected, f"discard of the run must remove {expected}, found {found}"
        assert await queue.discard(run_id="unknown") == 0, "discard of an unknown run removes nothing"
        await self.expect(queue, 0, "other", "cron")
        await self.expect(queue, LEASE, "item 0", "other", "cron")

    # -- what there is

    @check
    async def test_next_due(self, queue: Queue) -> None:
        """The next moment is the first due time or the first end of a lease; none when the queue is empty."""
        found = [await queue.next_due()]
        await self.fill(queue, 40, 1)
        found.append(await queue.next_due())
        lease = await self.lease(queue, 1)
        found.append(await queue.next_due())
        lease = await queue.extend(lease, self.start + 50 * _SECOND)
        found.append(await queue.next_due())
        await queue.discard(item_id="item 0")
        found.append(await queue.next_due())
        await queue.requeue(lease, self.start + 7 * _SECOND)
        found.append(await queue.next_due())
        await queue.complete(await self.lease(queue, 7))
        found.append(await queue.next_due())
        spans = (None, 1, 31, 40, 50, 7, None)
        expected = [None if span is None else self.start + span * _SECOND for span in spans]
        assert found == expected, f"next_due must follow the queue: expected {expected}, found {found}"

    @check
    async def test_peek(self, queue: Queue) -> None:
        """Peeking shows what is due and not leased, in order, lost leases too, and takes nothing."""
        await self.fill(queue, 1, 0, 2)
        await self.lease(queue)
        await queue.enqueue(self.item("first"), self.start + _SECOND, priority=-1)
        for span, expected in ((0, []), (1, ["first", "item 0"]), (1, ["first", "item 0"])):
            now = await self.at(span)
            found = [pending.item.id for pending in await queue.peek(now)]
            assert found == expected, f"{span} s after the start expected {expected}, found {found}"
        shown = list(await queue.peek(await self.at(LEASE)))
        expected = ["item 1", "first", "item 0", "item 2"]
        assert [pending.item.id for pending in shown] == expected, f"lost leases are due again, found {shown}"
        assert [pending.at for pending in shown] == [self.start + i * _SECOND for i in (0, 1, 1, 2)], f"found {shown}"
        await self.expect(queue, LEASE, *expected)

    @check
    async def test_only_names_the_item(self, queue: Queue) -> None:
        """With `only`, that item is handed out if it is due and free; the others stay in order."""
        await self.fill(queue, 0, 0, 0, 9)
        now = await self.at(0)
        found = [lease.item.id for lease in await queue.lease(now, 5, only="item 1")]
        assert found == ["item 1"], f"only the item that is wanted comes, found {found}"
        for name in ("item 1", "item 3", "unknown"):
            leases = list(await queue.lease(now, 5, only=name))
            assert not leases, f"{name!r} is leased, not due or unknown, found {leases}"
        await self.expect(queue, 0, "item 0", "item 2")
        again = list(await queue.lease(await self.at(LEASE), 5, only="item 1"))
        assert [lease.deliveries for lease in again] == [2], f"a lost lease can be wanted by name, found {again}"

    @check
    async def test_snapshot(self, queue: Queue) -> None:
        """The snapshot shows what waits or is leased, in order, with due times, and does not change."""
        await self.fill(queue, 2, 0, 1)
        await queue.complete(await self.lease(queue))
        lease = await self.lease(queue, 1)
        shown = queue.snapshot()
        expected = [PendingItem(self.item(f"item {i}"), self.start + span * _SECOND) for i, span in ((2, 1), (0, 2))]
        assert list(shown) == expected, f"expected {expected}, found {list(shown)}"
        await queue.requeue(lease, self.start + 3 * _SECOND)
        assert list(shown) == expected, "a snapshot, once taken, must not change"
        found = self._names(queue.snapshot())
        assert found == ["item 0", "item 2"], f"an item given back stands where it is due, found {found}"
        await queue.discard(run_id="run")
        assert self._names(queue.snapshot()) == [], "discarded items are not shown"

    def _names(self, pending: Sequence[PendingItem]) -> list[str]:
        return [one.item.id for one in pending]
