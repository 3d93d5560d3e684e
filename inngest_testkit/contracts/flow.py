"""The contract of a flow store: its entries, and the gate through which the work of runs goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import check, gather
from inngest_testkit.contracts.flow_entries import MANY, SECOND, EntryChecks
from inngest_testkit.contracts.flow_pace import PaceChecks

if TYPE_CHECKING:
    from inngest_testkit.flow.base import FlowStore

__all__ = ["FlowStoreContract"]


class FlowStoreContract(EntryChecks, PaceChecks):
    """What every `FlowStore` must do; `make_store` gives an empty one."""

    __test__ = False

    # -- places

    @check
    async def test_a_key_has_so_many_places(self, store: FlowStore) -> None:
        """As many as the limit are let through, and the others wait; they are told how many come first."""
        slot = self.slots(2)
        await self.expect_through(store, self.ticket("a", slot), self.ticket("b", slot))
        for ahead, name in enumerate(("c", "d")):
            hold = await self.expect_held(store, self.ticket(name, slot))
            found = (hold.rule, hold.key, hold.value, hold.until, hold.ahead, hold.new)
            expected = ("concurrency", "key", "value of key", None, ahead, True)
            assert found == expected, f"{name!r} waits for a place: expected {expected}, found {found}"
        await self.expect_through(store, self.ticket("e", self.slots(1, "another key")))

    @check
    async def test_many_ask_at_once(self, store: FlowStore) -> None:
        """Of 100 that ask at once exactly as many as the limit are let through; the others wait, once each."""
        now, slot = await self.at(0), self.slots(3)
        results = await gather(store.admit(self.ticket(f"item {i}", slot), now) for i in range(MANY))
        through = sum(result is None for result in results)
        assert through == 3, f"three have places, found {through}"
        waiting = sorted(line.ticket.item_id for line in store.waiting())
        expected = sorted(f"item {i}" for i, result in enumerate(results) if result is not None)
        assert waiting == expected, f"each of the others waits once, found {len(waiting)}: {waiting}"

    @check
    async def test_who_has_places_keeps_them(self, store: FlowStore) -> None:
        """A holder that asks again is let through again, has no second place, and gives one back."""
        one, other = self.ticket("a", self.slots(2)), self.ticket("b", self.slots(2))
        await self.expect_through(store, one, one, other, one)
        await store.release(one.run_id, one.holder)
        await self.expect_through(store, self.ticket("c", self.slots(2)), other)
        await self.expect_held(store, self.ticket("d", self.slots(2)))

    @check
    async def test_places_are_given_back(self, store: FlowStore) -> None:
        """What a holder gives back is free for one other, however often it is given back."""
        slot = self.slots(1)
        one = self.ticket("a", slot)
        await self.expect_through(store, one)
        for run_id, holder in (("unknown", one.holder), (one.run_id, "unknown")):
            await store.release(run_id, holder)
        await self.expect_held(store, self.ticket("b", slot))
        for _ in range(2):
            await store.release(one.run_id, one.holder)
        await self.expect_through(store, self.ticket("b", slot))
        await store.release(one.run_id, one.holder)
        await self.expect_held(store, self.ticket("c", slot))

    @check
    async def test_who_is_done_needs_no_place(self, store: FlowStore) -> None:
        """A holder that has given its places back is let through once more, without any, until its run is over."""
        slot, paced = self.slots(1), self.paced(1, 10)
        done = self.ticket("done", slot, paced=paced)
        await self.expect_through(store, done)
        await store.release(done.run_id, done.holder)
        other = self.ticket("other", slot)
        await self.expect_through(store, other, done)
        await store.release(done.run_id, done.holder)
        await self.expect_held(store, self.ticket("another", slot))
        await store.release(other.run_id, other.holder)
        await store.end("run of another")
        await self.expect_through(store, done, self.ticket("last", slot))
        await store.end(done.run_id)
        await self.expect_held(store, done, at=10)

    @check
    async def test_all_places_or_none(self, store: FlowStore) -> None:
        """Who needs places of two keys, and finds one of them full, has none; both are given back together."""
        a, b = self.slots(1, "a"), self.slots(1, "b")
        first, both = self.ticket("first", b), self.ticket("both", a, b)
        await self.expect_through(store, first)
        hold = await self.expect_held(store, both)
        assert hold.key == "b", f"it waits for the key that is full, found {hold}"
        other = self.ticket("other", a)
        await self.expect_through(store, other)
        for ticket in (first, other):
            await store.release(ticket.run_id, ticket.holder)
        await self.expect_through(store, both)
        for name, slot in (("c", a), ("d", b)):
            await self.expect_held(store, self.ticket(name, slot))
        await store.release(both.run_id, both.holder)
        await self.expect_through(store, self.ticket("c", a), self.ticket("d", b))

    @check
    async def test_two_limits_of_one_key_count_together(self, store: FlowStore) -> None:
        """A ticket with two limits for one key has one place there, within both, and gives it back."""
        slots = (self.slots(1), self.slots(2))
        for name in ("a", "b"):
            one = self.ticket(name, *slots)
            await self.expect_through(store, one)
            await store.release(one.run_id, one.holder)
        await self.expect_through(store, self.ticket("c", *slots))
        await self.expect_held(store, self.ticket("d", *slots))

    # -- runs

    @check
    async def test_a_run_keeps_its_place(self, store: FlowStore) -> None:
        """A place of a run is one for all its holders, and stays when they are done, until the run is over."""
        slot, own = self.slots(1, "runs", run=True), self.slots(2, "steps")
        one, two = (self.ticket(name, slot, own, run="run") for name in ("a", "b"))
        await self.expect_through(store, one, two)
        for ticket in (one, two):
            await store.release("run", ticket.holder)
        await self.expect_through(store, self.ticket("c", own), self.ticket("d", own))
        hold = await self.expect_held(store, self.ticket("e", slot))
        assert hold.key == "runs", f"the run still has its place, found {hold}"
        await store.end("run")
        await self.expect_through(store, self.ticket("e", slot))

    @check
    async def test_the_end_of_a_run_gives_all_back(self, store: FlowStore) -> None:
        """When a run is over its places are free, once, and what waits of it is in no line; others stay."""
        slot = self.slots(2)
        theirs = [self.ticket(name, slot, run="run") for name in ("a", "b", "c")]
        await self.expect_through(store, *theirs[:2])
        await self.expect_held(store, theirs[2])
        await self.expect_held(store, self.ticket("d", slot))
        for _ in range(2):
            await store.end("run")
        self.expect_waiting(store, ["d"], "after the end of a run")
        await self.expect_through(store, self.ticket("d", slot), self.ticket("e", slot))
        await store.end("run")
        await store.end("unknown")
        await self.expect_held(store, self.ticket("f", slot))

    @check
    async def test_nothing_is_left_behind(self, store: FlowStore) -> None:
        """When all runs are over nobody waits, nobody is woken, and every place is free."""
        slots, paced = (self.slots(1, "runs", run=True), self.slots(1)), self.paced(1, 10, key="pace")
        tickets = [self.ticket(f"item {i}", *slots, paced=paced) for i in range(5)]
        for ticket in tickets:
            await store.admit(ticket, await self.at(0))
        for ticket in tickets:
            await store.end(ticket.run_id)
        self.expect_waiting(store, [], "when all is over")
        assert await self.woken(store, 20) == {}, "nobody is left to wake"
        await self.expect_through(store, self.ticket("new", *slots, paced=paced), at=20)

    # -- lines

    @check
    async def test_a_line_is_ordered_by_score_then_arrival(self, store: FlowStore) -> None:
        """Whenever a place is free the one with the lowest score is woken; of equal ones the one who came first."""
        slot, scores = self.slots(1), {"c": 5, "a": 1.5, "d": 5, "e": 7, "b": 1.5}
        before = self.ticket("before", slot)
        await self.expect_through(store, before)
        waiting = {name: self.ticket(name, slot, score=score) for name, score in scores.items()}
        for ticket in waiting.values():
            await self.expect_held(store, ticket)
        self.expect_waiting(store, scores, "in order of arrival")
        for name in "abcde":
            await store.release(before.run_id, before.holder)
            found = await self.woken(store)
            assert found == {"key": (name, timedelta())}, f"{name!r} is next, found {found}"
            before = waiting[name]
            await self.expect_through(store, before)

    @check
    async def test_a_newcomer_does_not_overtake(self, store: FlowStore) -> None:
        """A free place is for the first in line: others wait, unless their score is lower."""
        slot = self.slots(1)
        before, waits = self.ticket("before", slot), self.ticket("waits", slot, score=5)
        await self.expect_through(store, before)
        await self.expect_held(store, waits)
        later = self.ticket("later", slot, score=9)
        await self.expect_held(store, later)
        await store.release(before.run_id, before.holder)
        for ticket in (self.ticket("equal", slot, score=5), self.ticket("higher", slot, score=6), later):
            await self.expect_held(store, ticket)
        await self.expect_through(store, self.ticket("lower", slot, score=4))
        await store.end("run of lower")
        await self.expect_through(store, waits)

    @check
    async def test_who_waits_has_one_place_in_line(self, store: FlowStore) -> None:
        """Asking again neither moves nor doubles who waits, and is known as such."""
        slot = self.slots(1)
        before, waits, other = (self.ticket(name, slot) for name in ("before", "waits", "other"))
        await self.expect_through(store, before)
        first = await self.expect_held(store, waits)
        await self.expect_held(store, other, at=1)
        again = await self.expect_held(store, waits, at=2)
        assert again == replace(first, new=False), f"who waits already is told the same, not anew: found {again}"
        found = [(line.ticket, line.since - self.start, line.hold.key) for line in store.waiting()]
        expected = [(waits, timedelta(), "key"), (other, SECOND, "key")]
        assert found == expected, f"expected {expected} to wait, found {found}"
        await store.release(before.run_id, before.holder)
        await self.expect_through(store, waits, at=3)
        self.expect_waiting(store, ["other"], "once it was let through")

    @check
    async def test_who_waits_moves_on_to_the_next_line(self, store: FlowStore) -> None:
        """Who has found room at one key waits for the next that is full, anew, and leaves the first to others."""
        a, b = self.slots(1, "a"), self.slots(1, "b")
        at_a, at_b = self.ticket("at a", a), self.ticket("at b", b)
        both, other = self.ticket("both", a, b), self.ticket("other", a, score=1)
        await self.expect_through(store, at_a, at_b)
        await self.expect_held(store, both)
        await self.expect_held(store, other)
        await store.release(at_a.run_id, at_a.holder)
        await self.calm(store)
        hold = await self.expect_held(store, both, at=1)
        assert (hold.key, hold.new) == ("b", True), f"it waits for the other key now, anew, found {hold}"
        found = await self.woken(store, 1)
        assert found.get("a") == ("other", SECOND), f"the place that it leaves is for the next, found {found}"
        await self.expect_through(store, other, at=1)
        await store.release(at_b.run_id, at_b.holder)
        hold = await self.expect_held(store, both, at=2)
        assert (hold.key, hold.new) == ("a", True), f"the first key is full again, found {hold}"

    @check
    async def test_who_leaves_is_in_no_line(self, store: FlowStore) -> None:
        """An item that leaves is followed by the next; leaving again, or from no line, changes nothing."""
        slot = self.slots(1)
        before = self.ticket("before", slot)
        await self.expect_through(store, before)
        for name in ("a", "b"):
            await self.expect_held(store, self.ticket(name, slot))
        await store.release(before.run_id, before.holder)
        await self.calm(store)
        for item_id in ("a", "a", "unknown"):
            await store.leave(item_id)
        self.expect_waiting(store, ["b"], "when the first has left")
        found = await self.woken(store)
        assert found == {"key": ("b", timedelta())}, f"the next is woken, found {found}"
        hold = await self.expect_held(store, self.ticket("a", slot))
        assert hold.new, "who comes back waits anew"
        self.expect_waiting(store, ["b", "a"], "when the first is back")

    # -- wakes

    @check
    async def test_only_who_has_room_is_woken(self, store: FlowStore) -> None:
        """Nobody is woken while a key is full; the first in line is when a place is free, of that key alone."""
        a, b = self.slots(1, "a"), self.slots(1, "b")
        holders = [self.ticket("in a", a), self.ticket("in b", b)]
        await self.expect_through(store, *holders)
        for name, slot in (("a1", a), ("a2", a), ("b1", b)):
            await self.expect_held(store, self.ticket(name, slot))
        assert await self.woken(store) == {}, "nobody is woken while a key is full"
        await store.release(holders[0].run_id, holders[0].holder)
        found = await self.woken(store, 1)
        assert found == {"a": ("a1", SECOND)}, f"the first in line of the free place is woken, found {found}"

    @check
    async def test_wakes_are_told_until_they_are_done(self, store: FlowStore) -> None:
        """A wake is told again and again until it is done, also when that is said twice; then not before more room."""
        slot = self.slots(2)
        holders = [self.ticket("a", slot), self.ticket("b", slot)]
        await self.expect_through(store, *holders)
        for name in ("c", "d"):
            await self.expect_held(store, self.ticket(name, slot))
        await store.release(holders[0].run_id, holders[0].holder)
        for _ in range(2):
            assert "key" in await self.woken(store), "a wake is told until it is done"
        for key in ("key", "key", "unknown"):
            await store.woken(key)
        assert await self.woken(store) == {}, "a wake that is done is not told again"
        await store.release(holders[1].run_id, holders[1].holder)
        found = await self.woken(store)
        assert found == {"key": ("c", timedelta())}, f"more room wakes the first again, found {found}"

    @check
    async def test_the_next_is_woken_when_the_first_is_through(self, store: FlowStore) -> None:
        """When two places become free, and the first in line has one, the next is woken for the other."""
        slot = self.slots(2)
        holders = [self.ticket("a", slot), self.ticket("b", slot)]
        await self.expect_through(store, *holders)
        for name in ("c", "d", "e"):
            await self.expect_held(store, self.ticket(name, slot))
        for holder in holders:
            await store.release(holder.run_id, holder.holder)
        for name in ("c", "d"):
            found = await self.woken(store)
            assert found == {"key": (name, timedelta())}, f"{name!r} is next, found {found}"
            await self.calm(store)
            await self.expect_through(store, self.ticket(name, slot))
        assert await self.woken(store) == {}, "there is no room for more"
