"""Keys with a pace, as the gate of a flow store keeps them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import check
from inngest_testkit.contracts.flow_entries import SECOND, FlowSamples

if TYPE_CHECKING:
    from inngest_testkit.flow.base import FlowStore

__all__ = ["PaceChecks"]

_MICROSECOND = timedelta(microseconds=1)


class PaceChecks(FlowSamples):
    """The part of the contract that is about paces."""

    __test__ = False

    @check
    async def test_so_many_at_once_then_one_by_one(self, store: FlowStore) -> None:
        """`at_once` go together, the others one each `period / limit`; each is told when, and how many come first."""
        paced = self.paced(2, 4, at_once=3)
        await self.expect_through(store, *(self.ticket(f"item {i}", paced=paced) for i in range(3)))
        for ahead in range(3):
            hold = await self.expect_held(store, self.ticket(f"later {ahead}", paced=paced))
            until = hold.until - self.start if hold.until else None
            found = (hold.rule, hold.key, hold.value, until, hold.ahead, hold.new)
            expected = ("throttle", "pace", "value of pace", (2 + 2 * ahead) * SECOND, ahead, True)
            assert found == expected, f"expected {expected}, found {found}"
        for index in range(3):
            at = 2 + 2 * index
            await self.expect_held(store, self.ticket(f"later {index}", paced=paced), at=at * SECOND - _MICROSECOND)
            await self.expect_through(store, self.ticket(f"later {index}", paced=paced), at=at)

    @check
    async def test_a_pace_is_exact(self, store: FlowStore) -> None:
        """Three in ten seconds are three hundred in a thousand: what a third of a microsecond lacks does not add up."""
        paced = self.paced(3, 10)
        for index in range(30):
            at = timedelta(microseconds=-(-10_000_000 * index // 3))
            if index:
                await self.expect_held(store, self.ticket(f"item {index}", paced=paced), at=at - _MICROSECOND)
            await self.expect_through(store, self.ticket(f"item {index}", paced=paced), at=at)

    @check
    async def test_an_idle_key_starts_anew(self, store: FlowStore) -> None:
        """A key that was not used saves up nothing beyond `at_once`; each key has a pace of its own."""
        paced = self.paced(1, 10, at_once=2)
        names = iter(range(99))
        for at in (0, 100):
            for key in (paced, self.paced(1, 10, at_once=2, key="another")):
                tickets = [self.ticket(f"item {next(names)}", paced=key) for _ in range(3)]
                await self.expect_through(store, *tickets[:2], at=at)
                await self.expect_held(store, tickets[2], at=at)
                await store.leave(tickets[2].item_id)

    @check
    async def test_who_waits_for_a_pace_is_woken_in_time(self, store: FlowStore) -> None:
        """The first in line is woken for its moment, also when that lies ahead; when it is through, the next is."""
        paced = self.paced(1, 10)
        await self.expect_through(store, self.ticket("a", paced=paced))
        for name in ("b", "c"):
            await self.expect_held(store, self.ticket(name, paced=paced))
        for name, at in (("b", 10), ("c", 20)):
            found = await self.woken(store, at - 10)
            assert found == {"pace": (name, at * SECOND)}, f"{name!r} is woken {at} s after the start, found {found}"
            await self.calm(store, at - 10)
            assert await self.woken(store, at - 10) == {}, "a wake that is done is not told again"
            await self.expect_through(store, self.ticket(name, paced=paced), at=at)

    @check
    async def test_a_newcomer_does_not_overtake_at_a_pace(self, store: FlowStore) -> None:
        """When the pace allows one it is the first in line; one with a lower score goes before."""
        paced = self.paced(1, 10)
        await self.expect_through(store, self.ticket("a", paced=paced))
        waits = self.ticket("waits", paced=paced, score=5)
        await self.expect_held(store, waits)
        await self.expect_held(store, self.ticket("later", paced=paced, score=5), at=10)
        await self.expect_through(store, self.ticket("lower", paced=paced, score=4), at=10)
        hold = await self.expect_held(store, waits, at=10)
        assert hold.until == self.start + 20 * SECOND, f"it was overtaken, and waits for the next moment, found {hold}"
        assert not hold.new, "it waited before"
        await self.expect_through(store, waits, at=20)

    @check
    async def test_a_start_counts_once(self, store: FlowStore) -> None:
        """Who was let through is let through again, also when the pace allows none, and counts once."""
        paced = self.paced(1, 10)
        ticket = self.ticket("a", paced=paced)
        await self.expect_through(store, ticket, ticket)
        await self.expect_through(store, ticket, at=5)
        await self.expect_through(store, self.ticket("b", paced=paced), at=10)

    @check
    async def test_who_is_held_uses_nothing_up(self, store: FlowStore) -> None:
        """Who waits for a place has not counted for the pace, and who waits for the pace has no place."""
        slot, paced = self.slots(1), self.paced(1, 10)
        one = self.ticket("a", slot)
        await self.expect_through(store, one)
        hold = await self.expect_held(store, self.ticket("b", slot, paced=paced))
        assert hold.rule == "concurrency", f"it waits for a place, found {hold}"
        await self.expect_through(store, self.ticket("c", paced=paced))
        await store.release(one.run_id, one.holder)
        hold = await self.expect_held(store, self.ticket("b", slot, paced=paced))
        assert (hold.rule, hold.new) == ("throttle", True), f"it waits for the pace now, anew, found {hold}"
        await self.expect_through(store, self.ticket("d", slot))

    @check
    async def test_the_end_of_a_run_changes_no_pace(self, store: FlowStore) -> None:
        """What has started counts when its run is over; what waited of the run does not."""
        paced = self.paced(1, 10)
        await self.expect_through(store, self.ticket("a", paced=paced))
        for name in ("b", "c"):
            await self.expect_held(store, self.ticket(name, paced=paced))
        await self.calm(store)
        for run_id in ("run of a", "run of b"):
            await store.end(run_id)
        found = await self.woken(store)
        assert found == {"pace": ("c", 10 * SECOND)}, f"the next is woken for the same moment, found {found}"
        await self.expect_held(store, self.ticket("c", paced=paced), at=9)
        await self.expect_through(store, self.ticket("c", paced=paced), at=10)
