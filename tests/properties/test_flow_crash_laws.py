"""A crash before, or after, any operation of a store breaks no rule of flow control: nothing is lost or doubled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest_testkit import HistoryKind, RunStatus
from inngest_testkit.queue.base import LEASE

from .faults import CountingGate, Fault
from .governed import KEY, Governed, chain
from .profile import law
from .test_flow_place_laws import executing

HOUR = 3600
TAIL = timedelta(days=4)


@dataclass
class Scenario:
    """Functions with their configuration, how long their steps take, and events by minute."""

    functions: list
    script: list
    takes: dict = field(default_factory=dict)
    #: What may be executed at the same time, of each function.
    limit: int = 100


def one(config, script, *spans, **more):
    """A scenario of one function."""
    takes = {("f", f"s{i}"): span for i, span in enumerate(span for span in spans if not isinstance(span, str))}
    return Scenario([(chain("f", *spans), config)], script, takes, **more)


def at(*minutes, **data):
    """Events that start the function, at these minutes."""
    return [(minute, "start", {"key": "a", "p": 0, **data}) for minute in minutes]


SCENARIOS = {
    "throttle": one({"throttle": {"limit": 1, "period": "1h"}}, at(0, 0, 5), 0),
    "throttle by key, with a burst": one(
        {"throttle": {"limit": 1, "burst": 1, "period": "1h", "key": KEY}}, [*at(0, 0, 0), *at(5, key="b")], 0, "2h", 0
    ),
    "concurrency": one({"concurrency": {"limit": 1}}, at(0, 0, 5), HOUR, limit=1),
    "concurrency of steps at once": one({"concurrency": {"limit": 1}}, at(0, 0), 0, 0, limit=1),
    "concurrency, two places": one({"concurrency": {"limit": 2}}, at(0, 0, 0, 0), HOUR, limit=2),
    "two limits": one(
        {"concurrency": [{"limit": 2}, {"limit": 1, "key": KEY}]}, [*at(0, 0), *at(5, key="b")], HOUR, limit=2
    ),
    "two functions share a limit": Scenario(
        [(chain(name, HOUR), {"concurrency": {"limit": 1, "key": "'shared'", "scope": "account"}}) for name in "fg"],
        at(0, 7),
        {("f", "s0"): HOUR, ("g", "s0"): HOUR},
        limit=1,
    ),
    "limit of runs": one({"concurrency": {"fn": [{"limit": 1}]}}, at(0, 0), 0, "1h", 0),
    "priority": one(
        {"concurrency": {"limit": 1}, "priority": {"run": "int(event.data.p)"}},
        [*at(0), *at(5), *at(10, p=600), *at(15, p=-600)],
        HOUR,
        limit=1,
    ),
    "throttle and concurrency": one(
        {"throttle": {"limit": 1, "period": "10m"}, "concurrency": {"limit": 1}}, at(0, 0, 0), HOUR, limit=1
    ),
    "rate limit": one(
        {"rateLimit": {"limit": 1, "period": "1h", "key": KEY}}, [*at(0, 30), *at(35, key="b"), *at(61)], 0
    ),
    "idempotency": one({"idempotency": KEY}, at(0, 60, 1439, 1445), 0),
    "debounce": one({"debounce": {"period": "1h", "timeout": "2h", "key": KEY}}, at(0, 30, 70, 125, 300), 0),
    "debounce and rate limit": one(
        {"debounce": {"period": "1h"}, "rateLimit": {"limit": 1, "period": "20m"}}, at(0, 10, 30), 0
    ),
    "debounce and singleton": one(
        {"debounce": {"period": "10m"}, "singleton": {"mode": "skip"}}, at(0, 5, 60, 180), 2 * HOUR
    ),
    "batch": one({"batchEvents": {"maxSize": 2, "timeout": "1h"}}, at(0, 5, 10, 200), 0),
    "batch with a condition": one(
        {"batchEvents": {"maxSize": 3, "timeout": "1h", "if": "event.data.p == 0", "key": KEY}},
        [*at(0), *at(5, p=1), *at(10, key="b"), *at(15)],
        0,
    ),
    # Within the lease of a worker that is lost when the first is due.
    "debounce, and an event right after it": one({"debounce": {"period": "1h"}}, at(0, 60.25), 0),
    "batch, and an event right after it": one({"batchEvents": {"maxSize": 3, "timeout": "1h"}}, at(0, 60.25), 0),
    "batch of limited runs": one(
        {"batchEvents": {"maxSize": 2, "timeout": "10m"}, "concurrency": {"limit": 1}}, at(0, 0, 5), HOUR, limit=1
    ),
    "singleton that skips": one({"singleton": {"mode": "skip"}}, at(0, 30, 180), 2 * HOUR),
    "singleton that cancels": one(
        {"singleton": {"mode": "cancel", "key": KEY}}, [*at(0, 30), *at(35, key="b")], 0, "2h", 0
    ),
    "singleton of limited runs": one(
        {"singleton": {"mode": "cancel"}, "concurrency": {"limit": 1}}, at(0, 30), 2 * HOUR, limit=1
    ),
    "cancelled in a sleep": one(
        {"cancel": [{"event": "stop", "if": "event.data.key == async.data.key", "timeout": "2h"}]},
        [*at(0), *at(5, key="b"), (30, "stop", {"key": "a"})],
        0,
        "1h",
        0,
    ),
    "cancelled in line": one(
        {"concurrency": {"limit": 1}, "cancel": [{"event": "stop", "if": "async.data.p == event.data.p"}]},
        [*at(0), *at(5, p=1), *at(10), (30, "stop", {"p": 1})],
        HOUR,
        limit=1,
    ),
    "cancelled with its place": one(
        {"concurrency": {"limit": 1}, "cancel": [{"event": "stop"}]}, [*at(0), (30, "stop", {}), *at(35)], HOUR, limit=1
    ),
    "no time to start": one({"concurrency": {"limit": 1}, "timeouts": {"start": "30m"}}, at(0, 5, 50), HOUR, limit=1),
    "no time to finish": one(
        {"timeouts": {"finish": "90m"}, "concurrency": {"limit": 1}}, at(0, 0), HOUR, "1h", 0, limit=1
    ),
}


class Played:
    """A scenario played with a fault; after it, time goes on as in the script."""

    def __init__(self, name, gate):
        self.scenario, self.gate, self.lost = SCENARIOS[name], gate, False
        self.world = Governed(self.scenario.functions, self.scenario.takes, {"gate": gate})
        self.engine = self.world.engine
        gate.armed = True
        for number, (minute, event, data) in enumerate(self.scenario.script):
            self.until(timedelta(minutes=minute))
            self.send(event, data, str(number))
        self.until(TAIL)

    def until(self, moment):
        while self.engine.now < self.world.start + moment:
            try:
                self.engine.advance(self.world.start + moment - self.engine.now)
            except Fault:
                self.lost = True

    def send(self, name, data, event_id):
        while True:
            before = len(self.gate.operations)
            try:
                self.engine.send(name, data, id=event_id)
            except Fault:
                self.lost = True
                if len(self.gate.operations) == before + 1 and not self.gate.after:
                    continue  # nothing was taken, so the sender sends again
            return

    @property
    def runs(self):
        """What became of which events, as the state store and the views tell, without times."""
        found = []
        for run in self.engine.runs():
            stored = self.world.state._runs[run.id].snapshot()
            kinds = Counter((e.kind, e.step) for e in run.history if e.kind is not HistoryKind.HELD)
            events = tuple(sorted(event.id for event in run.events))
            found.append((run.function_id, events, run.status, stored.status, sorted(map(str, kinds.items()))))
        return sorted(found, key=str)

    @property
    def stored(self):
        """How many runs the state store has, whatever the views tell."""
        return len(self.world.state._runs)

    @property
    def dropped(self):
        return Counter(
            (e.data["function_id"], e.data["event_id"], e.data["rule"])
            for e in self.engine.history
            if e.kind is HistoryKind.EVENT_DROPPED
        )

    @property
    def left(self):
        return [*self.world.left, *self.engine.queue.pending, *self.world.state._pauses]

    @property
    def ends(self):
        """When runs were over, and when steps began, in order."""
        ends = sorted(self.world.at(run.ended_at) for run in self.engine.runs())
        return [*ends, *sorted(piece.begin for piece in self.world.pieces())]

    @property
    def most(self):
        """How much was executed at the same time."""
        pieces = [piece for piece in self.world.pieces() if piece.begin < piece.end]
        return max((len(executing(pieces, piece.begin)) for piece in pieces), default=0)


def differences(hurt, sound, *, crashes=1):
    """What a fault has changed that it must not."""
    wrong = [what for what in ("runs", "stored", "dropped", "left") if getattr(hurt, what) != getattr(sound, what)]
    most = crashes * LEASE // timedelta(microseconds=1)
    if not wrong and any(late - soon > most for late, soon in zip(hurt.ends, sound.ends, strict=True)):
        wrong.append("ends")
    return wrong + (["most"] if hurt.most > hurt.scenario.limit else [])


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_crash_anywhere_breaks_no_rule(name):
    """Whichever operation a worker is lost at, the same runs end the same way, at most one lease later."""
    gate = CountingGate()
    sound = Played(name, gate)
    assert sound.left == []
    assert sound.most <= sound.scenario.limit
    assert all(status is not RunStatus.RUNNING for _, _, status, _, _ in sound.runs)
    changed = []
    for place, operation in enumerate(gate.operations):
        # Before the next operation is after this one.
        hurt = Played(name, CountingGate(place))
        assert hurt.lost
        changed += [f"before operation {place}, {operation}: {what}" for what in differences(hurt, sound)]
    assert not changed, "\n".join(changed)


@st.composite
def crashes(draw):
    name = draw(st.sampled_from(list(SCENARIOS)))
    gate = CountingGate()
    sound = Played(name, gate)
    places = st.integers(0, len(gate.operations) - 1)
    at = draw(st.lists(places, min_size=2, max_size=4, unique=True))
    return name, sound, CountingGate(*at, after=draw(st.booleans()))


@law(examples=60)
@given(crashes())
def test_crashes_break_no_rule(crash):
    """The same holds of several crashes, the second perhaps while the first is being made good."""
    name, sound, gate = crash
    assert differences(Played(name, gate), sound, crashes=len(gate.at)) == []
