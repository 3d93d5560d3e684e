"""What a simulation came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inngest_testkit.durations import format_duration
from inngest_testkit.errors import NotFoundError
from inngest_testkit.testing.traffic.gauges import Series
from inngest_testkit.testing.traffic.limits import LimitUse
from inngest_testkit.testing.traffic.rates import Rate
from inngest_testkit.testing.traffic.tables import render
from inngest_testkit.testing.traffic.tallies import Percentiles

if TYPE_CHECKING:
    from inngest_testkit.functions.app import SdkFunction
    from inngest_testkit.values import JsonValue

__all__ = ["Dropped", "FunctionFigures", "Functions", "Report"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many events a rule (`rate_limit`, `idempotency`, `singleton`, `debounce`) let start nothing, for one key."""

    rule: str
    key: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FunctionFigures:
    """The figures of one function, of the runs that were created in the simulation.

    Counts: `events` that the function was to handle, those `dropped` by a rule among them; `runs` created, those that
    have `begun` (their first step has), and those that are `completed`, `failed`, `cancelled` or still `open`; `late`
    ones waited longer than the simulation's `late_after`; None when it had none.

    Over the simulated time, without what was drained afterwards: `backlog` (runs that have not begun), `held` (items
    of runs that a rule keeps waiting), `executing` (steps under way), `throughput` (runs completed) and `limits`.

    Of all runs, drained ones included: `waiting`, the time in which a run could have gone on and was kept waiting
    before its first step (a run that has not begun counts with the time so far, or until it was cancelled, so that a
    jam shows), and `total`, from a run's creation to its end, whichever it was; open runs have none. The time that
    events wait in a debounce or a batch, before there is a run, is in neither.
    """

    function_id: str
    events: int
    runs: int
    begun: int
    completed: int
    failed: int
    cancelled: int
    open: int
    late: int | None
    dropped: tuple[Dropped, ...]
    backlog: Series
    held: Series
    executing: Series
    waiting: Percentiles
    total: Percentiles
    throughput: Rate
    limits: tuple[LimitUse, ...]

    @property
    def dropped_count(self) -> int:
        """How many events were dropped, by all rules."""
        return sum(each.count for each in self.dropped)

    def limit(self, rule: str) -> LimitUse:
        """Return the use of the function's first limit of a rule, such as `concurrency`; raises `NotFoundError`."""
        for use in self.limits:
            if use.rule == rule:
                return use
        known = dict.fromkeys(use.rule for use in self.limits)
        raise NotFoundError("limit", rule, known, reason=f"function {self.function_id!r} does not have one")

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the figures as one row of JSON: spans in seconds, rates per second."""
        row: dict[str, JsonValue] = {"function_id": self.function_id}
        for name in ("events", "runs", "begun", "completed", "failed", "cancelled", "open", "late"):
            row[name] = getattr(self, name)
        row["dropped"] = self.dropped_count
        for name in ("backlog", "held", "executing"):
            series: Series = getattr(self, name)
            row |= {f"{name}_mean": series.mean, f"{name}_max": series.max, f"{name}_at_end": series.at_end}
        for name in ("waiting", "total"):
            spans: Percentiles = getattr(self, name)
            row |= {f"{name}_{each}": value for each, value in spans.to_dict().items()}
        row["throughput"] = self.throughput.per("1s")
        for rule in ("concurrency", "throttle"):
            row[f"{rule}_used"] = max((use.busiest for use in self.limits if use.rule == rule), default=None)
        return row

    def __repr__(self) -> str:
        return f"<FunctionFigures of {self.function_id}: {self.runs} runs, {self.completed} completed>"


class Functions(Mapping[str, FunctionFigures]):
    """The figures by function; one that the engine does not have raises `NotFoundError`.

    An SDK's function may be named by its id, its id within its app (`short` tells them apart), or itself.
    """

    def __init__(self, by_id: Mapping[str, FunctionFigures], short: Mapping[str, str]) -> None:
        self._by_id, self._short = dict(by_id), dict(short)

    def __getitem__(self, function: str | SdkFunction) -> FunctionFigures:
        function_id = function if isinstance(function, str) else function.id
        found = self._by_id.get(function_id) or self._by_id.get(self._short.get(function_id, ""))
        if found is None:
            raise NotFoundError("function", function_id, self._by_id)
        return found

    def __contains__(self, function_id: object) -> bool:
        return function_id in self._by_id

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        return repr(self._by_id)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report:
    """The figures of a simulation from `started_at` to `until`.

    `drained_at` is when draining ended, if it was asked for. `events` came from the streams, `sent` from steps and runs
    meanwhile; `functions` are the figures of every function of the engine by id. `print(report.table())` shows all of
    it, `pandas.DataFrame(report.to_dicts())` and `pandas.DataFrame(report.functions["import"].backlog.to_dicts())` take
    it further.
    """

    started_at: datetime
    until: datetime
    drained_at: datetime | None
    seed: int | str
    events: int
    sent: int
    late_after: timedelta | None
    functions: Functions
    #: Why the events that came started nothing, if they did.
    why_nothing: str
    #: Of the events for which no function has a trigger or a cancelling event: how many of which name, and the remedy.
    unmatched: tuple[str, ...] = ()

    def table(self) -> str:
        """Return the figures as text: a heading, then tables with a line for each function."""
        return render(self)

    def to_dicts(self) -> list[dict[str, JsonValue]]:
        """Return one row for each function as JSON: spans in seconds, rates per second."""
        return [figures.to_dict() for figures in self.functions.values()]

    def __repr__(self) -> str:
        runs = sum(figures.runs for figures in self.functions.values())
        return f"<Report on {format_duration(self.until - self.started_at)}: {self.events} events, {runs} runs>"
