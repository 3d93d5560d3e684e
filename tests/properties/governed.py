"""Functions with flow control, played on an engine; what the laws of flow control share."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import strategies as st

from inngest_testkit import Engine, Function, HistoryKind, Step, after, on_event
from inngest_testkit.data_store.memory import MemoryDataStore
from inngest_testkit.flow.memory import MemoryFlowStore
from inngest_testkit.functions.flow_control import read_flow_control
from inngest_testkit.state.memory import MemoryStateStore

KEY = "event.data.key"
#: A second, in microseconds, which are the unit of all moments here.
S = 1_000_000
#: Gaps between events, in milliseconds: many at one moment, some close, some far.
GAPS = st.sampled_from([0, 0, 0, 1, 250, 500, 1000, 1500, 2000, 3334, 5000, 10_000, 30_000])


def govern(engine, function, config):
    """Register a function with flow control, which is given as an SDK registers it."""
    engine.register(function)
    store = getattr(engine._core._data, "_store", engine._core._data)
    plan = replace(engine._core.plans[function.id], flow=read_flow_control(config))
    engine._core.plans[function.id] = plan
    version = replace(store._live[function.id], plan=plan)
    store._live[function.id] = store._functions[function.id][version.version - 1] = version
    store._answers.clear()


def chain(function_id, *spans, on="start"):
    """A function of steps after each other: a number is a step that takes so many seconds, a text a wait before one."""
    steps, wait = [], None
    for span in spans:
        if isinstance(span, str):
            wait = span
            continue
        name = f"s{len(steps)}"
        parent = {"after": after(steps[-1].id, wait=wait) if steps else after(wait=wait)} if steps or wait else {}
        steps.append(Step(name, lambda: 1, **parent))
        wait = None
    return Function(function_id, on_event(on), steps=steps)


def spans_of(*spans):
    """How long each step of a chain takes, by its id."""
    return {f"s{i}": span for i, span in enumerate(each for each in spans if not isinstance(each, str))}


@dataclass
class Piece:
    """A step of a run that is executed, in microseconds: when it could be, when it was, and when it was done."""

    run: str
    event: str
    function: str
    step: str
    ready: int
    begin: int
    end: int


@dataclass
class Governed:
    """An engine and its stores. `functions` are pairs of a function and its configuration."""

    functions: list
    #: (function, step) -> seconds
    takes: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)

    def __post_init__(self):
        self.flow, self.state = MemoryFlowStore(), MemoryStateStore()
        self.engine = Engine(data=MemoryDataStore(), flow=self.flow, state=self.state, **self.options)
        for function, config in self.functions:
            govern(self.engine, function, config)
        for (function_id, step), seconds in self.takes.items():
            self.engine.mock(function_id, step, takes=timedelta(seconds=seconds) if seconds else None, returns=1)
        self.start = self.engine.now
        self.sent = []

    def send(self, gap, data, name="start", ts=None, event_id=None):
        """Send an event, so many milliseconds after the one before; its id is its number."""
        self.engine.advance(timedelta(milliseconds=gap))
        event_id = str(len(self.sent)) if event_id is None else event_id
        self.sent.append((event_id, self.at(self.engine.now), data))
        self.engine.send(name, data, id=event_id, **({} if ts is None else {"ts": ts}))

    def play(self, script):
        """Send events, pairs of a gap and the event's data, then let time pass until nothing more happens."""
        for gap, data in script:
            self.send(gap, data)
        return self.finish()

    def finish(self):
        while self.engine.next_due is not None:
            self.engine.advance(self.engine.next_due - self.engine.now)
        return self

    def at(self, moment):
        """A moment in microseconds from the start."""
        return (moment - self.start) // timedelta(microseconds=1)

    @property
    def runs(self):
        return self.engine.runs()

    def entries(self, run, kind):
        """The moments of a kind in a run's history."""
        return [self.at(entry.at) for entry in run.history if entry.kind is kind]

    @property
    def started(self):
        """When the run of each event started, by the event's id."""
        found = defaultdict(list)
        for run in self.runs:
            found[run.events[0].id] += self.entries(run, HistoryKind.RUN_STARTED)
        return dict(found)

    @property
    def dropped(self):
        """The rules that dropped an event, by its id."""
        found = defaultdict(list)
        for entry in self.engine.history:
            if entry.kind is HistoryKind.EVENT_DROPPED:
                found[entry.data["event_id"]].append(entry.data["rule"])
        return dict(found)

    def pieces(self, waits=None):
        """Everything that was executed; `waits` are what has to pass before steps, by function and step."""
        found = []
        for run in self.runs:
            done = {"$trigger": self.entries(run, HistoryKind.RUN_STARTED)[0]} if run.history else {}
            begun = {}
            for entry in run.history:
                at = self.at(entry.at)
                if entry.kind is HistoryKind.STEP_STARTED:
                    begun[entry.step] = (at, entry.data["edge"].split("->")[0])
                elif entry.kind is HistoryKind.STEP_COMPLETED:
                    done[entry.step] = at
            for step, (begin, parent) in begun.items():
                ready = done[parent] + (waits or {}).get((run.function_id, step), 0)
                # What is in flight when its run is cancelled has no place any more.
                end = done.get(step, self.at(run.ended_at))
                found.append(Piece(run.id, run.events[0].id, run.function_id, step, ready, begin, end))
        return found

    @property
    def histories(self):
        return json.dumps([entry.to_dict() for entry in self.engine.history], ensure_ascii=False).encode()

    @property
    def left(self):
        """What the flow store still has of runs: places, lines, wakes and locks."""
        flow = self.flow
        gates = {key: gate for key, gate in flow._gates.items() if gate.holders or gate.length}
        locks = [key for key, kept in flow._entries.items() if kept.until is None]
        return [*gates, *flow._held, *flow._waiting, *flow._of_run, *locks]
