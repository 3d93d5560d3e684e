"""All components of the server in one process, wired together; what both engines are made of."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from inngest_testkit.clock import FakeClock, epoch_ms, later
from inngest_testkit.drivers.mock import Mock, check_returned
from inngest_testkit.durations import format_duration, to_timedelta
from inngest_testkit.engine.catalog import Catalog
from inngest_testkit.engine.components import wire
from inngest_testkit.engine.flow import dropped, held, what_became, why_collected, why_dropped
from inngest_testkit.engine.freeze import Frozen
from inngest_testkit.engine.live import Live
from inngest_testkit.engine.options import Duration, Options
from inngest_testkit.engine.results import Sent
from inngest_testkit.engine.serving import Serving
from inngest_testkit.errors import (
    EventError,
    NotFoundError,
    PauseLeasedError,
    PauseNotFoundError,
    RunIncompleteError,
    SetupError,
    suggestion,
)
from inngest_testkit.events import Event, to_event
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.functions.plan import FunctionPlan
from inngest_testkit.lifecycle import Start
from inngest_testkit.queue.base import ItemKind, PendingItem, QueueItem
from inngest_testkit.runs import Dropped, Held, HistoryEntry, Run, RunStatus
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.runs.view import DROPPED
from inngest_testkit.state.base import PauseKind, signal_event

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Container, Coroutine, Iterable, Mapping, Sequence

    import inngest

    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.drivers.base import Bridge
    from inngest_testkit.engine.serving import Registration, Synced
    from inngest_testkit.functions.app import AppFunction
    from inngest_testkit.functions.model import Function
    from inngest_testkit.ids import Ids
    from inngest_testkit.runs.model import StepRecord, Wait
    from inngest_testkit.state.base import Pause, StateStore
    from inngest_testkit.values import Json

__all__ = ["Core"]

T = TypeVar("T")

#: Open runs that are asked what they wait for, to explain why an event did nothing.
_LOOKED_AT = 100
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
                after=self._after_work,
            )
        self.catalog = Catalog(parts)
        self.plans = self.catalog.plans
        self.serving = Serving(bridge, parts, self, options.limits, self.catalog.add_app)
        #: What stores that may suspend cannot be asked between calls.
        self._next_due: datetime | None = None
        self._remembers_due = options.gate is not None or not parts.never_suspend
        self._over: deque[str] = deque()
        #: Runs that are over and kept, oldest first; a run whose end is worked again is one.
        self._finished: OrderedDict[str, None] = OrderedDict()

    # -- functions

    async def register(self, *functions: Function) -> None:
        """Add functions, or new versions of those that are there; nothing is added when one has a problem."""
        await self.catalog.register(*functions)
        await self._after_work()

    async def load(self, path: str | os.PathLike[str]) -> tuple[Function, ...]:
        """Add every function found below a folder, or in one file."""
        loaded = await self.catalog.load(path)
        await self._after_work()
        return loaded

    async def serve(
        self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]]
    ) -> tuple[AppFunction, ...]:
        """Add the functions of an SDK client, called in this process."""
        served = await self.serving.serve(client, functions)
        await self._after_work()
        return served

    async def mount(self, target: object, path: str, client: inngest.Inngest | None) -> tuple[AppFunction, ...]:
        """Add the functions that a web app serves."""
        served = await self.serving.mount(target, path, client)
        await self._after_work()
        return served

    async def sync(self, registration: Registration, signing_key: str | None) -> Synced:
        """Add the functions of an app elsewhere that registers itself; see `Serving.sync`."""
        synced = await self.serving.sync(registration, signing_key)
        await self._after_work()
        return synced

    # -- events and time

    async def send(self, event: object, data: object, user: object, id: object, ts: object) -> Sent:  # noqa: A002
        """Take events, then work everything that is due."""
        received = self._received(event, data, user, id, ts)
        deliveries = [f"send/{self.ids.ulid()}" for _ in received]
        for delivery, one in zip(deliveries, received, strict=True):
            await self._publish(delivery, one)
        await self._lockstep.deliver()
        started = self.journal.started
        runs = tuple(self.run(run_id) for delivery in deliveries for run_id in started.get(delivery, ()))
        await self.settle_now()
        return Sent(tuple(e.id or "" for e in received), runs, lambda: self._why_nothing(received, deliveries))

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
            await self._settle(self.clock.now())
        else:
            await self._after_work()

    def keep(self, events: Sequence[Event], ids: Ids | None = None) -> list[str]:
        """Take events from a client that cannot be worked now; returns generated ids.

        They take effect when the item is finished that is worked now, or at the engine's next call. Another thread
        than the engine's brings `ids` of its own.
        """
        now, make = epoch_ms(self.clock.now()), (ids or self.ids).ulid
        made = [make() for _ in events]
        self._lockstep.inbox += [
            (f"send/{one}", event.received(id=one, ts=now)) for one, event in zip(made, events, strict=True)
        ]
        return made

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
        """Hand over what `keep` took."""
        await self._lockstep.deliver()

    def _received(self, event: object, data: object, user: object, id: object, ts: object) -> list[Event]:  # noqa: A002
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

    def _why_nothing(self, events: Sequence[Event], deliveries: Container[str]) -> str:
        """Say why a send started nothing."""
        for entry in reversed(self.journal.engine):
            if entry.kind is HistoryKind.EVENT_DROPPED and entry.data["cause"] in deliveries:
                return why_dropped(entry)
            if entry.kind is HistoryKind.TRIGGER_FAILED and entry.data["event_id"] in {e.id for e in events}:
                return f"the trigger of {entry.data['function_id']!r} could not be evaluated: {entry.data['error']}"
        if not events:
            return "no event was sent"
        taken = why_collected(self._parts.flow, deliveries) or what_became(self.journal, {e.id for e in events})
        return taken or self.why_unmatched(events[0])

    def why_unmatched(self, event: Event) -> str:
        """Say why an event started nothing and ended no wait."""
        if not self.plans:
            return "no function is registered (engine.register) or served (engine.serve)"
        names = {trigger.event for plan in self.plans.values() for trigger in plan.triggers if trigger.event}
        awaited = self._awaited()
        reasons = []
        if event.name in names:
            reasons.append(f"the condition of no trigger on {event.name!r} was true for {dict(event.data)!r}")
        if event.name in awaited:
            run_id, wait = awaited[event.name]
            condition = f" if {wait.match}" if wait.match else ""
            reasons.append(
                f"run {run_id} of {self.journal.functions[run_id]} waits for {event.name!r} at step {wait.step!r}"
                f"{condition}"
            )
        if reasons:
            return "; ".join(reasons)
        known = sorted(names | awaited.keys())
        label = "registered triggers and awaited events" if awaited else "registered triggers"
        return f"no function is triggered by {event.name!r}" + suggestion(event.name, known, label=label)

    def _awaited(self) -> dict[str, tuple[str, Wait]]:
        """Return the events that runs wait for, each with the first such run."""
        waits = (
            (wait.event or "", (run_id, wait))
            for run_id in islice(self.journal.open_runs, _LOOKED_AT)
            for wait in self.journal.fold(run_id).waiting
            if wait.kind == "event"
        )
        found: dict[str, tuple[str, Wait]] = {}
        for name, what in waits:
            found.setdefault(name, what)
        return found

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
            await self._settle(until)
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
            self._known(run_id)

        def done() -> bool:
            open_runs = self.journal.open_runs
            return not any(run_id in open_runs for run_id in wanted) if wanted else not open_runs

        if not done():
            await self._until(until, done)
            if self.live is None and self.auto and done():
                # What their ends cause at the same moment, such as `on_failure`, is part of it.
                await self._settle(self.clock.now())
        left = self._open(wanted)
        if left:
            raise RunIncompleteError(self._why_incomplete(left, limit), left)

    async def _until(self, until: datetime, done: Callable[[], bool]) -> None:
        if self.live is None:
            await self._settle(until, done)
        else:
            self.live.wake()
            await self.live.wait_until(done, until)

    def _open(self, wanted: Mapping[str, None]) -> list[str]:
        return [run_id for run_id in wanted or self.journal.open_runs if run_id in self.journal.open_runs]

    def _why_incomplete(self, left: Sequence[str], limit: Duration) -> str:
        shown = "\n".join(f"- {self._standing(run_id)}" for run_id in left[:5])
        due = self.next_due
        what = "nothing more will happen" if due is None else f"the next thing is due {due}"
        count = "1 run is" if len(left) == 1 else f"{len(left)} runs are"
        remedy = "raise limit=, or send what they wait for"
        return f"{count} not over at {self.clock.now()}, limit {limit}; {what}; {remedy}:\n{shown}"

    def _standing(self, run_id: str) -> str:
        run = self.run(run_id)
        held = "".join(f"; {each}" for each in run.held)
        return f"{run!r}; waiting: {list(run.waiting)}{held}"

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
        await self._after_work()
        return item

    async def run_to(self, run: Run | Sent, step: str, occurrence: int, limit: Duration) -> StepRecord:
        """Work until a step of a run has begun."""
        view = run.run if isinstance(run, Sent) else run
        self._known(view.id)
        until: datetime = later(self.clock.now(), to_timedelta(limit))
        key: Any = (step, occurrence)

        def done() -> bool:
            return key in view.steps or view.is_over

        if not done():
            await self._until(until, done)
        if key not in view.steps:
            number = f" (use {occurrence})" if occurrence else ""
            what = f"the run is over, {view.status.value}" if view.is_over else f"the limit of {limit} is reached"
            reason = f"{what}: {view.error}" if view.error else what
            raise RunIncompleteError(
                f"run {view.id} of {view.function_id} did not come to step {step!r}{number}: {reason}. It came to: "
                f"{', '.join(repr(each) for each in view.steps) or 'no step'}\n{view.timeline()}",
                [view.id],
            )
        return view.steps[key]

    async def execute(self, function: object, event: object, data: object, limit: Duration) -> Run:
        """Start one function with an event, and work until its run is over."""
        version = await self._data.function(self.catalog.id_of(function))
        received = tuple(self._received(event, data, None, None, None))
        if not received:
            raise EventError("execute needs an event; the list is empty")
        cause = f"execute/{self.ids.ulid()}"
        start = Start(received, "execute", cause, cause, is_batch=isinstance(event, (list, tuple)))
        run_id = await self._lifecycle.start(version, start, once=False)
        assert run_id is not None  # noqa: S101 - nothing else has the cause
        run = self.run(run_id)
        await self.run_until_complete([run], limit)
        return run

    async def waits_for_signal(self, signal: str) -> str | None:
        """Return the id of the run that waits for a signal; None when there is none."""
        pause = await self._pause_for(signal)
        return None if pause is None else pause.run_id

    async def _pause_for(self, signal: str) -> Pause | None:
        now = self.clock.now()
        pauses = await self._state.pauses_by_event(signal_event(signal))
        return next((each for each in pauses if each.kind is PauseKind.SIGNAL and each.expires >= now), None)

    async def signal(self, signal: str, data: Json) -> str | None:
        """Let the run that waits for a signal go on; returns its id, None when no run waits for it."""
        pause = await self._pause_for(signal)
        if pause is None:
            return None
        try:
            await self._state.lease_pause(pause.id, self.clock.now(), owner=f"signal/{self.ids.ulid()}")
        except (PauseLeasedError, PauseNotFoundError):
            return None
        await self._parts.steps.signal(pause, signal, data)
        await self.settle_now()
        return pause.run_id

    async def rerun(self, run_id: str, new_id: str) -> None:
        """Start another run with the events of one, then work everything that is due; flow control is not asked.

        It executes the newest version of the function; raises `NotFoundError` when that was retired.
        """
        self._known(run_id)
        journal = self.journal
        created, events = journal.runs[run_id][0].data, journal.run_events[run_id]
        version = await self._data.function(journal.functions[run_id])
        cause = f"rerun/{new_id}"
        start = Start(events, created["trigger"], cause, cause, run_id=new_id, is_batch="events" in created)
        await self._lifecycle.start(version, replace(start, received=journal.received_of(run_id)), once=False)
        await self.settle_now()

    async def cancel(self, run: Run | str) -> bool:
        """Cancel a run, then work everything that is due, such as what its places were waited for."""
        run_id = run.id if isinstance(run, Run) else run
        self._known(run_id)
        cancelled = await self._lifecycle.cancel(run_id, "cancelled by the engine's user")
        await self.settle_now()
        return cancelled

    async def clear_queue(self) -> int:
        """Drop what is queued for runs, and cancel those runs; drop debounced events and batches; crons stay."""
        items = [pending.item for pending in self._queue.snapshot() if pending.item.kind is not ItemKind.CRON]
        for run_id in list(self.journal.open_runs):
            await self._lifecycle.cancel(run_id, "the queue was cleared")
        for run_id in dict.fromkeys(item.run_id for item in items if item.run_id):
            await self._queue.discard(run_id=run_id)
        for item in items:
            if item.key:
                await self._parts.intake.forget(item, "the queue was cleared")
        await self._after_work()
        return len(items)

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
            await self._settle(max(due, self.clock.now()), most=most)

    async def _settle(
        self, until: datetime, done: Callable[[], bool] | None = None, *, most: int | None = None
    ) -> None:
        try:
            await self._lockstep.settle(until, done, most=most)
        finally:
            await self._after_work()

    async def _after_work(self) -> None:
        while self._over:
            await self._state.delete(self._over[0])
            self.journal.forget(self._over.popleft())
        if self._remembers_due:
            self._next_due = await self._lockstep.next_due()

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
        self._known(run_id)
        return Run(run_id, self.journal.functions[run_id], self.journal)

    def _known(self, run_id: str) -> None:
        if run_id not in self.journal.runs:
            dropped = "" if self._keep == "all" else f"; or {DROPPED}"
            raise NotFoundError("run", run_id, reason=f"this engine does not have it{dropped}")

    def runs(self, function: object, status: RunStatus | str | None) -> list[Run]:
        """Return runs in order of creation."""
        if function is not None:
            function = self.catalog.id_of(function)
        if status is not None and status not in set(RunStatus):
            raise NotFoundError("status", status, [s.value for s in RunStatus])
        views = (
            Run(run_id, self.journal.functions[run_id], self.journal)
            for run_id in self.journal.runs
            if function is None or self.journal.functions[run_id] == function
        )
        return [run for run in views if status is None or run.status == status]

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
        return [*self.journal.engine, *(entry for entries in self.journal.runs.values() for entry in entries)]

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
