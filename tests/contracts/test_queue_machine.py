"""Any sequence of operations on the queue in memory agrees with a list that is searched each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from inngest_testkit.queue.base import LEASE, ItemKind, QueueItem
from inngest_testkit.queue.memory import MemoryQueue

START = datetime(2024, 1, 1, tzinfo=UTC)
IDS = st.sampled_from("abcdef")
RUNS = {"a": "one", "b": "one", "c": "one", "d": "two", "e": "two", "f": ""}
SECONDS = st.integers(0, 60).map(lambda seconds: timedelta(seconds=seconds))


def run(coroutine):
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the queue in memory must not wait")


@dataclass
class Entry:
    id: str
    at: datetime
    priority: int
    sequence: int
    deliveries: int = 0
    until: datetime | None = None
    lease: int = 0
    parked: bool = False

    @property
    def order(self):
        return (self.at, self.priority, self.sequence)


class Model:
    """What a queue is: entries, each of which waits or is leased until a moment."""

    def __init__(self):
        self.entries = {}
        self.sequence = 0

    def next_sequence(self):
        self.sequence += 1
        return self.sequence

    def return_lost(self, now):
        for entry in self.entries.values():
            if entry.until is not None and entry.until <= now:
                entry.until = None

    def due(self, now):
        waiting = [e for e in self.entries.values() if e.until is None and not e.parked and e.at <= now]
        return sorted(waiting, key=lambda entry: entry.order)

    def held(self, lease, number):
        """The entry that the lease of this number is for, unless it was lost."""
        entry = self.entries.get(lease.item.id)
        return entry if entry is not None and entry.until is not None and entry.lease == number else None


class QueueMachine(RuleBasedStateMachine):
    leases = Bundle("leases")

    def __init__(self):
        super().__init__()
        self.queue, self.model, self.now = MemoryQueue(), Model(), START

    @rule(item_id=IDS, delay=SECONDS, priority=st.integers(-1, 1))
    def enqueue(self, item_id, delay, priority):
        item = QueueItem(item_id, ItemKind.EDGE, RUNS[item_id])
        expected = item_id not in self.model.entries
        if expected:
            self.model.entries[item_id] = Entry(item_id, self.now + delay, priority, self.model.next_sequence())
        assert run(self.queue.enqueue(item, self.now + delay, priority=priority)) is expected

    @rule(delay=SECONDS)
    def pass_time(self, delay):
        self.now += delay

    @rule(target=leases, limit=st.integers(0, 3), only=st.none() | IDS)
    def lease(self, limit, only):
        self.model.return_lost(self.now)
        due = self.model.due(self.now)
        expected = due[:limit] if only is None else [entry for entry in due if entry.id == only]
        for entry in expected:
            entry.deliveries, entry.until = entry.deliveries + 1, self.now + LEASE
            entry.lease = self.model.next_sequence()
        found = list(run(self.queue.lease(self.now, limit, only=only)))
        shown = [(lease.item.id, lease.at, lease.until, lease.deliveries) for lease in found]
        assert shown == [(e.id, e.at, e.until, e.deliveries) for e in expected]
        return [(lease, entry.lease) for lease, entry in zip(found, expected, strict=True)]

    def chosen(self, leases, last):
        """One lease of a batch, held or lost, with its number."""
        return leases[-1:] if last else leases[:1]

    @rule(leases=leases, last=st.booleans())
    def complete(self, leases, last):
        for lease, number in self.chosen(leases, last):
            entry = self.model.held(lease, number)
            if entry is not None:
                del self.model.entries[entry.id]
            run(self.queue.complete(lease))

    @rule(leases=leases, last=st.booleans(), delay=SECONDS)
    def requeue(self, leases, last, delay):
        for lease, number in self.chosen(leases, last):
            entry = self.model.held(lease, number)
            if entry is not None:
                entry.at, entry.until, entry.deliveries = self.now + delay, None, 0
                entry.sequence = self.model.next_sequence()
            run(self.queue.requeue(lease, self.now + delay))

    @rule(leases=leases, last=st.booleans())
    def park(self, leases, last):
        for lease, number in self.chosen(leases, last):
            entry = self.model.held(lease, number)
            if entry is not None:
                entry.until, entry.deliveries, entry.parked = None, 0, True
            run(self.queue.requeue(lease, None))

    @rule(item_id=IDS, delay=SECONDS)
    def reschedule(self, item_id, delay):
        entry = self.model.entries.get(item_id)
        expected = entry is not None and entry.until is None
        if expected:
            entry.at, entry.parked, entry.sequence = self.now + delay, False, self.model.next_sequence()
        assert run(self.queue.reschedule(item_id, self.now + delay)) is expected

    @rule(leases=leases, last=st.booleans(), delay=SECONDS)
    def extend(self, leases, last, delay):
        for lease, number in self.chosen(leases, last):
            entry = self.model.held(lease, number)
            if entry is not None:
                entry.until = self.now + delay
            assert run(self.queue.extend(lease, self.now + delay)).until == self.now + delay

    @rule(item_id=IDS)
    def discard_item(self, item_id):
        entry = self.model.entries.get(item_id)
        expected = entry is not None and entry.until is None
        if expected:
            del self.model.entries[item_id]
        assert run(self.queue.discard(item_id=item_id)) == expected

    @rule(run_id=st.sampled_from(["one", "two", "three"]))
    def discard_run(self, run_id):
        gone = [e.id for e in self.model.entries.values() if e.until is None and RUNS[e.id] == run_id]
        for item_id in gone:
            del self.model.entries[item_id]
        assert run(self.queue.discard(run_id=run_id)) == len(gone)

    @rule()
    def peek(self):
        self.model.return_lost(self.now)
        found = [(pending.item.id, pending.at) for pending in run(self.queue.peek(self.now))]
        assert found == [(entry.id, entry.at) for entry in self.model.due(self.now)]

    @invariant()
    def next_due_agrees(self):
        moments = [entry.until or entry.at for entry in self.model.entries.values() if not entry.parked]
        assert run(self.queue.next_due()) == min(moments, default=None)

    @invariant()
    def snapshot_agrees(self):
        expected = sorted(self.model.entries.values(), key=lambda entry: entry.order)
        found = [(pending.item.id, pending.parked) for pending in self.queue.snapshot()]
        assert found == [(entry.id, entry.parked) for entry in expected]


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
