"""The figures of one function while they are being counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.testing.traffic.gauges import Gauge
from inngest_testkit.testing.traffic.rates import MICROSECOND, Rate
from inngest_testkit.testing.traffic.report import Dropped, FunctionFigures
from inngest_testkit.testing.traffic.tallies import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from inngest_testkit.events import Event
    from inngest_testkit.testing.traffic.gauges import Series
    from inngest_testkit.testing.traffic.limits import LimitUse, Usage

__all__ = ["DROPPED_KEPT", "OTHER_KEYS", "FunctionCount"]

#: Pairs of rule and key whose dropped events are counted one by one; of further keys, all together.
DROPPED_KEPT = 10_000
OTHER_KEYS = "(other keys)"


class FunctionCount:
    """Counts what becomes of a function's runs; moments are whole microseconds from the simulation's beginning."""

    def __init__(self, function_id: str, length: int, width: int, late: int | None, usages: tuple[Usage, ...]) -> None:
        self._function_id, self._late, self._usages = function_id, late, usages
        #: The usages by what they count, each with the place of its key.
        self._counting = {
            what: tuple((place, usage) for place, usage in enumerate(usages) if usage.counts == what)
            for what in ("start", "run", "step")
        }
        self.begun = 0
        self._events = self._runs = self._late_runs = 0
        self._ends = dict.fromkeys((HistoryKind.RUN_COMPLETED, HistoryKind.RUN_FAILED, HistoryKind.RUN_CANCELLED), 0)
        self._dropped: dict[tuple[str, str], int] = {}
        self._backlog, self._held, self._executing = (Gauge(length, width) for _ in range(3))
        self._waiting, self._total = Tally(), Tally()
        self._closed: tuple[Series, Series, Series] | None = None
        self._limits: tuple[LimitUse, ...] = ()
        self._completed = 0

    def keys_of(self, events: Sequence[Event], now: Callable[[], datetime]) -> tuple[str, ...]:
        """Return the keys under which each limit counts a run."""
        if not self._usages:
            return ()
        return tuple([usage.key_of(lambda: {"event": events[0].to_dict()}, now) for usage in self._usages])

    def create(self, events: int, now: int) -> None:
        """Count a run that was created for so many events, and now waits."""
        self._events += events
        self._runs += 1
        self.queue(1, now)

    def drop(self, rule: str, key: str) -> None:
        """Count an event that a rule let start nothing."""
        self._events += 1
        place = (rule, key)
        if place not in self._dropped and len(self._dropped) >= DROPPED_KEPT:
            place = (rule, OTHER_KEYS)
        self._dropped[place] = self._dropped.get(place, 0) + 1

    def queue(self, by: int, now: int) -> None:
        """Count runs that begin to wait, or stop waiting."""
        if self._closed is None:
            self._backlog.change(by, now)

    def hold(self, by: int, now: int) -> None:
        """Count items that a rule holds, or lets go."""
        if self._closed is None:
            self._held.change(by, now)

    def execute(self, keys: Sequence[str], by: int, now: int) -> None:
        """Count steps that begin or end."""
        if self._closed is None:
            self._executing.change(by, now)
            self.use("step", keys, by, now)

    def use(self, what: str, keys: Sequence[str], by: int, now: int) -> None:
        """Count what uses a limit, or stops using it."""
        if self._closed is None:
            for place, usage in self._counting[what]:
                usage.change(keys[place], by, now)

    def wait(self, span: int) -> None:
        """Count the time that a run waited."""
        self._waiting.add(span)
        if self._late is not None and span > self._late:
            self._late_runs += 1

    def end(self, kind: HistoryKind, total: int) -> None:
        """Count a run that is over."""
        self._ends[kind] += 1
        self._total.add(total)

    def close(self, start: datetime) -> None:
        """Take the figures over time; nothing is added to them afterwards."""
        self._limits = tuple(usage.figures() for usage in self._usages)
        self._completed = self._ends[HistoryKind.RUN_COMPLETED]
        self._closed = (self._backlog.series(start), self._held.series(start), self._executing.series(start))

    def figures(self, length: int) -> FunctionFigures:
        """Return what was counted."""
        assert self._closed is not None  # noqa: S101 - closed when the simulated time is over
        backlog, held, executing = self._closed
        completed, failed, cancelled = self._ends.values()
        dropped = sorted(self._dropped.items(), key=lambda item: -item[1])
        return FunctionFigures(
            function_id=self._function_id,
            events=self._events,
            runs=self._runs,
            begun=self.begun,
            completed=completed,
            failed=failed,
            cancelled=cancelled,
            open=self._runs - completed - failed - cancelled,
            late=None if self._late is None else self._late_runs,
            dropped=tuple(Dropped(rule, key, count) for (rule, key), count in dropped),
            backlog=backlog,
            held=held,
            executing=executing,
            waiting=self._waiting.percentiles(f"waiting time of runs of {self._function_id!r}"),
            total=self._total.percentiles(f"total time of runs of {self._function_id!r}"),
            throughput=Rate(self._completed, length * MICROSECOND),
            limits=self._limits,
        )
