"""The flow store in this process's memory."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inngest_testkit.flow.base import Entry, Hold, Line, Slot, Wake
from inngest_testkit.flow.gcra import Arrivals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from inngest_testkit.flow.base import PacedKey, Ticket

__all__ = ["MemoryFlowStore"]

_NOTHING = Entry(None, 0)


@dataclass(slots=True)
class _Kept:
    entry: Entry
    until: datetime | None


@dataclass(slots=True)
class _Waiting:
    ticket: Ticket
    key: str
    sequence: int
    since: datetime
    hold: Hold

    @property
    def order(self) -> tuple[float, str, int]:
        return (self.ticket.score, self.ticket.tie, self.sequence)


@dataclass(slots=True)
class _Gate:
    """One key: who has its places, when its pace allows the next, and who waits, the first one on top."""

    holders: dict[str, None] = field(default_factory=dict)
    arrivals: Arrivals | None = None
    line: list[tuple[float, str, int, _Waiting]] = field(default_factory=list)
    length: int = 0


class MemoryFlowStore:
    """Keeps everything in dicts and one heap a key: no operation depends on how many keys or waiters there are."""

    never_suspends = True

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self._entries: dict[str, _Kept] = {}
        self._expiries: list[tuple[datetime, str]] = []
        self._versions = 0
        self._gates: dict[str, _Gate] = {}
        #: run -> holder -> the places it has, none when it gave them back
        self._held: dict[str, dict[str, tuple[Slot, ...]]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._of_run: dict[str, dict[str, None]] = {}
        self._sequence = 0
        #: Keys that have a pace, those used last at the end.
        self._paced: OrderedDict[str, None] = OrderedDict()
        #: Keys that may have room for the first in their line.
        self._stirred: dict[str, None] = {}

    async def reset(self) -> None:
        """Drop everything, as if it were new."""
        self._empty()

    # -- entries

    async def load(self, key: str, now: datetime) -> Entry:
        """See `FlowStore.load`."""
        self._expire(now)
        kept = self._entries.get(key)
        return _NOTHING if kept is None else kept.entry

    async def save(self, key: str, value: object, version: int, until: datetime | None = None) -> bool:
        """See `FlowStore.save`."""
        kept = self._entries.get(key)
        if (0 if kept is None else kept.entry.version) != version:
            return False
        if value is None:
            self._entries.pop(key, None)
            return True
        self._versions += 1
        self._entries[key] = _Kept(Entry(value, self._versions), until)
        if until is not None:
            heapq.heappush(self._expiries, (until, key))
        return True

    def _expire(self, now: datetime) -> None:
        """Drop the entries that mean nothing any more; each was pushed once for every time it was saved."""
        while self._expiries and self._expiries[0][0] <= now:
            _, key = heapq.heappop(self._expiries)
            kept = self._entries.get(key)
            if kept is not None and kept.until is not None and kept.until <= now:
                del self._entries[key]

    def entries(self, prefix: str) -> Sequence[tuple[str, object]]:
        """See `FlowStore.entries`."""
        return [(key, kept.entry.value) for key, kept in list(self._entries.items()) if key.startswith(prefix)]

    # -- the gate

    async def admit(self, ticket: Ticket, now: datetime) -> Hold | None:
        """See `FlowStore.admit`."""
        held = self._held.get(ticket.run_id)
        if held is not None and ticket.holder in held:
            self._leave(ticket.item_id)
            return None
        waits = self._waiting.get(ticket.item_id)
        for slot in ticket.slots:
            gate = self._gates.get(slot.key)
            if gate is not None and not self._has_place(gate, slot, ticket, waits):
                return self._wait(ticket, waits, slot, None, now)
        paced = ticket.paced
        if paced is not None:
            gate = self._gates.get(paced.key)
            arrivals = Arrivals.at(paced.pace, now, None if gate is None else gate.arrivals)
            allowed = arrivals.allowed_at(paced.pace)
            if allowed > now or (gate is not None and self._is_overtaken(gate, ticket, waits)):
                until = arrivals.allowed_at(paced.pace, self._ahead(gate, paced.key, waits))
                return self._wait(ticket, waits, paced, max(now, until), now)
            self._gate(paced.key).arrivals = arrivals.after_one(paced.pace)
            self._note_pace(paced.key, now)
        self._occupy(ticket)
        return None

    def _note_pace(self, key: str, now: datetime) -> None:
        """Forget the paces of keys that have been idle since they were used."""
        self._paced[key] = None
        self._paced.move_to_end(key)
        oldest = next(iter(self._paced))
        gate = self._gates.get(oldest)
        if gate is None or gate.arrivals is None or gate.arrivals.idle_at < now:
            del self._paced[oldest]
            if gate is not None:
                gate.arrivals = None
                self._tidy(oldest, gate)

    def _gate(self, key: str) -> _Gate:
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = _Gate()
        return gate

    def _has_place(self, gate: _Gate, slot: Slot, ticket: Ticket, waits: _Waiting | None) -> bool:
        if (ticket.run_id if slot.run else ticket.holder) in gate.holders:
            return True
        return len(gate.holders) < slot.limit and not self._is_overtaken(gate, ticket, waits)

    def _is_overtaken(self, gate: _Gate, ticket: Ticket, waits: _Waiting | None) -> bool:
        """Whether somebody waits for the key who comes before the ticket."""
        first = self._first(gate)
        if first is None or first is waits:
            return False
        if waits is not None and first.key == waits.key:
            return first.order < waits.order
        return (first.ticket.score, first.ticket.tie) <= (ticket.score, ticket.tie)

    def _ahead(self, gate: _Gate | None, key: str, waits: _Waiting | None) -> int:
        """How many come before a ticket; of one that waits already and is not the first, how many did."""
        if gate is None:
            return 0
        if waits is None or waits.key != key:
            return gate.length
        return 0 if self._first(gate) is waits else waits.hold.ahead

    def _first(self, gate: _Gate) -> _Waiting | None:
        line = gate.line
        while line:
            waiting = line[0][3]
            if self._waiting.get(waiting.ticket.item_id) is waiting:
                return waiting
            heapq.heappop(line)
        return None

    def _wait(
        self, ticket: Ticket, waits: _Waiting | None, on: Slot | PacedKey, until: datetime | None, now: datetime
    ) -> Hold:
        key = on.key
        if waits is not None and waits.key == key:
            self._stirred[key] = None
            return replace(waits.hold, until=until, new=False)
        self._leave(ticket.item_id)
        gate = self._gate(key)
        rule = "concurrency" if isinstance(on, Slot) else "throttle"
        hold = Hold(rule, key, on.value, until, gate.length, new=True)
        self._sequence += 1
        waiting = _Waiting(ticket, key, self._sequence, now, hold)
        self._waiting[ticket.item_id] = waiting
        self._of_run.setdefault(ticket.run_id, {})[ticket.item_id] = None
        heapq.heappush(gate.line, (*waiting.order, waiting))
        gate.length += 1
        self._stirred[key] = None
        # Whoever cannot go on at one key leaves room at the others.
        for slot in ticket.slots:
            self._stir(slot.key)
        return hold

    def _occupy(self, ticket: Ticket) -> None:
        self._leave(ticket.item_id)
        held = self._held.setdefault(ticket.run_id, {})
        held[ticket.holder] = tuple([slot for slot in ticket.slots if not slot.run])
        for slot in ticket.slots:
            gate = self._gate(slot.key)
            gate.holders[ticket.run_id if slot.run else ticket.holder] = None
            if gate.length:
                self._stirred[slot.key] = None
            if slot.run and slot not in held.get(ticket.run_id, ()):
                held[ticket.run_id] = (*held.get(ticket.run_id, ()), slot)
        if ticket.paced is not None:
            self._stir(ticket.paced.key)

    def _stir(self, key: str) -> None:
        gate = self._gates.get(key)
        if gate is not None and gate.length:
            self._stirred[key] = None

    async def release(self, run_id: str, holder: str) -> None:
        """See `FlowStore.release`."""
        held = self._held.get(run_id)
        if held is not None and holder in held:
            self._vacate(held[holder], holder)
            # It may come once more, with nothing left to do.
            held[holder] = ()

    def _vacate(self, slots: tuple[Slot, ...], holder: str) -> None:
        for slot in slots:
            gate = self._gates.get(slot.key)
            if gate is not None and holder in gate.holders:
                del gate.holders[holder]
                self._stir(slot.key)
                self._tidy(slot.key, gate)

    def _tidy(self, key: str, gate: _Gate) -> None:
        if not gate.holders and not gate.length and gate.arrivals is None:
            del self._gates[key]

    async def end(self, run_id: str) -> None:
        """See `FlowStore.end`."""
        for holder, slots in self._held.pop(run_id, {}).items():
            self._vacate(slots, holder)
        for item_id in list(self._of_run.get(run_id, ())):
            self._leave(item_id)

    async def leave(self, item_id: str) -> None:
        """See `FlowStore.leave`."""
        self._leave(item_id)

    def _leave(self, item_id: str) -> None:
        if not self._waiting:
            return
        waiting = self._waiting.pop(item_id, None)
        if waiting is None:
            return
        of_run = self._of_run[waiting.ticket.run_id]
        del of_run[item_id]
        if not of_run:
            del self._of_run[waiting.ticket.run_id]
        gate = self._gates[waiting.key]
        gate.length -= 1
        self._stir(waiting.key)
        self._tidy(waiting.key, gate)

    async def wakes(self, now: datetime) -> Sequence[Wake]:
        """See `FlowStore.wakes`."""
        if not self._stirred:
            return ()
        found = []
        for key in list(self._stirred):
            gate = self._gates.get(key)
            first = None if gate is None else self._first(gate)
            at = None if gate is None or first is None else self._room_at(gate, first, now)
            if first is None or at is None:
                del self._stirred[key]
            else:
                found.append(Wake(key, first.ticket.item_id, at))
        return found

    def _room_at(self, gate: _Gate, first: _Waiting, now: datetime) -> datetime | None:
        ticket = first.ticket
        if ticket.paced is not None and ticket.paced.key == first.key:
            return max(now, Arrivals.at(ticket.paced.pace, now, gate.arrivals).allowed_at(ticket.paced.pace))
        slot = next(slot for slot in ticket.slots if slot.key == first.key)
        return now if len(gate.holders) < slot.limit else None

    async def woken(self, key: str) -> None:
        """See `FlowStore.woken`."""
        self._stirred.pop(key, None)

    def waiting(self) -> Sequence[Line]:
        """See `FlowStore.waiting`."""
        return [Line(each.ticket, each.since, each.hold) for each in list(self._waiting.values())]
