"""The beginning and the end of a run.

A write that marks something as done comes last, so that whoever is stopped before it does everything again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import later
from inngest_testkit.errors import IdentifierExistsError, NotFoundError
from inngest_testkit.flow.priority import factor_of
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.lifecycle.announce import end_events, tells_of_end
from inngest_testkit.lifecycle.edges import edge_item
from inngest_testkit.lifecycle.steps import call_item, discovery_token
from inngest_testkit.lifecycle.terms import cancel_pauses, keys_of
from inngest_testkit.lifecycle.timeouts import FINISH, START, timeout_item
from inngest_testkit.queue.base import Call
from inngest_testkit.records import quick
from inngest_testkit.runs.model import EMPTY, ErrorInfo, HistoryKind, RunStatus
from inngest_testkit.state.base import NewRun
from inngest_testkit.values import NULL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import FunctionVersion
    from inngest_testkit.events import Event
    from inngest_testkit.functions.flow_control import FlowControl
    from inngest_testkit.ids import Ids
    from inngest_testkit.lifecycle.admission import Admission
    from inngest_testkit.lifecycle.recorder import Recorder
    from inngest_testkit.queue.base import Queue, QueueItem
    from inngest_testkit.runs.journal import Journal
    from inngest_testkit.state.base import RunState, StateStore
    from inngest_testkit.values import Json

__all__ = ["RunLifecycle", "Start"]


@quick
@dataclass(frozen=True, slots=True)
class Start:
    """What a run is started with.

    `cause` names what asks for the run, `delivery` the event's delivery that is told of it. `key` is the events' part
    of the idempotency key (none: the cause), `at` when the work is due if not now, `lock` what the run holds while it
    is alive, for which its `run_id` is known before. `is_batch`: the events were collected, even if it is one.
    `received` are the deliveries by which the events came, in their order (none: `delivery`).
    """

    events: tuple[Event, ...]
    trigger: str
    cause: str
    delivery: str
    key: str | None = None
    at: datetime | None = None
    lock: str = ""
    run_id: str = ""
    is_batch: bool = False
    received: tuple[str, ...] = ()


class RunLifecycle:
    """Starts runs, counts their pending work down, and ends them; `on_end` is told the id of each that is over.

    `publish` takes the events that the server itself sends, with an id for each delivery.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        state: StateStore,
        queue: Queue,
        journal: Journal,
        recorder: Recorder,
        admission: Admission,
        publish: Callable[[str, Event], Awaitable[None]],
    ) -> None:
        self._clock, self._ids, self._state, self._queue = clock, ids, state, queue
        self._journal, self._recorder, self._admission = journal, recorder, admission
        self.on_end: Callable[[str], None] = lambda run_id: None
        self.publish = publish

    async def start(self, version: FunctionVersion, start: Start, *, once: bool) -> str | None:
        """Create a run of a function, and queue its first work; returns the run's id, None when its key has a run."""
        now, event = self._clock.now(), start.events[0]
        new = self._new(version, start, now)
        try:
            run = (await self._state.create(new)).run
        except IdentifierExistsError as error:
            reason = f"event id {event.id!r} started run {error.run_id} already, within 24 hours"
            self._recorder.dropped(
                "idempotency", reason, version.function_id, event, start.delivery, run_id=error.run_id, once=once
            )
            return None
        run_id = run.run_id
        self._journal.open(run_id, version.function_id, version.plan, start.events, start.delivery, start.received)
        data: dict[str, Any] = {"trigger": start.trigger, "event_id": event.id, "function_version": version.version}
        if start.is_batch:
            data["events"] = len(start.events)
        await self._recorder.run(HistoryKind.RUN_CREATED, run_id, data=data, once=once)
        first = _first_item(version, run_id)
        if once and await self._state.is_scheduled(run_id, first.token):
            return run_id  # it may be under way, or over
        flow = version.plan.flow
        if flow is not None and (flow.batch is None or not start.is_batch):
            await self._attach(run, flow, now)
        at = now if start.at is None else max(now, start.at)
        if run.priority < 0:
            at = max(at, later(now, timedelta(seconds=-run.priority)))
        await self._queue.enqueue(first, at, priority=-max(0, run.priority))
        await self._state.schedule(run_id, first.token)
        return run_id

    def _new(self, version: FunctionVersion, start: Start, now: datetime) -> NewRun:
        plan, event = version.plan, start.events[0].to_json()
        flow, priority = plan.flow, 0
        keys: tuple[str, ...] = ()
        if flow is not None:
            variables = {"event": event.value}
            priority = factor_of(flow.priority, variables, self._clock.now)
            keys = keys_of(flow, variables, self._clock.now)
        return NewRun(
            run_id=start.run_id or self._ids.ulid(),
            function_id=version.function_id,
            function_version=version.version,
            workflow_id=plan.workflow_id,
            key=f"{plan.workflow_id}:{start.key or start.cause}",
            cause=start.cause,
            event=event,
            created_at=now,
            app_id=plan.function.app_id if isinstance(plan, AppPlan) else "",
            batch=tuple([each.to_json() for each in start.events[1:]]),
            priority=priority,
            keys=keys,
            lock=start.lock,
        )

    async def _attach(self, run: NewRun, flow: FlowControl, now: datetime) -> None:
        """Queue and save what may cancel the run. A run of a batch has nothing of that, as on the server."""
        if flow.cancel:
            variables = {"event": run.event.value}
            for pause in cancel_pauses(flow, run.run_id, run.function_id, variables, now):
                await self._state.save_pause(pause)
        if flow.start_timeout is not None:
            item = timeout_item(run.run_id, run.function_id, START)
            await self._queue.enqueue(item, later(now, flow.start_timeout))

    async def complete(self, run_id: str, output: Json, *, once: bool) -> None:
        """End a run of an app's function with what the function returned."""
        await self._end(run_id, RunStatus.COMPLETED, {"output": output}, {"result": output.value}, once=once)

    async def finalise(self, run_id: str, token: str, *, once: bool) -> None:
        """Count a piece of work as done; the run is over when it was the last."""
        if await self._state.finalise(run_id, token) > 0:
            return
        state = await self._state.load(run_id)
        if state.is_over:
            return
        if state.failed:
            await self.fail(run_id, state.errors[state.failed[0]], once=once)
        else:
            outcome = {"result": _last_output(state).value} if tells_of_end(state.run) else {}
            await self._end(run_id, RunStatus.COMPLETED, EMPTY, outcome, once=once, run=state.run)

    async def fail(
        self,
        run_id: str,
        error: ErrorInfo,
        *,
        once: bool,
        output: Json | None = None,
        outcome: Mapping[str, Any] | None = None,
    ) -> None:
        """End a run that failed; `output` is the run's own, `outcome` the `error` and `result` that its events tell."""
        data: dict[str, Any] = {"error": error} if output is None else {"error": error, "output": output}
        told = {"error": {"message": error.message, "name": error.name}} if outcome is None else outcome
        await self._end(run_id, RunStatus.FAILED, data, told, once=once)

    async def cancel(self, run_id: str, reason: str, *, rule: str = "", event_id: str | None = None) -> bool:
        """Cancel a run; False when it is over already. `rule` and event are those that ask for it, if any."""
        if (await self._state.load(run_id)).is_over:
            return False
        data = {"reason": reason}
        if rule:
            data["rule"] = rule
        if event_id:
            data["event_id"] = event_id
        await self._end(run_id, RunStatus.CANCELLED, data, {}, once=True)
        return True

    async def time_out(self, item: QueueItem) -> None:
        """Cancel a run whose time is over, unless it was in time."""
        try:
            state = await self._state.load(item.run_id)
        except NotFoundError:
            return
        if not state.is_over and (item.edge == FINISH or not await self._has_begun(state.run)):
            what = "did not begin in time" if item.edge == START else "was not over in time"
            await self.cancel(item.run_id, f"it {what}", rule=item.edge)

    async def _has_begun(self, run: NewRun) -> bool:
        """Whether the function was called; of a DAG function, whether a step has begun, or none was held up."""
        kinds = [entry.kind for entry in await self._state.history(run.run_id)]
        if HistoryKind.STEP_STARTED in kinds or HistoryKind.RUN_STARTED not in kinds:
            return HistoryKind.STEP_STARTED in kinds
        return bool(run.app_id) or HistoryKind.HELD not in kinds[kinds.index(HistoryKind.RUN_STARTED) :]

    async def _end(
        self,
        run_id: str,
        status: RunStatus,
        data: Mapping[str, Any],
        outcome: Mapping[str, Any],
        *,
        once: bool,
        run: NewRun | None = None,
    ) -> None:
        await self._recorder.run(_KINDS[status], run_id, data=data, once=once)
        self.on_end(run_id)
        if run is None:
            run = (await self._state.load(run_id)).run
        for name, event in end_events(run, status, outcome, self._ids, self._clock.now()):
            await self.publish(f"{run_id}/{name}", event)
        await self._admission.end(run)
        await self._state.end(run_id, status)
        await self._admission.unlock(run)
        # Last: what is left in the queue of a run that is over is not worked.
        await self._queue.discard(run_id=run_id)


def _last_output(state: RunState) -> Json:
    return next(reversed(list(state.outputs.values())), NULL)


def _first_item(version: FunctionVersion, run_id: str) -> QueueItem:
    if isinstance(version.plan, AppPlan):
        return call_item(run_id, version.function_id, discovery_token(0), Call())
    return edge_item(version.function_id, run_id, TRIGGER, TRIGGER)


_KINDS = {
    RunStatus.COMPLETED: HistoryKind.RUN_COMPLETED,
    RunStatus.FAILED: HistoryKind.RUN_FAILED,
    RunStatus.CANCELLED: HistoryKind.RUN_CANCELLED,
}
