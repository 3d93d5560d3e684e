"""What both engines offer without working anything: the views, the mocks, the time."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import direct
from inngest_testkit.drivers.mock import UNSET, Mock, Raises, SideEffect
from inngest_testkit.drivers.takes import Takes
from inngest_testkit.engine.core import Core
from inngest_testkit.engine.crons import calendar_of
from inngest_testkit.engine.options import Duration, Keep, Nondeterminism, Options
from inngest_testkit.sdk.limits import Limits

if TYPE_CHECKING:
    from inngest_testkit.clock import Clock
    from inngest_testkit.cron import CronCalendar
    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.drivers.base import Driver
    from inngest_testkit.engine.seams import Chooser, Gate
    from inngest_testkit.event_stream.base import EventStream
    from inngest_testkit.events import Event
    from inngest_testkit.flow.base import FlowStore
    from inngest_testkit.functions.app import AppFunction, SdkFunction
    from inngest_testkit.functions.model import Function
    from inngest_testkit.queue.base import PendingItem, Queue
    from inngest_testkit.runs import Dropped, Held, HistoryEntry, Run, RunStatus
    from inngest_testkit.state.base import StateStore

__all__ = ["Surface"]


class Surface:
    """The part of an engine's surface that is the same, sync, in `Engine` and `AsyncEngine`."""

    def __init__(
        self,
        *,
        seed: int | str = 0,
        start: datetime | str | None = None,
        clock: Clock | None = None,
        auto: bool = True,
        max_steps: int = 100_000,
        freeze: bool = False,
        keep: Keep = "all",
        jitter: bool = False,
        data: DataStore | None = None,
        events: EventStream | None = None,
        queue: Queue | None = None,
        state: StateStore | None = None,
        flow: FlowStore | None = None,
        drivers: Iterable[Driver] | None = None,
        chooser: Chooser | None = None,
        gate: Gate | None = None,
        limits: Limits | None = None,
        retry_interval: Duration | None = None,
        nondeterminism: Nondeterminism = "warn",
    ) -> None:
        options = Options(
            seed=seed,
            start=start,
            clock=clock,
            auto=auto,
            max_steps=max_steps,
            freeze=freeze,
            keep=keep,
            jitter=jitter,
            data=data,
            events=events,
            queue=queue,
            state=state,
            flow=flow,
            drivers=drivers,
            chooser=chooser,
            gate=gate,
            limits=Limits() if limits is None else limits,
            retry_interval=retry_interval,
            nondeterminism=nondeterminism,
        )
        self._core = Core(self._bridge, options)
        self._open()

    @staticmethod
    def _bridge(awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """Await what needs an event loop: where the engine is called, unless it has a loop of its own."""
        return direct(awaitable)

    def _catch_up(self) -> None:
        """Work what clients sent meanwhile, if the engine can be called here."""

    def _open(self) -> None:
        """Make what only this kind of engine has."""

    @property
    def now(self) -> datetime:
        """The virtual moment, aware and in UTC."""
        return self._core.clock.now()

    @property
    def clock(self) -> Clock:
        """The engine's clock. Move a fake one with `advance`, so that what becomes due is worked."""
        return self._core.clock

    @property
    def seed(self) -> int | str:
        """The seed of the engine's ids."""
        return self._core.seed

    @property
    def next_due(self) -> datetime | None:
        """When something will happen next (a wait ends, a retry, a cron, a step's finish); None when nothing will."""
        return self._core.next_due

    @property
    def functions(self) -> tuple[Function | AppFunction, ...]:
        """The functions that are registered, in their newest versions."""
        return tuple(plan.function for plan in list(self._core.plans.values()))

    def cron_calendar(
        self,
        function: str | Function | SdkFunction,
        start: datetime | str | None = None,
        end: datetime | Duration = "7d",
    ) -> CronCalendar:
        """Return when the crons of a function fire after `start` (without one: now) and up to `end`.

        These are the times that `advance` from the one to the other comes to, of all its crons in order, in UTC and in
        local time, and those that clock changes take away or bring twice: see `CronFire`. Prints as a table. Moments
        are aware datetimes or ISO 8601 texts; `end` may also be a span from the start (`"7d"`, a timedelta, seconds).
        A run that is late by its trigger's jitter can begin after `end`. Nothing is worked, and the clock stays.

        Raises `NotFoundError` for an unknown function, `SetupError` for one without a cron, for an end before the
        start, and for more than a million times.
        """
        plan = self._core.plans[self._core.catalog.id_of(function)]
        return calendar_of(plan, start, end, now=self.now, seed=self.seed)

    @property
    def history(self) -> tuple[HistoryEntry, ...]:
        """Every transition: the engine's own (events received, events that started nothing), then each run's."""
        return tuple(self._core.history())

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """The events that started nothing, and the runs that were cancelled, because of a rule of flow control."""
        self._catch_up()
        return tuple(self._core.dropped())

    @property
    def held(self) -> tuple[Held, ...]:
        """What waits because of a rule of flow control: work in line, in order, then debounced events and batches."""
        self._catch_up()
        return tuple(self._core.held())

    def mock(
        self,
        function_id: str | SdkFunction,
        step_id: str,
        *,
        returns: object = UNSET,
        raises: Raises | None = None,
        side_effect: SideEffect | None = None,
        times: int | None = None,
        takes: Takes | None = None,
        occurrence: int | None = None,
    ) -> Mock:
        """Let a mock stand for a step's code from now on; for one step, the newest mock answers first.

        Exactly one of `returns` (the output), `raises` (an exception or its class: the attempt fails) and
        `side_effect` (a callable that asks for `event`, `steps`, `attempt`, … as a step does, or a list with one
        result for each attempt) says what it does; with `takes` alone the real code runs. `times` limits how many
        executions it answers, `takes` is the virtual time that an execution takes: a span, a distribution such as
        `inngest_testkit.testing.traffic.exponential("2s")`, drawn with the engine's seed, or a callable that asks for
        `event`, `steps`, `attempt`, … and returns either. The mock's `calls` list what it answered.

        Of an SDK's function, given as its id or as itself, any kind of step can be mocked, and its code does not run:
        a sleep is over at once (or after `takes`), a wait gets an event, its data, or None for a time-out, an invoke
        or an AI call gets its result. A `side_effect` may ask for `opts`, what the step was called with as far as the
        protocol tells it. `occurrence` says which use of a repeated id is meant, from 0; without it all of them.

        Raises `NotFoundError` for an unknown function or step, `MockError` for arguments that do not fit.
        """
        return self._core.mock(
            function_id,
            step_id,
            returns=returns,
            raises=raises,
            side_effect=side_effect,
            times=times,
            takes=takes,
            occurrence=occurrence,
        )

    @property
    def unused_mocks(self) -> tuple[Mock, ...]:
        """The mocks that never answered."""
        return tuple(self._core.drivers.mocks.unused())

    @property
    def unobserved_failures(self) -> tuple[Run, ...]:
        """The runs that failed and were not looked at since: neither their status nor their error."""
        return tuple(self._core.run(run_id) for run_id in self._core.journal.unobserved_failures())

    def run(self, run_id: str) -> Run:
        """Return a run; raises `NotFoundError`."""
        return self._core.run(run_id)

    def runs(self, *, function: str | SdkFunction | None = None, status: RunStatus | str | None = None) -> list[Run]:
        """Return the runs, in order of creation, of one function and with one status if given.

        Raises `NotFoundError` for an unknown function or status.
        """
        self._catch_up()
        return self._core.runs(function, status)

    def events(self, name: str | None = None) -> list[Event]:
        """Return the events that the engine received, in order, of one name if given."""
        self._catch_up()
        return self._core.events(name)

    def _pending(self) -> Sequence[PendingItem]:
        return self._core.pending()

    def __repr__(self) -> str:
        core = self._core
        runs, functions = len(core.journal.runs), len(core.plans)
        what = f"{_count(functions, 'function')}, {_count(runs, 'run')}"
        return f"<{type(self).__name__} at {self.now:%Y-%m-%d %H:%M:%S}, {what}>"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class QueueView:
    """The engine's queue, for a test to look at."""

    def __init__(self, surface: Surface) -> None:
        self._surface: Any = surface

    @property
    def pending(self) -> tuple[PendingItem, ...]:
        """What is queued, with the moment at which it is due, in order."""
        return tuple(self._surface._pending())  # noqa: SLF001 - two halves of one surface

    def __len__(self) -> int:
        return len(self.pending)

    def __repr__(self) -> str:
        return f"<Queue {list(self.pending)!r}>"
