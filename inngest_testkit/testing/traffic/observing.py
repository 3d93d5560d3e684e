"""Count what the history tells, as it is written down; what is kept grows with the open runs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inngest_testkit.events import SCHEDULED_TIMER
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.runs.model import HistoryEntry, HistoryKind
from inngest_testkit.testing.traffic.counting import FunctionCount
from inngest_testkit.testing.traffic.limits import usages_of
from inngest_testkit.testing.traffic.rates import MICROSECOND
from inngest_testkit.testing.traffic.report import Functions

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from inngest_testkit.engine.core import Core
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.testing.traffic.gauges import Gauge

__all__ = ["Observer"]

#: Names of events that are told apart.
_NAMES_KEPT = 1000


@dataclass(slots=True)
class _Run:
    """One run that is not over."""

    of: FunctionCount
    created: int
    #: The keys under which the function's limits count it.
    keys: tuple[str, ...]
    #: Whether draining waits for it.
    is_awaited: bool
    #: Since when it waits for its beginning, or for its first step; None while it does not.
    since: int | None
    waited: int = 0
    has_started: bool = False
    has_stepped: bool = False
    executing: dict[str, None] = field(default_factory=dict)
    held: dict[str, None] = field(default_factory=dict)


class Observer:
    """Listens to an engine's journal from `begin` on; runs that were created before are not counted."""

    def __init__(self, core: Core, begin: datetime, length: int, width: int, late_after: timedelta | None) -> None:
        self._core, self._begin, self._length = core, begin, length
        late = None if late_after is None else late_after // MICROSECOND
        shared: dict[tuple[str, bool], dict[str, Gauge]] = {}
        self._functions = {
            plan.function.id: FunctionCount(plan.function.id, length, width, late, usages_of(plan, length, shared))
            for plan in core.plans.values()
        }
        self.open: dict[str, _Run] = {}
        #: Events received, whoever sent them.
        self.events = 0
        self.created = 0
        #: How many events of each name.
        self.names: dict[str, int] = {}
        self._awaited = 0
        self._draining = False
        self._at, self._now = begin, 0
        self._handlers: dict[HistoryKind, Callable[[HistoryEntry], None]] = {
            HistoryKind.EVENT_RECEIVED: self._received,
            HistoryKind.EVENT_DROPPED: self._dropped,
            HistoryKind.RUN_CREATED: self._created,
        }

    def hear(self, entry: HistoryEntry) -> None:
        """Take an entry of the journal."""
        if entry.at is not self._at:
            self._at, self._now = entry.at, (entry.at - self._begin) // MICROSECOND
        handle = _HANDLERS.get(entry.kind)
        if handle is not None:
            run = self.open.get(entry.run_id)
            if run is not None:
                handle(run, entry, self._now)
            if entry.kind in _ENDS and run is not None:
                del self.open[entry.run_id]
                self._awaited -= run.is_awaited
            return
        other = self._handlers.get(entry.kind)
        if other is not None:
            other(entry)

    def _received(self, entry: HistoryEntry) -> None:
        self.events += 1
        name = entry.data["name"]
        if name in self.names or len(self.names) < _NAMES_KEPT:
            self.names[name] = self.names.get(name, 0) + 1

    def _dropped(self, entry: HistoryEntry) -> None:
        of = self._functions.get(entry.data.get("function_id", ""))
        if of is not None:
            of.drop(str(entry.data.get("rule", "")), str(entry.data.get("key") or ""))

    def _created(self, entry: HistoryEntry) -> None:
        journal, run_id = self._core.journal, entry.run_id
        of = self._functions.get(journal.functions.get(run_id, ""))
        if of is None or run_id in self.open:
            return
        events = journal.run_events[run_id]
        keys = of.keys_of(events, self._core.clock.now)
        # Draining has an end although schedules have none.
        is_awaited = not (self._draining and events[0].name == SCHEDULED_TIMER)
        self.open[run_id] = _Run(of, self._now, keys, is_awaited, self._now)
        self.created += 1
        self._awaited += is_awaited
        of.create(len(events), self._now)

    def close(self) -> None:
        """Take the figures over time as they are: the simulated time is over, what follows is drained."""
        self._draining = True
        for of in self._functions.values():
            of.close(self._begin)

    def is_drained(self) -> bool:
        """Whether every run is over that began in the simulated time, or was caused by one that did."""
        return not self._awaited

    def figures(self) -> Functions:
        """Return the figures, once; runs that have not begun count with the time that they have waited so far."""
        now = (self._core.clock.now() - self._begin) // MICROSECOND
        for run in self.open.values():
            if run.since is not None:
                run.of.wait(run.waited + now - run.since)
            elif not run.has_stepped:
                run.of.wait(run.waited)
        figures = {function_id: of.figures(self._length) for function_id, of in self._functions.items()}
        return Functions(figures, _short_ids(self._core.plans))


def _short_ids(plans: Mapping[str, Plan]) -> dict[str, str]:
    """Return the ids of apps' functions by their ids within the apps, as far as those are unique."""
    found: dict[str, str] = {}
    twice = set()
    for function_id, plan in plans.items():
        if isinstance(plan, AppPlan):
            short = function_id.removeprefix(f"{plan.function.app_id}-")
            if short in found:
                twice.add(short)
            found[short] = function_id
    return {short: function_id for short, function_id in found.items() if short not in twice}


def _started(run: _Run, entry: HistoryEntry, now: int) -> None:
    if run.has_started:
        return
    run.has_started = True
    _release_all(run, now)
    _go_on(run, now)
    run.of.use("start", run.keys, 1, now)
    run.of.use("run", run.keys, 1, now)


def _go_on(run: _Run, now: int) -> None:
    """The run no longer waits for its beginning, or for its first step."""
    if run.since is not None:
        run.waited += now - run.since
        run.since = None
        run.of.queue(-1, now)


def _release(run: _Run, edge: str | None, now: int) -> None:
    if edge in run.held:
        del run.held[edge]
        run.of.hold(-1, now)


def _release_all(run: _Run, now: int) -> None:
    if run.held:
        run.of.hold(-len(run.held), now)
        run.held.clear()


def _held(run: _Run, entry: HistoryEntry, now: int) -> None:
    edge = entry.data.get("edge", "")
    if edge not in run.held:
        run.held[edge] = None
        run.of.hold(1, now)
    if run.since is None and not run.has_stepped:
        # The run has begun, its first step has not.
        run.since = now
        run.of.queue(1, now)


def _stepped(run: _Run, edge: str | None, now: int) -> None:
    if run.held:
        _release(run, edge, now)
    if not run.has_stepped:
        _go_on(run, now)
        run.has_stepped = True
        run.of.begun += 1
        run.of.wait(run.waited)


def _execute(run: _Run, what: str, now: int) -> None:
    if what not in run.executing:
        run.executing[what] = None
        run.of.execute(run.keys, 1, now)


def _rest(run: _Run, what: str, now: int) -> None:
    if what in run.executing:
        del run.executing[what]
        run.of.execute(run.keys, -1, now)


def _step_started(run: _Run, entry: HistoryEntry, now: int) -> None:
    _stepped(run, entry.data.get("edge"), now)
    _execute(run, entry.step or "", now)


def _step_takes(run: _Run, entry: HistoryEntry, now: int) -> None:
    _stepped(run, entry.data.get("edge"), now)
    if entry.step is None:
        # All of a function that has no steps.
        _execute(run, f"call/{entry.data['edge']}", now)


def _step_rests(run: _Run, entry: HistoryEntry, now: int) -> None:
    _rest(run, entry.step or "", now)


def _called(run: _Run, entry: HistoryEntry, now: int) -> None:
    edge = entry.data.get("edge")
    _stepped(run, edge, now)
    _rest(run, f"call/{edge}", now)


def _ended(run: _Run, entry: HistoryEntry, now: int) -> None:
    _release_all(run, now)
    if run.executing:
        run.of.execute(run.keys, -len(run.executing), now)
    if run.has_started:
        run.of.use("run", run.keys, -1, now)
    if not run.has_stepped and entry.kind is HistoryKind.RUN_COMPLETED:
        # There was nothing to do.
        _stepped(run, None, now)
    elif not run.has_stepped:
        # It waited in vain.
        _go_on(run, now)
        run.of.wait(run.waited)
    run.of.end(entry.kind, now - run.created)


_HANDLERS: dict[HistoryKind, Callable[[_Run, HistoryEntry, int], None]] = {
    HistoryKind.RUN_STARTED: _started,
    HistoryKind.HELD: _held,
    HistoryKind.RUN_COMPLETED: _ended,
    HistoryKind.RUN_FAILED: _ended,
    HistoryKind.RUN_CANCELLED: _ended,
    HistoryKind.STEP_STARTED: _step_started,
    HistoryKind.STEP_TAKES: _step_takes,
    HistoryKind.STEP_COMPLETED: _step_rests,
    HistoryKind.STEP_FAILED: _step_rests,
    HistoryKind.SLEEP_BEGAN: _step_rests,
    HistoryKind.PAUSE_SAVED: _step_rests,
    HistoryKind.CALL_ANSWERED: _called,
    HistoryKind.CALL_FAILED: _called,
}
_ENDS = {HistoryKind.RUN_COMPLETED, HistoryKind.RUN_FAILED, HistoryKind.RUN_CANCELLED}
