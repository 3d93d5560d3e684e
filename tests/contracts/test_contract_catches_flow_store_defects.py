"""The contract of a flow store can fail: it catches each of the broken stores below, and no check is idle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from inngest_testkit.contracts import FlowStoreContract
from inngest_testkit.flow.base import Entry, Slot
from inngest_testkit.flow.gcra import Arrivals
from inngest_testkit.flow.memory import MemoryFlowStore

# -- entries


class LoadCountsFromOne(MemoryFlowStore):
    async def load(self, key, now):
        entry = await super().load(key, now)
        return replace(entry, version=entry.version + 1)

    async def save(self, key, value, version, until=None):
        return await super().save(key, value, version - 1, until)


class LoadIgnoresCase(MemoryFlowStore):
    async def load(self, key, now):
        return await super().load(key.lower(), now)


class SaveMakesText(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        return await super().save(key, None if value is None else str(value), version, until)


class SaveIgnoresVersions(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        kept = self._entries.get(key)
        return await super().save(key, value, kept.entry.version if kept else 0, until)


class SaveCountsVersionsAnew(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        self._versions = version
        return await super().save(key, value, version, until)


class SaveRaces(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        kept = self._entries.get(key)
        if (kept.entry.version if kept else 0) != version:
            return False
        await anyio.lowlevel.checkpoint()
        kept = self._entries.get(key)
        return await super().save(key, value, kept.entry.version if kept else 0, until)


class SaveLetsAnybodyWriteOverWhatIsGone(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        return await super().save(key, value, version if key in self._entries else 0, until)


class SaveKeepsNone(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        done = await super().save(key, value, version, until)
        if done and value is None:
            self._versions += 1
            self._entries[key] = type("Kept", (), {"entry": Entry(None, self._versions), "until": None})()
        return done


class SaveRemovesPrefixes(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        done = await super().save(key, value, version, until)
        if done and value is None:
            self._entries = {name: kept for name, kept in self._entries.items() if not name.startswith(key)}
        return done


class SaveIgnoresUntil(MemoryFlowStore):
    async def save(self, key, value, version, until=None):
        return await super().save(key, value, version)


class SaveKeepsTheFirstUntil(MemoryFlowStore):
    def _expire(self, now):
        self._entries = {key: kept for key, kept in self._entries.items() if not self._is_over(key, now)}

    def _is_over(self, key, now):
        return any(until <= now for until, name in self._expiries if name == key)


class EntriesLastTooLong(MemoryFlowStore):
    async def load(self, key, now):
        return await super().load(key, now - timedelta(milliseconds=1))


class EntriesAreListedWhereverTheyHaveIt(MemoryFlowStore):
    def entries(self, prefix):
        return [(key, kept.entry.value) for key, kept in self._entries.items() if prefix.strip("/") in key]


# -- the gate


class AdmitsEverybody(MemoryFlowStore):
    async def admit(self, ticket, now):
        return None


class AdmitsOneMore(MemoryFlowStore):
    async def admit(self, ticket, now):
        slots = tuple(replace(slot, limit=slot.limit + 1) for slot in ticket.slots)
        return await super().admit(replace(ticket, slots=slots), now)


class AdmitsOneAtATime(MemoryFlowStore):
    async def admit(self, ticket, now):
        slots = tuple(replace(slot, limit=1) for slot in ticket.slots)
        return await super().admit(replace(ticket, slots=slots), now)


class AdmitRaces(MemoryFlowStore):
    async def admit(self, ticket, now):
        full = [slot for slot in ticket.slots if len(self._gate(slot.key).holders) >= slot.limit]
        await anyio.lowlevel.checkpoint()
        if not full:
            self._occupy(ticket)
            return None
        return await super().admit(ticket, now)


class AdmitTellsNothing(MemoryFlowStore):
    async def admit(self, ticket, now):
        hold = await super().admit(ticket, now)
        return hold and replace(hold, value="", until=None)


class AdmitSaysAlwaysNew(MemoryFlowStore):
    async def admit(self, ticket, now):
        hold = await super().admit(ticket, now)
        return hold and replace(hold, new=True)


class AdmitSaysNewOnce(MemoryFlowStore):
    async def admit(self, ticket, now):
        waited = ticket.item_id in self._waiting
        hold = await super().admit(ticket, now)
        return hold and replace(hold, new=not waited)


class AdmitMovesToTheEnd(MemoryFlowStore):
    async def admit(self, ticket, now):
        self._leave(ticket.item_id)
        return await super().admit(ticket, now)


class AdmitForgetsHolders(MemoryFlowStore):
    async def admit(self, ticket, now):
        self._held.get(ticket.run_id, {}).pop(ticket.holder, None)
        return await super().admit(ticket, now)


class AdmitCountsAgain(MemoryFlowStore):
    async def admit(self, ticket, now):
        if ticket.paced is not None and ticket.holder in self._held.get(ticket.run_id, {}):
            gate = self._gate(ticket.paced.key)
            gate.arrivals = Arrivals.at(ticket.paced.pace, now, gate.arrivals).after_one(ticket.paced.pace)
        return await super().admit(ticket, now)


class AdmitTakesWhatItCan(MemoryFlowStore):
    async def admit(self, ticket, now):
        hold = await super().admit(ticket, now)
        if hold is not None:
            for slot in ticket.slots:
                if len(self._gate(slot.key).holders) < slot.limit:
                    self._gate(slot.key).holders[ticket.holder] = None
        return hold


class AdmitLetsOvertake(MemoryFlowStore):
    def _is_overtaken(self, gate, ticket, waits):
        return False


class AdmitNeverLetsOvertake(MemoryFlowStore):
    def _is_overtaken(self, gate, ticket, waits):
        return super()._is_overtaken(gate, replace(ticket, score=1e9), waits)


class AdmitLetsEqualsOvertake(MemoryFlowStore):
    def _is_overtaken(self, gate, ticket, waits):
        return super()._is_overtaken(gate, replace(ticket, score=ticket.score - 0.1), waits)


class LinesIgnoreScores(MemoryFlowStore):
    async def admit(self, ticket, now):
        return await super().admit(replace(ticket, score=0), now)


class LinesAreStacks(MemoryFlowStore):
    async def admit(self, ticket, now):
        self._sequence -= 2
        return await super().admit(ticket, now)


class RunsGiveTheirPlaceBack(MemoryFlowStore):
    async def release(self, run_id, holder):
        await super().release(run_id, holder)
        await super().release(run_id, run_id)


class RunsNeedAPlaceEach(MemoryFlowStore):
    async def admit(self, ticket, now):
        slots = tuple(Slot(slot.key, slot.limit, value=slot.value) for slot in ticket.slots)
        return await super().admit(replace(ticket, slots=slots), now)


class ReleaseForgetsTheSecondLimit(MemoryFlowStore):
    def _vacate(self, slots, holder):
        super()._vacate(slots[:1], holder)


class ReleaseTrips(MemoryFlowStore):
    def _vacate(self, slots, holder):
        for slot in slots:
            gate = self._gates[slot.key]
            gate.holders.pop(holder, None)
            self._stir(slot.key)
            self._tidy(slot.key, gate)


class ReleaseTakesAnybody(MemoryFlowStore):
    async def release(self, run_id, holder):
        for gate in self._gates.values():
            if holder not in gate.holders and gate.holders:
                gate.holders.popitem()
        await super().release(run_id, holder)


class ReleaseForgetsWhoWasThere(MemoryFlowStore):
    async def release(self, run_id, holder):
        await super().release(run_id, holder)
        self._held.get(run_id, {}).pop(holder, None)


class ReleaseIsRememberedForEver(MemoryFlowStore):
    async def end(self, run_id):
        holders = [holder for holder in self._held.get(run_id, ()) if holder != run_id]
        await super().end(run_id)
        self._held[run_id] = dict.fromkeys(holders, ())


class ReleaseKeeps(MemoryFlowStore):
    async def release(self, run_id, holder):
        return


class EndKeepsPlaces(MemoryFlowStore):
    async def end(self, run_id):
        for item_id in list(self._of_run.get(run_id, ())):
            self._leave(item_id)


class EndKeepsLines(MemoryFlowStore):
    async def end(self, run_id):
        for holder in list(self._held.get(run_id, ())):
            await self.release(run_id, holder)


class EndForgetsPaces(MemoryFlowStore):
    async def end(self, run_id):
        for gate in self._gates.values():
            gate.arrivals = None
        await super().end(run_id)


class EndWakesNobody(MemoryFlowStore):
    async def end(self, run_id):
        await super().end(run_id)
        self._stirred.clear()


class LeaveEmptiesTheLine(MemoryFlowStore):
    async def leave(self, item_id):
        for other in list(self._waiting):
            self._leave(other)


class LeaveWakesNobody(MemoryFlowStore):
    async def leave(self, item_id):
        await super().leave(item_id)
        self._stirred.clear()


class LeaveTripsOverWhoIsGone(MemoryFlowStore):
    async def leave(self, item_id):
        del self._waiting[item_id]


class WakesAll(MemoryFlowStore):
    def _room_at(self, gate, first, now):
        return super()._room_at(gate, first, now) or now


class WakesAreToldOnce(MemoryFlowStore):
    async def wakes(self, now):
        found = await super().wakes(now)
        self._stirred.clear()
        return found


class WakesAreToldForEver(MemoryFlowStore):
    async def woken(self, key):
        return


class WakesOnlyOnRelease(MemoryFlowStore):
    def _occupy(self, ticket):
        stirred = dict(self._stirred)
        super()._occupy(ticket)
        self._stirred = stirred


class WakesNobodyWhenOneMovesOn(MemoryFlowStore):
    async def admit(self, ticket, now):
        stirred = dict(self._stirred)
        hold = await super().admit(ticket, now)
        if hold is not None:
            self._stirred = stirred
        return hold


class WakesAtOnce(MemoryFlowStore):
    async def wakes(self, now):
        return [replace(wake, at=now) for wake in await super().wakes(now)]


class WakesTripOverWhoIsDone(MemoryFlowStore):
    async def woken(self, key):
        del self._stirred[key]


class WaitingIsByScore(MemoryFlowStore):
    def waiting(self):
        return sorted(super().waiting(), key=lambda line: line.ticket.score)


# -- paces


class PacesAreSlow(MemoryFlowStore):
    async def admit(self, ticket, now):
        paced = ticket.paced and replace(ticket.paced, pace=replace(ticket.paced.pace, at_once=1))
        return await super().admit(replace(ticket, paced=paced), now)


class PacesAreOfAll(MemoryFlowStore):
    async def admit(self, ticket, now):
        paced = ticket.paced and replace(ticket.paced, key="all")
        return await super().admit(replace(ticket, paced=paced), now)


class PacesAddUp(MemoryFlowStore):
    """Saves up while a key is idle."""

    async def admit(self, ticket, now):
        if ticket.paced is not None:
            pace = replace(ticket.paced.pace, at_once=ticket.paced.pace.at_once + (now.minute > 0))
            ticket = replace(ticket, paced=replace(ticket.paced, pace=pace))
        return await super().admit(ticket, now)


class PacesRoundUp(MemoryFlowStore):
    async def admit(self, ticket, now):
        if ticket.paced is not None:
            each = timedelta(
                microseconds=-(-ticket.paced.pace.period // timedelta(microseconds=ticket.paced.pace.limit))
            )
            pace = replace(ticket.paced.pace, limit=1, period=each)
            ticket = replace(ticket, paced=replace(ticket.paced, pace=pace))
        return await super().admit(ticket, now)


class PacesCountWhoIsHeld(MemoryFlowStore):
    async def admit(self, ticket, now):
        hold = await super().admit(ticket, now)
        if hold is not None and hold.rule == "concurrency" and ticket.paced is not None:
            gate = self._gate(ticket.paced.key)
            gate.arrivals = Arrivals.at(ticket.paced.pace, now, gate.arrivals).after_one(ticket.paced.pace)
        return hold


@pytest.fixture(scope="module")
def caught(failing_checks):
    """For each broken store, the checks that it fails and a sound one does not."""
    broken = [store for store in MemoryFlowStore.__subclasses__() if store.__module__ == __name__]
    expected = failing_checks(FlowStoreContract, MemoryFlowStore)
    return {store.__name__: failing_checks(FlowStoreContract, store) - expected for store in broken}, expected


def test_each_broken_flow_store_is_caught(caught):
    """No broken store passes."""
    failed, _ = caught
    assert [name for name, checks in failed.items() if not checks] == []


def test_each_check_of_a_flow_store_catches_something(caught):
    """Each check fails for one of the broken stores."""
    failed, expected = caught
    assert sorted(set(FlowStoreContract.checks()) - expected - set().union(*failed.values())) == []


def test_a_sound_flow_store_is_not_caught(caught):
    """The checks find nothing wrong with the store in memory."""
    assert caught[1] == set()
