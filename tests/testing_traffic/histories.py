"""Histories written by hand, for an observer to hear."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from inngest_testkit import Event, FakeClock, HistoryKind
from inngest_testkit.expressions import SDK, compile_expression
from inngest_testkit.functions.flow_control import ConcurrencyLimit, FlowControl
from inngest_testkit.runs import Journal
from inngest_testkit.runs.model import HistoryEntry
from inngest_testkit.testing.traffic.observing import Observer

from .loads import GO

SECOND = 1_000_000


def flow(*concurrency, throttle=None):
    return FlowControl(concurrency=concurrency, throttle=throttle)


def concurrency(limit, key=None, **options):
    return ConcurrencyLimit(limit=limit, key=key and compile_expression(key, SDK), **options)


class Story:
    """What happened, told second by second; `figures` is what an observer makes of it."""

    def __init__(self, length=100, late_after=None, **flows):
        self.clock, self.journal = FakeClock(), Journal()
        flows = flows or {"import": None}
        self.begin = self.clock.now()
        self.length = length * SECOND
        core = SimpleNamespace(
            clock=self.clock,
            journal=self.journal,
            plans={name: SimpleNamespace(function=SimpleNamespace(id=name), flow=each) for name, each in flows.items()},
        )
        late = None if late_after is None else timedelta(seconds=late_after)
        self.observer = Observer(core, self.begin, self.length, 10 * SECOND, late)
        self.journal.listen(self.observer.hear)
        self.all = None

    def at(self, seconds):
        self.clock.move_to(self.begin + timedelta(seconds=seconds))
        return self

    def tell(self, kind, run_id="", step=None, attempt=0, **data):
        self.journal.append(HistoryEntry(self.clock.now(), kind, run_id, step, attempt, data))
        return self

    def created(self, run_id, function_id="import", **data):
        self.journal.open(run_id, function_id, None, (Event(GO, data),), run_id)
        return self.tell(HistoryKind.RUN_CREATED, run_id)

    def started(self, run_id):
        return self.tell(HistoryKind.RUN_STARTED, run_id)

    def held(self, run_id, step=None, rule="concurrency", edge="$trigger"):
        return self.tell(HistoryKind.HELD, run_id, step, rule=rule, key="", until=None, edge=edge)

    def begins(self, run_id, step, edge="e"):
        return self.tell(HistoryKind.STEP_STARTED, run_id, step, edge=edge)

    def ends(self, run_id, step):
        return self.tell(HistoryKind.STEP_COMPLETED, run_id, step, output=None)

    def over(self, run_id, kind=HistoryKind.RUN_COMPLETED):
        return self.tell(kind, run_id)

    def figures(self, function_id="import"):
        if self.all is None:
            self.at(self.length // SECOND)
            self.observer.close()
            self.all = self.observer.figures()
        return self.all[function_id]
