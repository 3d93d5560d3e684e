"""All components of the server in one process, wired together; what both engines are made of."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from inngest_testkit.clock import FakeClock, epoch_ms, later
from inngest_testkit.drivers.mock import Mock, check_returned
from inngest_testkit.durations import format_duration, to_timedelta
from inngest_testkit.engine.catalog import Catalog
from inngest_testkit.engine.components import wire
from inngest_testkit.engine.control import Control
from inngest_testkit.engine.flow import dropped, held
from inngest_testkit.engine.freeze import Frozen
from inngest_testkit.engine.live import Live
from inngest_testkit.engine.options import Duration, Options
from inngest_testkit.engine.results import Sent
from inngest_testkit.engine.serving import Serving
from inngest_testkit.engine.signals import Signals
from inngest_testkit.engine.starts import Starts
from inngest_testkit.engine.why import Why
from inngest_testkit.errors import (
    EventError,
    NotFoundError,
    RunIncompleteError,
    SetupError,
)
from inngest_testkit.events import Event, to_event
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.functions.plan import FunctionPlan
from inngest_testkit.ids import Ids
from inngest_testkit.queue.base import PendingItem, QueueItem
from inngest_testkit.runs import Dropped, Held, HistoryEntry, Run, RunStatus
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.runs.view import DROPPED

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    import inngest

    from inngest_testkit.data_store.base import DataStore, FunctionVersion
    from inngest_testkit.drivers.base import Bridge
    from inngest_testkit.engine.serving import Registration, Synced
    from inngest_testkit.functions.app import AppFunction
    from inngest_testkit.functions.model import Function
    from inngest_testkit.runs import Received
    from inngest_testkit.state.base import StateStore

__all__ = ["Core"]

T = TypeVar("T")

#: Items of one run at one moment that are no sign of a loop.
_PER_RUN = 1000


class Core:
    """The engine itself; every method that does work is a coroutine which suspends only through the bridge."""

    def __init__(self, bridge: Bridge[Any], options: Options) -> None:
        self.seed, self.auto, self._keep = options.seed, options.auto, options.keep
        parts = wire(bridge, options, self, self._publish)
        self._parts = parts
        self.clock, self.ids, self.journal, self.drivers = parts.clock, parts.ids, parts.journal, parts.drivers
        self._warner, self._lifecycle, self._runner = parts.warner, parts.lifecycle, parts.runner
        self._data, self._stream, self._queue, self._state = parts.data, parts.stream, parts.queue, parts.state
        self._lockstep = parts.lockstep
        self._lifecycle.on_end = self._ended
        self.frozen = Frozen(self.fake_clock) if options.freeze else None
        #: What works in real time; None on a fake clock, where each call works what it makes due.
        self.live: Live | None = None
        if not isinstance(self.clock, FakeClock):
            self.live = Live(
                clock=self.clock,
                queue=self._queue,
                lockstep=self._lockstep,
                executor=parts.executor,
                after=self._after_item,
            )
        self.catalog = Catalog(parts)
        self.plans = self.catalog.plans
        self.why = Why(self.journal, self.plans, parts.flow)
        self.serving = Serving(bridge, parts, self, options.limits, self.catalog.add_app)
        #: For what comes over HTTP, in another thread than the engine's it may be.
        self.ids_over_http = Ids(f"{options.seed}/http", self.clock)
        #: What stores that may suspend cannot be asked between calls.
        self._next_due: datetime | None = None
        self.remembers_due = options.gate is not None or not parts.never_suspend
        self._over: deque[str] = deque()
        #: Runs that are over and kept, oldest first; a run whose end is worked again is one.
        self._finished: OrderedDict[str, None] = OrderedDict()
        self.control = Control(self, parts)
        self.signals = Signals(self, parts)
        self.starts = Starts(self, parts)

    # -- functions

    async def register(self, *functions: Function) -> None:
        """Add functions, or new versions of those that are there; nothing is added when one has a problem."""
        await self.catalog.register(*functions)
        await self._functions_changed()

    async def replace(self, functions: Sequence[Function], retired: Iterable[str]) -> None:
        """Add functions in the place of others; see `Catalog.replace`."""
        await self.catalog.replace(functions, retired)
        await self.after_work()

    async def load(self, path: str | os.PathLike[str]) -> tuple[Function, ...]:
        """Add every function found below a folder, or in one file."""
        loaded = await self.catalog.load(path)
        await self._functions_changed()
        return loaded

    async def serve(
        self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]]
    ) -> tuple[AppFunction, ...]:
        """Add the functions of an SDK client, called in this process."""
        served = await self.serving.serve(client, functions)
        await self._functions_changed()
        return served

    async def mount(self, target: object, path: str, client: inngest.Inngest | None) -> tuple[AppFunction, ...]:
        """Add the functions that a web app serves."""
        served = await self.serving.mount(target, path, client)
        await self._functions_changed()
        return served

    async def sync(self, registration: Registration, signing_key: str | None) -> Synced:
        """Add the functions of an app elsewhere that registers itself; see `Serving.sync`."""
        synced = await self.serving.sync(registration, signing_key)
        await self._functions_changed()
        return synced

    async def deploy(self, function: Function, *, live: bool, env: str) -> FunctionVersion:
        """Add the next version of a function, live or as a draft; see `Catalog.deploy`."""
        version = await self.catalog.deploy(function, live=live, env=env)
        await self._functions_changed()
        return version

    async def _functions_changed(self) -> None:
        await self.after_work()
        if self.live is not None:
            self.live.wake()  # a schedule may be due before what was due next

    # -- events and time

    async def send(self, event: object, data: object, user: object, id: object, ts: object) -> Sent:  # noqa: A002
        """Take events, then work everything that is due."""
        received = self.received(event, data, user, id, ts)
        deliveries = [f"send/{self.ids.ulid()}" for _ in received]
        for delivery, one in zip(deliveries, received, strict=True):
            await self._publish(delivery, one)
        await self.take_kept()
        started = self.journal.started
        runs = tuple(self.run(run_id) for delivery in deliveries for run_id in started.get(delivery, ()))
        await self.settle_now()
        return Sent(tuple(e.id or "" for e in received), runs, lambda: self.why.nothing(received, deliveries))

    async def take(self, events: Sequence[Event]) -> list[str]:
        """Take events from a client, then work everything that is due; returns generated ids."""
        ids = self.keep(events)
        await self.take_kept()
        await self.settle_now()
        return ids

    async def settle_now(self) -> None:
        """Work everything that is due, unless the engine works it by itself, or when told."""
        if self.live is not None:
            self.live.wake()
        elif self.auto:
            await self.settle(self.clock.now())
        else:
            await self.after_work()

    def keep(self, events: Sequence[Event], ids: Ids | None = None, chosen: Sequence[str] = ()) -> list[str]:
        """Take events from a client that cannot be worked now; returns generated ids, or those that are `chosen`.

        They take effect when the item is finished that is worked now, or at the engine's next call. Another thread
        than the engine's brings `ids` of its own. What comes again under an id that was chosen before has no effect.
        """
        now, make = epoch_ms(self.clock.now()), (ids or self.ids).ulid
        made = list(chosen) or [make() for _ in events]
        self._lockstep.inbox += [
            (f"send/{one}", event.received(id=one, ts=now)) for one, event in zip(made, events, strict=True)
        ]
        return made

    @property
    def unhandled(self) -> int:
        """How many events were taken that the runner has not handled."""
        return self._lockstep.unhandled

    @property
    def has_kept(self) -> bool:
        """Whether events from clients wait for the engine."""
        return bool(self._lockstep.inbox)

    async def after_kept(self, work: Coroutine[Any, Any, T]) -> T:
        """Work what `keep` took, then what is asked for."""
        try:
            await self.take([])
        except BaseException:
            work.close()
            raise
        return await work

    async def take_kept(self) -> None:
        """Hand over what `keep` took: to the runner, or into the stream where this process has none."""
        if self.live is None or self.live.delivers:
            await self._lockstep.deliver()
        else:
            await self._lockstep.publish_kept()

    def received(self, event: object, data: object, user: object, id: object, ts: object) -> list[Event]:  # noqa: A002
        """Read events as users give them, each with an id and a moment; raises `EventError`."""
        if isinstance(event, (list, tuple)):
            if any(part is not None for part in (data, user, id, ts)):
                raise EventError("data, user, id and ts go with an event's name; events in a list have them inside")
            given = []
            for index, one in enumerate(event):
                try:
                    given.append(to_event(one))
                except EventError as error:
                    raise EventError(f"event {index} of {len(event)}: {error}; nothing was sent") from None
        else:
            given = [to_event(event, data, user, id, ts)]
        now = epoch_ms(self.clock.now())
        return [one.received(id=self.ids.ulid(), ts=now) for one in given]

    async def _publish(self, delivery: str, event: Event) -> None:
        if event.id is None or event.ts is None:
            event = event.received(id=delivery, ts=epoch_ms(self.clock.now()))
        await self._lockstep.publish(delivery, event)

    def why_nothing(self, received: Received) -> str:
        """Say why an event that was received started nothing."""
        return self.why.nothing([received.event], [received.delivery])

    def why_unmatched(self, event: Event) -> str:
        """Say why an event started nothing and ended no wait."""
        return self.why.unmatched(event)

    async def advance(self, span: Duration) -> None:
        """Move the clock, working each thing when it is due."""
        clock, delta = self.fake_clock, to_timedelta(span)
        if delta < timedelta():
            raise SetupError(f"time can't go backwards: advance by {format_duration(delta)} is negative")
        try:
            until = self.clock.now() + delta
        except OverflowError:
            raise SetupError(f"advance by {format_duration(delta)} leaves the calendar") from None
        if self.auto:
            await self.settle(until)
        clock.move_to(until)

    @property
    def fake_clock(self) -> FakeClock:
        """The clock, if it is one that is moved; raises `SetupError` for another."""
        if not isinstance(self.clock, FakeClock):
            raise SetupError(f"this moves or freezes a fake clock, and the engine's is {self.clock!r}")
        return self.clock

    async def run_until_complete(self, runs: Sequence[Run | Sent], limit: Duration) -> None:
        """Jump from due time to due time until the runs are over."""
        until = later(self.clock.now(), to_timedelta(limit))
        wanted = {run.id: None for given in runs for run in (given.runs if isinstance(given, Sent) else (given,))}
        if runs and not wanted:
            return
        for run_id in wanted:
            self.known(run_id)

        def done() -> bool:
            open_runs = self.journal.open_runs
            return not any(run_id in open_runs for run_id in wanted) if wanted else not open_runs

        if not done():
            await self.work_to(until, done)
            if self.live is None and self.auto and done():
                # What their ends cause at the same moment, such as `on_failure`, is part of it.
                await self.settle(self.clock.now())
        left = self._open(wanted)
        if left:
            raise RunIncompleteError(self.why.incomplete(left, limit, self.clock.now(), self.next_due), left)

    async def work_to(self, until: datetime, done: Callable[[], bool]) -> None:
        """Work, or on a wall clock wait, up to a moment, or until `done` says so."""
        if self.live is None:
            await self.settle(until, done)
        else:
            self.live.wake()
            await self.live.wait_until(done, until)

    def _open(self, wanted: Mapping[str, None]) -> list[str]:
        return [run_id for run_id in wanted or self.journal.open_runs if run_id in self.journal.open_runs]

    async def run_next(self) -> QueueItem | None:
        """Work the next item that is due, moving the clock to it if it lies ahead."""
        clock = self.fake_clock
        item = await self._lockstep.work_one()
        if item is None:
            due = await self._lockstep.next_due()
            if due is not None:
                clock.move_to(due)
                item = await self._lockstep.work_one()
        await self._lockstep.deliver()
        await self.after_work()
        return item

    async def cancel(self, run: Run | str) -> bool:
        """Cancel a run, then work everything that is due, such as what its places were waited for."""
        run_id = run.id if isinstance(run, Run) else run
        self.known(run_id)
        cancelled = await self._lifecycle.cancel(run_id, "cancelled by the engine's user")
        await self.settle_now()
        return cancelled

    async def reset(self) -> None:
        """Forget all but the functions; see `Control.reset`."""
        await self.control.reset()
        self._over.clear()
        self._finished.clear()
        await self.after_work()

    async def feed(self, arrivals: Iterable[tuple[datetime, Event]], until: datetime) -> None:
        """Take events as they come, each at its moment, working what is due in between, then all up to `until`.

        The moments ascend and are not past. What comes at one moment comes together, as what one `send` carries.
        """
        clock = self.fake_clock
        for at, event in arrivals:
            if at > clock.now():
                await self.work_until(at)
                clock.move_to(at)
            received = event.received(id=self.ids.ulid(), ts=epoch_ms(at))
            await self._publish(f"send/{self.ids.ulid()}", received)
            await self._lockstep.deliver()
        await self.work_until(until)
        clock.move_to(max(until, clock.now()))

    async def work_until(self, until: datetime, done: Callable[[], bool] = lambda: False) -> None:
        """Work what is due, moment by moment, however long it takes; stop early when `done` says so.

        Raises `RunawayError` when a single moment has no end: after `max_steps` items and a thousand for each open run.
        """
        while not done() and (due := await self._lockstep.next_due()) is not None and due <= until:
            most = self._lockstep.max_steps + _PER_RUN * len(self.journal.open_runs)
            await self.settle(max(due, self.clock.now()), most=most)

    async def settle(self, until: datetime, done: Callable[[], bool] | None = None, *, most: int | None = None) -> None:
        """Work what is due up to `until`, moving a fake clock from due time to due time; see `Lockstep.settle`."""
        try:
            await self._lockstep.settle(until, done, most=most)
        finally:
            await self.after_work()

    async def after_work(self) -> None:
        """Drop the runs that are over and not kept, and ask when something is due next."""
        while self._over:
            # Taken first, since several may be here at once; put back when the store refuses.
            run_id = self._over.popleft()
            try:
                await self._state.delete(run_id)
            except BaseException:
                self._over.appendleft(run_id)
                raise
            self.journal.forget(run_id)
        if self.remembers_due:
            self._next_due = await self._lockstep.next_due()

    async def _after_item(self) -> None:
        await self.after_work()
        self._warner.log()

    def emit_warnings(self) -> None:
        """Emit the warnings of the work just done."""
        self._warner.emit(stacklevel=4)

    def _ended(self, run_id: str) -> None:
        self._parts.app_worker.forget(run_id)
        if self._keep == "all":
            return
        if self._keep == "failed":
            if self.journal.runs[run_id][-1].kind is HistoryKind.RUN_COMPLETED:
                self._over.append(run_id)
        else:
            self._finished[run_id] = None
            if len(self._finished) > self._keep:
                self._over.append(self._finished.popitem(last=False)[0])

    # -- what there is

    @property
    def data(self) -> DataStore:
        """The data store: functions, actions, source keys."""
        return self._data

    @property
    def state(self) -> StateStore:
        """The state store: runs, the outputs of steps, pauses."""
        return self._state

    @property
    def next_due(self) -> datetime | None:
        """When something will happen next, as far as can be told without waiting."""
        asking = self._lockstep.next_due()
        try:
            asking.send(None)
        except StopIteration as answer:
            due: datetime | None = answer.value
            return due
        # Stores that suspend told at the end of the last call.
        asking.close()
        return self._next_due

    def run(self, run_id: str) -> Run:
        """Return the view of a run."""
        owner = self.journal.functions.get(run_id, "")
        self.known(run_id)
        return Run(run_id, owner, self.journal)

    def known(self, run_id: str) -> None:
        """Raise `NotFoundError` for a run that is not there."""
        if run_id not in self.journal.runs:
            dropped = "" if self._keep == "all" else f"; or {DROPPED}"
            raise NotFoundError("run", run_id, reason=f"this engine does not have it{dropped}")

    def runs(self, function: object, status: RunStatus | str | None) -> list[Run]:
        """Return runs in order of creation."""
        if function is not None:
            function = self.catalog.id_of(function)
        if status is not None and status not in set(RunStatus):
            raise NotFoundError("status", status, [s.value for s in RunStatus])
        # Another thread may be at work: a run may come, and one that is over may go.
        owners = self.journal.functions
        known = [(run_id, owners.get(run_id)) for run_id, entries in list(self.journal.runs.items()) if entries]
        views = [Run(run_id, owner, self.journal) for run_id, owner in known if owner and function in (None, owner)]
        return [run for run in views if status is None or self._status(run) == status]

    def _status(self, run: Run) -> RunStatus | None:
        try:
            return run.status
        except NotFoundError:
            return None

    def events(self, name: str | None) -> list[Event]:
        """Return the events received, in order."""
        events = (received.event for received in list(self.journal.received.values()))
        return [event for event in events if name is None or event.name == name]

    def dropped(self) -> list[Dropped]:
        """Return what rules dropped: events, and runs, by time."""
        return dropped(self.journal)

    def held(self) -> list[Held]:
        """Return what rules hold back."""
        return held(self._parts.flow)

    def history(self) -> list[HistoryEntry]:
        """Return every transition: the engine's own, and each run's."""
        runs = list(self.journal.runs.values())
        return [*self.journal.engine, *(entry for entries in runs for entry in entries)]

    def pending(self) -> tuple[PendingItem, ...]:
        """Return what is queued, in order."""
        return tuple(self._queue.snapshot())

    def mock(self, function_id: object, step_id: str, **behaviour: Any) -> Mock:  # noqa: ANN401 - as Mock takes it
        """Put a mock before a step."""
        plan = self.plans[self.catalog.id_of(function_id)]
        if isinstance(plan, FunctionPlan) and step_id not in plan.actions:
            raise NotFoundError("step", step_id, plan.step_ids, reason=f"function {function_id!r} does not have it")
        if isinstance(plan, AppPlan):
            check_returned(plan.function.id, step_id, behaviour.get("returns"))
        return self.drivers.mocks.add(Mock(plan.function.id, step_id, seed=self.seed, **behaviour))

    async def close(self) -> None:
        """Close what the engine opened."""
        await self.serving.close()
        await self.drivers.close()
