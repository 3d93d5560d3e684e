"""What a flow store keeps under keys, and what the checks of the gate are made with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from inngest_testkit.contracts.base import Contract, check, gather
from inngest_testkit.flow.base import Entry, FlowStore, Hold, PacedKey, Slot, Ticket
from inngest_testkit.flow.gcra import Arrivals, Pace
from inngest_testkit.flow.rate_limit import Taken

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MANY", "SECOND", "EntryChecks", "FlowSamples"]

MANY = 100
SECOND = timedelta(seconds=1)
_MOMENT = timedelta(milliseconds=1)
_VALUE = Taken(Arrivals(5, 3), "é/1")


class FlowSamples(Contract[FlowStore]):
    """Tickets to ask with, and short ways to ask."""

    __test__ = False

    def ticket(
        self,
        name: str,
        *slots: Slot,
        run: str = "",
        score: float = 0,
        paced: PacedKey | None = None,
    ) -> Ticket:
        """Return a ticket of the item and holder `name`, for a run of its own unless given."""
        run_id = run or f"run of {name}"
        return Ticket(f"holder of {name}", run_id, name, score, slots, paced, function_id="f", step="é")

    def slots(self, limit: int, key: str = "key", *, run: bool = False) -> Slot:
        """Return places of a key."""
        return Slot(key, limit, run, value=f"value of {key}")

    def paced(self, limit: int, seconds: float, at_once: int = 1, key: str = "pace") -> PacedKey:
        """Return a key with a pace."""
        return PacedKey(key, Pace(limit, timedelta(seconds=seconds), at_once), f"value of {key}")

    async def expect_through(self, store: FlowStore, *tickets: Ticket, at: timedelta | float = 0) -> None:
        """Check that tickets are let through, one after another."""
        for ticket in tickets:
            hold = await store.admit(ticket, await self.at(at))
            assert hold is None, f"{at} after the start {ticket.item_id!r} must be let through, found {hold}"

    async def expect_held(self, store: FlowStore, ticket: Ticket, at: timedelta | float = 0) -> Hold:
        """Check that a ticket has to wait; returns why."""
        hold = await store.admit(ticket, await self.at(at))
        assert hold is not None, f"{at} after the start {ticket.item_id!r} must wait, it was let through"
        return hold

    async def woken(self, store: FlowStore, at: timedelta | float = 0) -> dict[str, tuple[str, timedelta]]:
        """Return who may ask again, by key: the item, and when, counted from the start."""
        wakes = await store.wakes(await self.at(at))
        found = {wake.key: (wake.item_id, wake.at - self.start) for wake in wakes}
        assert len(found) == len(wakes), f"a key has one that is first in line, found {wakes}"
        return found

    async def calm(self, store: FlowStore, at: timedelta | float = 0) -> None:
        """Say of every key that its first will ask again."""
        for key in await self.woken(store, at):
            await store.woken(key)

    def expect_waiting(self, store: FlowStore, expected: Iterable[str], when: str) -> None:
        """Check what waits, in order of arrival."""
        found = [line.ticket.item_id for line in store.waiting()]
        assert found == list(expected), f"{when} {list(expected)} must wait, found {found}"


class EntryChecks(FlowSamples):
    """The part of the contract that is about entries."""

    __test__ = False

    async def load(self, store: FlowStore, key: str = "key", at: timedelta | float = 0) -> Entry:
        """Load an entry."""
        return await store.load(key, await self.at(at))

    async def keep(self, store: FlowStore, value: object, key: str = "key", until: float | None = None) -> Entry:
        """Save a value over whatever there is; returns the entry."""
        before = await self.load(store, key)
        end = None if until is None else self.start + timedelta(seconds=until)
        assert await store.save(key, value, before.version, end) is True, "save over what was loaded must return True"
        return await self.load(store, key)

    async def expect_nothing(self, store: FlowStore, when: str, key: str = "key", at: timedelta | float = 0) -> None:
        """Check that nothing is kept under a key."""
        entry = await self.load(store, key, at)
        assert entry == Entry(None, 0), f"{when} nothing is kept, and its version is 0, found {entry}"

    @check
    async def test_a_key_has_nothing_at_first(self, store: FlowStore) -> None:
        """A key that was never written has None, of version 0."""
        await self.expect_nothing(store, "at first")
        assert list(store.entries("")) == [], "a new store has no entries"

    @check
    async def test_values_are_kept(self, store: FlowStore) -> None:
        """A value comes back as it was saved; other keys, also such as begin alike, have their own."""
        values = {"key": _VALUE, "key/a": "a", "key/": (1, None), "é": _VALUE.arrivals, "key a": "b"}
        for key, value in values.items():
            await self.keep(store, value, key)
        found = {key: (await self.load(store, key)).value for key in values}
        assert found == values, f"each key has its own value, found {found}"
        await self.expect_nothing(store, "under another key", "KEY")

    @check
    async def test_every_value_has_a_version_of_its_own(self, store: FlowStore) -> None:
        """Each save gives the key a version that it never had, also after its removal."""
        versions = [(await self.keep(store, value)).version for value in ("a", "a", "b")]
        await self.keep(store, None)
        versions.append((await self.keep(store, "a")).version)
        assert len(set(versions)) == len(versions), f"versions must differ, found {versions}"
        assert 0 not in versions, "version 0 is that of nothing"

    @check
    async def test_a_late_save_changes_nothing(self, store: FlowStore) -> None:
        """Whoever has read another version, or nothing, writes and removes nothing."""
        old = await self.keep(store, "old")
        new = await self.keep(store, "new")
        for value, version in (("late", old.version), ("late", 0), (None, old.version), (None, 0)):
            found = await store.save("key", value, version)
            assert found is False, f"save of {value!r} over another version must return False"
            assert await self.load(store) == new, "a late save must change nothing"

    @check
    async def test_nothing_is_written_over_what_was_removed(self, store: FlowStore) -> None:
        """An entry that was removed meanwhile is not brought back by whoever had read it, also under a new value."""
        old = await self.keep(store, "old")
        await self.keep(store, None)
        assert await store.save("key", "late", old.version) is False, "the version that was read is gone"
        await self.expect_nothing(store, "after a late save")
        new = await self.keep(store, "new")
        assert await store.save("key", "late", old.version) is False, "the version that was read is gone"
        assert await self.load(store) == new, "a late save must change nothing"

    @check
    async def test_one_of_many_writers_wins(self, store: FlowStore) -> None:
        """Of 100 that write over one version at once exactly one does; so do 100 that write over nothing."""
        for _ in range(2):
            before = await self.load(store)
            results = await gather(store.save("key", f"value {i}", before.version) for i in range(MANY))
            wins = [index for index, result in enumerate(results) if result is True]
            assert len(wins) == 1, f"exactly one writer wins, found {len(wins)} of {MANY}"
            found = (await self.load(store)).value
            assert found == f"value {wins[0]}", f"the value is that of the winner, {wins[0]}, found {found}"

    @check
    async def test_removed_entries_are_gone(self, store: FlowStore) -> None:
        """None removes an entry, and those alone; removing nothing does no harm."""
        await self.keep(store, "a")
        await self.keep(store, "b", "key/b")
        await self.keep(store, None)
        await self.expect_nothing(store, "after its removal")
        assert await store.save("key", None, 0) is True, "nothing can be removed once more"
        assert (await self.load(store, "key/b")).value == "b", "another key keeps its value"
        assert [key for key, _ in store.entries("")] == ["key/b"], "what was removed is not listed"

    @check
    async def test_entries_mean_nothing_when_their_time_is_over(self, store: FlowStore) -> None:
        """An entry counts before `until`, and is gone from then on; its key can be written anew."""
        await self.keep(store, "a", until=10)
        assert (await self.load(store, at=10 * SECOND - _MOMENT)).value == "a", "an entry counts until its time is over"
        await self.expect_nothing(store, "when its time is over", at=10)
        assert await store.save("key", "b", 0) is True, "a key whose entry's time is over can be written anew"
        assert (await self.load(store, at=10)).value == "b", "a new entry counts"

    @check
    async def test_the_last_save_says_until_when(self, store: FlowStore) -> None:
        """A later save replaces the time of the one before: by a longer one, a shorter one, or none."""
        for key, until in (("longer", 20), ("shorter", 5), ("none", None)):
            await self.keep(store, "a", key, until=10)
            await self.keep(store, "b", key, until=until)
        await self.expect_nothing(store, "when the shorter time is over", "shorter", at=5)
        for key in ("longer", "none"):
            assert (await self.load(store, key, at=15)).value == "b", f"{key}: the time of the last save counts"
        await self.expect_nothing(store, "when the longer time is over", "longer", at=20)
        assert (await self.load(store, "none", at=20)).value == "b", "without a time, an entry stays"

    @check
    async def test_entries_are_listed_by_their_beginning(self, store: FlowStore) -> None:
        """The entries of a rule can be looked at, without those of others."""
        for key in ("debounce/f/a", "debounce/f/b", "batch/f/a", "debounce"):
            await self.keep(store, f"value of {key}", key)
        found = sorted(store.entries("debounce/"))
        expected = [(f"debounce/f/{name}", f"value of debounce/f/{name}") for name in "ab"]
        assert found == expected, f"expected {expected}, found {found}"
