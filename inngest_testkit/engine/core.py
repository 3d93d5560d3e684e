"""All components of the server in one process, wired together; what both engines are made of."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import FakeClock, epoch_ms, later
from inngest_testkit.data_store.base import ActionVersion, DataStore
from inngest_testkit.data_store.memory import MemoryDataStore
from inngest_testkit.drivers.mock import Mock
from inngest_testkit.drivers.python import check_callable
from inngest_testkit.drivers.registry import Drivers
from inngest_testkit.durations import format_duration, to_timedelta
from inngest_testkit.engine.bridge import bridged
from inngest_testkit.engine.freeze import Frozen
from inngest_testkit.engine.lockstep import Lockstep
from inngest_testkit.engine.options import Duration, Options
from inngest_testkit.engine.results import Sent
from inngest_testkit.engine.seams import gated
from inngest_testkit.errors import (
    EventError,
    InvalidFunctionsError,
    NotFoundError,
    RunIncompleteError,
    SetupError,
    suggestion,
)
from inngest_testkit.event_stream.memory import MemoryEventStream
from inngest_testkit.events import Event, to_event
from inngest_testkit.executor.executor import Executor
from inngest_testkit.functions.dsn import dsn
from inngest_testkit.functions.loader import load_functions
from inngest_testkit.functions.model import Function, PythonRuntime
from inngest_testkit.functions.plan import FunctionPlan, plan_function
from inngest_testkit.functions.validation import check_functions
from inngest_testkit.ids import Ids
from inngest_testkit.lifecycle import FlowControlWarning, Recorder, RunLifecycle, UnknownFieldWarning, Warner
from inngest_testkit.queue.base import ItemKind, PendingItem, Queue, QueueItem
from inngest_testkit.queue.memory import MemoryQueue
from inngest_testkit.runner.runner import Runner
from inngest_testkit.runs import HistoryEntry, Journal, Run, RunStatus
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.runs.view import DROPPED
from inngest_testkit.state.memory import MemoryStateStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Container, Mapping, Sequence

    from inngest_testkit.drivers.base import Bridge
    from inngest_testkit.event_stream.base import EventStream
    from inngest_testkit.state.base import StateStore

__all__ = ["Core"]


class Core:
    """The engine itself; every method that does work is a coroutine which suspends only through the bridge."""

    def __init__(self, bridge: Bridge[Any], options: Options) -> None:
        self.seed, self.auto, self._keep = options.seed, options.auto, options.keep
        self.clock = FakeClock(options.start)
        self.frozen = Frozen(self.clock) if options.freeze else None
        self.ids = Ids(options.seed, self.clock)
        self.journal = Journal(bounded=options.keep != "all")
        self.plans: dict[str, FunctionPlan] = {}
        #: The function that an action belongs to, by DSN.
        self._owners: dict[str, str] = {}
        self._warner = Warner()
        gate = options.gate
        self._data: DataStore = gated("data", bridged(options.data or MemoryDataStore(), bridge), gate)
        self._stream: EventStream = gated("events", bridged(options.events or MemoryEventStream(), bridge), gate)
        self._queue: Queue = gated("queue", bridged(options.queue or MemoryQueue(), bridge), gate)
        self._state: StateStore = gated("state", bridged(options.state or MemoryStateStore(), bridge), gate)
        self.drivers = Drivers([bridged(driver, bridge) for driver in options.drivers or ()], bridge)
        recorder = Recorder(self.clock, self._state, self.journal)
        self._lifecycle = RunLifecycle(
            clock=self.clock,
            ids=self.ids,
            state=self._state,
            queue=self._queue,
            journal=self.journal,
            recorder=recorder,
        )
        self._lifecycle.on_end = self._ended
        self._runner = Runner(
            clock=self.clock,
            data=self._data,
            queue=self._queue,
            state=self._state,
            recorder=recorder,
            lifecycle=self._lifecycle,
            warner=self._warner,
        )
        self._lockstep = self._wire_lockstep(options, recorder)
        self._next_due: datetime | None = None
        self._over: deque[str] = deque()
        self._finished: deque[str] = deque()

    def _wire_lockstep(self, options: Options, recorder: Recorder) -> Lockstep:
        executor = Executor(
            clock=self.clock,
            data=self._data,
            queue=self._queue,
            state=self._state,
            drivers=self.drivers,
            recorder=recorder,
            lifecycle=self._lifecycle,
            runner=self._runner,
            publish=self._publish,
            jitter=self.ids.random if options.jitter else None,
        )
        return Lockstep(
            clock=self.clock,
            stream=self._stream,
            queue=self._queue,
            runner=self._runner,
            executor=executor,
            journal=self.journal,
            recorder=recorder,
            chooser=options.chooser,
            max_steps=options.max_steps,
        )

    # -- functions

    async def register(self, *functions: Function) -> None:
        """Add functions, or new versions of those that are there; nothing is added when one has a problem."""
        for function in functions:
            if not isinstance(function, Function):
                raise SetupError(f"register takes Function objects, found {type(function).__name__}: {function!r}")
            for step in function.steps:
                if isinstance(step.runtime, PythonRuntime):
                    check_callable(step.runtime.run, f"function {function.id!r}, step {step.id!r}")
        problems = check_functions(functions) or self._shared_actions(functions)
        if problems:
            raise InvalidFunctionsError(problems)
        for plan in [plan_function(function) for function in functions]:
            await self._add(plan)
        self._next_due = await self._lockstep.next_due()

    def _shared_actions(self, functions: Sequence[Function]) -> list[str]:
        """Find the steps whose action is that of a function which is there already."""
        problems = []
        for function in functions:
            for step in function.steps:
                action = dsn(function.id, step.id)
                owner = self._owners.get(action, function.id)
                if owner != function.id:
                    problems.append(
                        f"function {function.id!r}, step {step.id!r}: its action {action!r} is that of function "
                        f"{owner!r}, which is registered; rename one of them"
                    )
        return problems

    async def load(self, path: str | os.PathLike[str]) -> tuple[Function, ...]:
        """Add every function found below a folder, or in one file."""
        loaded = load_functions(path)
        await self.register(*(each.function for each in loaded))
        for each in loaded:
            for field in each.ignored:
                self._warner.collect(field, UnknownFieldWarning)
        return tuple(each.function for each in loaded)

    async def _add(self, plan: FunctionPlan) -> None:
        now, function_id = self.clock.now(), plan.function.id
        minor = len(await self._data.function_history(function_id)) + 1
        for step in plan.function.steps:
            name = plan.actions[step.id].dsn
            self._owners[name] = function_id
            await self._data.create_action_version(ActionVersion(name, 1, minor, step.name, step.runtime, now))
            await self._data.enable_action_version(name, 1, minor, now)
        version = await self._data.create_function_version(plan, now)
        for pending in self._queue.snapshot():
            if pending.item.kind is ItemKind.CRON and pending.item.function_id == function_id:
                await self._queue.discard(item_id=pending.item.id)
        self.plans[function_id] = plan
        for rule in plan.function.flow_control:
            text = f"function {plan.function.id!r}: {rule} is read and not enforced yet, every event starts a run"
            self._warner.collect(text, FlowControlWarning)
        await self._runner.schedule_crons(version)

    # -- events and time

    async def send(self, event: object, data: object, user: object, id: object, ts: object) -> Sent:  # noqa: A002
        """Take events, then work everything that is due."""
        received = self._received(event, data, user, id, ts)
        started: dict[str, list[str]] = {}
        self.journal.watched = started
        for one in received:
            delivery = f"send/{self.ids.ulid()}"
            started[delivery] = []
            await self._publish(delivery, one)
        await self._lockstep.deliver()
        self.journal.watched = {}
        runs = tuple(self.run(run_id) for run_ids in started.values() for run_id in run_ids)
        if self.auto:
            await self._settle(self.clock.now())
        else:
            await self._after_work()
        return Sent(tuple(e.id or "" for e in received), runs, lambda: self._why_nothing(received, started))

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
        if await self._stream.publish(delivery, event, self.clock.now()):
            self._lockstep.note(delivery, event)

    def _why_nothing(self, events: Sequence[Event], deliveries: Container[str]) -> str:
        """Say why a send started nothing."""
        for entry in reversed(self.journal.engine):
            if entry.kind is HistoryKind.EVENT_SKIPPED and entry.data["cause"] in deliveries:
                taken = f"event id {entry.data['event_id']!r} started run {entry.data['run_id']} already"
                return f"{taken}, and an id starts a function once (idempotency)"
            if entry.kind is HistoryKind.TRIGGER_FAILED and entry.data["event_id"] in {e.id for e in events}:
                return f"the trigger of {entry.data['function_id']!r} could not be evaluated: {entry.data['error']}"
        names = sorted({trigger.event for plan in self.plans.values() for trigger in plan.triggers if trigger.event})
        for event in events:
            if event.name in names:
                return f"the condition of no trigger on {event.name!r} was true for {dict(event.data)!r}"
            return f"no function is triggered by {event.name!r}" + suggestion(
                event.name, names, label="registered triggers"
            )
        return "no event was sent"

    async def advance(self, span: Duration) -> None:
        """Move the clock, working each thing when it is due."""
        delta = to_timedelta(span)
        if delta < timedelta():
            raise SetupError(f"time can't go backwards: advance by {format_duration(delta)} is negative")
        try:
            until = self.clock.now() + delta
        except OverflowError:
            raise SetupError(f"advance by {format_duration(delta)} leaves the calendar") from None
        if self.auto:
            await self._settle(until)
        self.clock.move_to(until)

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
            await self._settle(until, done)
        left = self._open(wanted)
        if left:
            raise RunIncompleteError(self._why_incomplete(left, limit), left)

    def _open(self, wanted: Mapping[str, None]) -> list[str]:
        return [run_id for run_id in wanted or self.journal.open_runs if run_id in self.journal.open_runs]

    def _why_incomplete(self, left: Sequence[str], limit: Duration) -> str:
        shown = "\n".join(f"- {self.run(run_id)!r}; waiting: {list(self.run(run_id).waiting)}" for run_id in left[:5])
        due = self.next_due
        what = "nothing more will happen" if due is None else f"the next thing is due {due}"
        count = "1 run is" if len(left) == 1 else f"{len(left)} runs are"
        remedy = "raise limit=, or send what they wait for"
        return f"{count} not over at {self.clock.now()}, limit {limit}; {what}; {remedy}:\n{shown}"

    async def run_next(self) -> QueueItem | None:
        """Work the next item that is due, moving the clock to it if it lies ahead."""
        item = await self._lockstep.work_one()
        if item is None:
            due = await self._lockstep.next_due()
            if due is not None:
                self.clock.move_to(due)
                item = await self._lockstep.work_one()
        await self._lockstep.deliver()
        await self._after_work()
        return item

    async def cancel(self, run: Run | str) -> bool:
        """Cancel a run; False when it is over."""
        run_id = run.id if isinstance(run, Run) else run
        self._known(run_id)
        cancelled = await self._lifecycle.cancel(run_id, "cancelled by the engine's user")
        await self._after_work()
        return cancelled

    async def clear_queue(self) -> int:
        """Drop what is queued for runs, and cancel those runs; crons stay."""
        items = [pending.item for pending in self._queue.snapshot() if pending.item.kind is not ItemKind.CRON]
        for run_id in list(self.journal.open_runs):
            await self._lifecycle.cancel(run_id, "the queue was cleared")
        for run_id in dict.fromkeys(item.run_id for item in items):
            await self._queue.discard(run_id=run_id)
        await self._after_work()
        return len(items)

    async def _settle(self, until: datetime, done: Callable[[], bool] | None = None) -> None:
        try:
            await self._lockstep.settle(until, done)
        finally:
            await self._after_work()

    async def _after_work(self) -> None:
        while self._over:
            await self._state.delete(self._over[0])
            self.journal.forget(self._over.popleft())
        self._next_due = await self._lockstep.next_due()

    def emit_warnings(self) -> None:
        """Emit the warnings of the work just done."""
        self._warner.emit(stacklevel=4)

    def _ended(self, run_id: str) -> None:
        if self._keep == "all":
            return
        if self._keep == "failed":
            if self.journal.fold(run_id).status is RunStatus.COMPLETED:
                self._over.append(run_id)
        else:
            self._finished.append(run_id)
            if len(self._finished) > self._keep:
                self._over.append(self._finished.popleft())

    # -- what there is

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

    def runs(self, function: str | None, status: RunStatus | str | None) -> list[Run]:
        """Return runs in order of creation."""
        if function is not None and function not in self.plans:
            raise NotFoundError("function", function, self.plans)
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
        return [event for event in self.journal.events if name is None or event.name == name]

    def history(self) -> list[HistoryEntry]:
        """Return every transition: the engine's own, and each run's."""
        return [*self.journal.engine, *(entry for entries in self.journal.runs.values() for entry in entries)]

    def pending(self) -> tuple[PendingItem, ...]:
        """Return what is queued, in order."""
        return tuple(self._queue.snapshot())

    def mock(self, function_id: str, step_id: str, **behaviour: Any) -> Mock:  # noqa: ANN401 - as Mock takes it
        """Put a mock before a step."""
        plan = self.plans.get(function_id)
        if plan is None:
            raise NotFoundError("function", function_id, self.plans)
        if step_id not in plan.actions:
            raise NotFoundError("step", step_id, plan.step_ids, reason=f"function {function_id!r} does not have it")
        return self.drivers.mocks.add(Mock(function_id, step_id, **behaviour))

    async def close(self) -> None:
        """Close what the engine opened."""
        await self.drivers.close()
