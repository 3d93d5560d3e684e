"""Let streams of events reach an engine on its clock, and count what becomes of them."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias, overload

from inngest_testkit.clock import later
from inngest_testkit.drivers.takes import Takes, Timing
from inngest_testkit.durations import format_duration, to_timedelta
from inngest_testkit.engine import AsyncEngine, Engine
from inngest_testkit.errors import NotFoundError, SetupError
from inngest_testkit.events import Event
from inngest_testkit.functions.plan import FunctionPlan
from inngest_testkit.testing.traffic.observing import Observer
from inngest_testkit.testing.traffic.progress import bar_for
from inngest_testkit.testing.traffic.rates import MICROSECOND, read_span
from inngest_testkit.testing.traffic.report import Report
from inngest_testkit.testing.traffic.streams import Stream, merged

if TYPE_CHECKING:
    from inngest_testkit.engine.core import Core
    from inngest_testkit.engine.options import Duration
    from inngest_testkit.functions.app import SdkFunction

__all__ = ["TakesByStep", "simulate"]

#: What steps take: by function and step, or by function for all its steps.
TakesByStep: TypeAlias = "Mapping[str | SdkFunction | tuple[str | SdkFunction, str], Takes]"

_TAKES = "write {('import', 'fetch'): '5s'} for a step, or {'import': '5s'} for all of a function's"
#: Buckets of a series at most, when they are chosen and when they are given.
_CHOSEN, _MOST = 200, 10_000
_WIDTHS = ("1ms", "10ms", "100ms", "1s", "5s", "15s", "1m", "5m", "15m", "1h", "3h", "6h", "12h", "1d", "1w", "30d")


@overload
def simulate(
    engine: Engine,
    *streams: Stream,
    until: Duration,
    takes: TakesByStep | None = ...,
    drain: bool = ...,
    limit: Duration = ...,
    late_after: Duration | None = ...,
    bucket: Duration | None = ...,
    progress: bool | None = ...,
) -> Report: ...


@overload
def simulate(
    engine: AsyncEngine,
    *streams: Stream,
    until: Duration,
    takes: TakesByStep | None = ...,
    drain: bool = ...,
    limit: Duration = ...,
    late_after: Duration | None = ...,
    bucket: Duration | None = ...,
    progress: bool | None = ...,
) -> Awaitable[Report]: ...


def simulate(
    engine: Engine | AsyncEngine,
    *streams: Stream,
    until: Duration,
    takes: TakesByStep | None = None,
    drain: bool = False,
    limit: Duration = "366d",
    late_after: Duration | None = None,
    bucket: Duration | None = None,
    progress: bool | None = None,
) -> Report | Awaitable[Report]:
    """Let streams of events come for a span, `until`, and report how the engine's functions got on with them.

    ::

        report = traffic.simulate(engine, traffic.poisson("contact/uploaded", "90/h"), until="7d")
        report = await traffic.simulate(async_engine, ...)

    Each event comes at its virtual moment, and what is due meanwhile is worked at its own; afterwards the engine's
    clock stands at the span's end. Events are made one at a time and figures are kept instead of histories: with
    `Engine(keep="failed")` memory grows with the open runs alone, however many events there are.

    `takes` says what executions of steps take while this lasts, by (function, step) or by function for all its steps
    (of an SDK's function without steps, for its code): a span, a distribution (`exponential`, `uniform`, `lognormal`,
    `normal`, `sampled`), or a callable that asks for `event`, `steps`, `attempt`, … and returns either. It goes before
    what mocks say. `drain` works on afterwards, without further streams, until every run is over that was created in
    the span or caused by one (`limit` at most); crons go on, and what they start is not waited for. `late_after` is the
    waiting time from which on a run is counted as late, `bucket` the resolution of figures over time (chosen to give at
    most 200 buckets). `progress` shows a bar on standard error: when it is a terminal and rich is there, unless said.

    Raises `SetupError` for what is not to be had, before anything is sent (data that a callable cannot make: when it
    is its turn), `RunawayError` when a single moment has no end, and what `send` and `advance` raise.
    """
    if not isinstance(engine, (Engine, AsyncEngine)):
        raise SetupError(f"simulate takes an Engine or an AsyncEngine first, found {type(engine).__name__}: {engine!r}")
    core = engine._core  # noqa: SLF001 - one engine call instead of one for each event
    if not core.auto:
        raise SetupError("simulate works what is due, and this engine does not (auto=False); use one with auto=True")
    simulation = _Simulation(
        core,
        streams,
        span=read_span(until, where="simulate: until", above=True),
        drain=drain,
        limit=read_span(limit, where="simulate: limit"),
        late_after=None if late_after is None else read_span(late_after, where="simulate: late_after"),
        bucket=None if bucket is None else read_span(bucket, where="simulate: bucket", above=True),
        timings=_timings(core, takes or {}),
        progress=progress,
    )
    if isinstance(engine, Engine):
        return engine._call(simulation.run())  # noqa: SLF001
    return _on(engine, simulation)


async def _on(engine: AsyncEngine, simulation: _Simulation) -> Report:
    # A call of its own, so that warnings point at whoever awaits it.
    return await engine._call(simulation.run())  # noqa: SLF001


def _timings(core: Core, takes: TakesByStep) -> dict[tuple[str, str], Timing]:
    timings = {}
    if not isinstance(takes, Mapping):
        raise SetupError(f"simulate: takes={takes!r} says nothing of functions; {_TAKES}")
    for place, given in takes.items():
        if isinstance(place, tuple) and len(place) != 2:
            raise SetupError(f"simulate: takes: {place!r} is not a function and a step; {_TAKES}")
        function, step = place if isinstance(place, tuple) else (place, "")
        plan = core.plans[core.catalog.id_of(function)]
        function_id = plan.function.id
        if step and isinstance(plan, FunctionPlan) and step not in plan.actions:
            raise NotFoundError("step", step, plan.step_ids, reason=f"function {function_id!r} does not have it")
        where = f"takes of step {step!r} of function {function_id!r}" if step else f"takes of function {function_id!r}"
        timings[function_id, step] = Timing(given, where=where, seed=f"inngest-testkit:{core.seed}:traffic:{where}")
    return timings


class _Simulation:
    """One call of `simulate`."""

    def __init__(
        self,
        core: Core,
        streams: tuple[Stream, ...],
        *,
        span: timedelta,
        drain: bool,
        limit: timedelta,
        late_after: timedelta | None,
        bucket: timedelta | None,
        timings: dict[tuple[str, str], Timing],
        progress: bool | None,
    ) -> None:
        self._core, self._streams, self._drain, self._limit = core, streams, drain, limit
        self._late_after, self._timings, self._progress = late_after, timings, progress
        self._begin = core.clock.now()
        self._until = later(self._begin, span)
        if self._until - self._begin < span:
            raise SetupError(f"simulate: until={format_duration(span)} leaves the calendar")
        self._length = (self._until - self._begin) // MICROSECOND
        self._width = _width(span, bucket) // MICROSECOND
        self._arrivals = merged(streams, self._begin, self._until, core.seed)
        self._fed = 0
        self._first: Event | None = None

    async def run(self) -> Report:
        """Feed the streams to the engine, and return the figures."""
        core = self._core
        observer = Observer(core, self._begin, self._length, self._width, self._late_after)
        drained_at = None
        with ExitStack() as stack:
            stack.enter_context(self._listening(observer))
            await core.feed(self._counted(), self._until)
            observer.close()
            if self._drain:
                await core.work_until(later(self._until, self._limit), observer.is_drained)
                drained_at = core.clock.now()
        return Report(
            started_at=self._begin,
            until=self._until,
            drained_at=drained_at,
            seed=core.seed,
            events=self._fed,
            sent=observer.events - self._fed,
            late_after=self._late_after,
            functions=observer.figures(),
            why_nothing="" if observer.created or self._first is None else self._why_nothing(self._first),
            unmatched=tuple(self._unmatched(observer)),
        )

    def _why_nothing(self, first: Event) -> str:
        core = self._core
        rules = dict.fromkeys([each.rule for each in core.dropped()] + [each.rule for each in core.held()])
        if rules:
            return f"what came was dropped or is held by {', '.join(rules)}: engine.dropped and engine.held list it"
        return core.why_unmatched(first)

    def _unmatched(self, observer: Observer) -> Iterator[str]:
        plans = self._core.plans.values()
        cancelling = {cancel.event for plan in plans if plan.flow is not None for cancel in plan.flow.cancel}
        for name, count in observer.names.items():
            asked = name in cancelling or any(trigger.names(name) for plan in plans for trigger in plan.triggers)
            if not asked and not name.startswith("inngest/"):
                yield f"{count:,} events {name!r}: {self._core.why_unmatched(Event(name))}"

    @contextmanager
    def _listening(self, observer: Observer) -> Iterator[None]:
        core = self._core
        journal, mocks = core.journal, core.drivers.mocks
        bar = bar_for(self._progress, self._begin, self._until, lambda: self._said(observer))
        hearing = [observer.hear] if bar is None else [observer.hear, bar.hear]
        before, mocks.timings = mocks.timings, self._timings
        for listen in hearing:
            journal.listen(listen)
        try:
            with ExitStack() as stack:
                if bar is not None:
                    stack.enter_context(bar)
                yield
        finally:
            mocks.timings = before
            for listen in hearing:
                journal.unlisten(listen)

    def _said(self, observer: Observer) -> str:
        return f"{self._fed:,} events, {len(observer.open):,} open runs"

    def _counted(self) -> Iterator[tuple[datetime, Event]]:
        for at, event in self._arrivals:
            if self._first is None:
                self._first = event
            self._fed += 1
            yield at, event


def _width(span: timedelta, bucket: timedelta | None) -> timedelta:
    if bucket is None:
        widths = (to_timedelta(text) for text in _WIDTHS)
        return next((width for width in widths if span <= _CHOSEN * width), span / _CHOSEN)
    if span > _MOST * bucket:
        raise SetupError(f"simulate: bucket={bucket} gives more than {_MOST:,} buckets in {span}; make it longer")
    return bucket
