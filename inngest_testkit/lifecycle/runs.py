"""The beginning and the end of a run.

A write that marks something as done comes last, so that whoever is stopped before it does everything again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import IdentifierExistsError
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.lifecycle.announce import end_events, tells_of_end
from inngest_testkit.lifecycle.edges import edge_item
from inngest_testkit.lifecycle.steps import call_item, discovery_token
from inngest_testkit.queue.base import Call
from inngest_testkit.runs.model import EMPTY, ErrorInfo, HistoryKind, RunStatus
from inngest_testkit.state.base import NewRun
from inngest_testkit.values import NULL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import FunctionVersion
    from inngest_testkit.events import Event
    from inngest_testkit.ids import Ids
    from inngest_testkit.lifecycle.recorder import Recorder
    from inngest_testkit.queue.base import Queue, QueueItem
    from inngest_testkit.runs.journal import Journal
    from inngest_testkit.state.base import RunState, StateStore
    from inngest_testkit.values import Json

__all__ = ["RunLifecycle"]


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
        publish: Callable[[str, Event], Awaitable[None]],
    ) -> None:
        self._clock, self._ids, self._state, self._queue = clock, ids, state, queue
        self._journal, self._recorder = journal, recorder
        self.on_end: Callable[[str], None] = lambda run_id: None
        self.publish = publish

    async def start(
        self,
        version: FunctionVersion,
        event: Event,
        *,
        trigger: str,
        cause: str,
        key: str | None,
        once: bool,
        at: datetime | None = None,
    ) -> bool:
        """Create a run of a function for an event, and queue its first work; False when the key has a run.

        `cause` names the delivery that asks for the run, `key` the event's part of the idempotency key (none: the
        delivery's own), `at` when the work is due if not now.
        """
        run_id, function_id = self._ids.ulid(), version.function_id
        new = NewRun(
            run_id=run_id,
            function_id=function_id,
            function_version=version.version,
            workflow_id=version.plan.workflow_id,
            key=f"{version.plan.workflow_id}:{key or cause}",
            cause=cause,
            event=event.to_json(),
            created_at=self._clock.now(),
            app_id=version.plan.function.app_id if isinstance(version.plan, AppPlan) else "",
        )
        try:
            run_id = (await self._state.create(new)).run.run_id
        except IdentifierExistsError as error:
            dropped = {
                "rule": "idempotency",
                "reason": f"its id started run {error.run_id} already",
                "function_id": function_id,
                "event_id": event.id,
                "cause": cause,
                "run_id": error.run_id,
            }
            self._recorder.engine(HistoryKind.EVENT_DROPPED, dropped)
            return False
        self._journal.open(run_id, function_id, version.plan, (event,), cause)
        data = {"trigger": trigger, "event_id": event.id, "function_version": version.version}
        await self._recorder.run(HistoryKind.RUN_CREATED, run_id, data=data, once=once)
        first = _first_item(version, run_id)
        now = self._clock.now()
        await self._queue.enqueue(first, now if at is None else max(now, at))
        await self._state.schedule(run_id, first.token)
        return True

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

    async def cancel(self, run_id: str, reason: str) -> bool:
        """Cancel a run; False when it is over already."""
        if (await self._state.load(run_id)).is_over:
            return False
        await self._end(run_id, RunStatus.CANCELLED, {"reason": reason}, {}, once=True)
        return True

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
        await self._state.end(run_id, status)
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
