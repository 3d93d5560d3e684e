"""The beginning and the end of a run.

A write that marks something as done comes last, so that whoever is stopped before it does everything again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import IdentifierExistsError
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.lifecycle.edges import edge_item
from inngest_testkit.runs.model import EMPTY, ErrorInfo, HistoryKind, RunStatus
from inngest_testkit.state.base import NewRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import FunctionVersion
    from inngest_testkit.events import Event
    from inngest_testkit.ids import Ids
    from inngest_testkit.lifecycle.recorder import Recorder
    from inngest_testkit.queue.base import Queue
    from inngest_testkit.runs.journal import Journal
    from inngest_testkit.state.base import StateStore

__all__ = ["RunLifecycle"]


class RunLifecycle:
    """Starts runs, counts their pending work down, and ends them; `on_end` is told the id of each that is over."""

    def __init__(
        self, *, clock: Clock, ids: Ids, state: StateStore, queue: Queue, journal: Journal, recorder: Recorder
    ) -> None:
        self._clock, self._ids, self._state, self._queue = clock, ids, state, queue
        self._journal, self._recorder = journal, recorder
        self.on_end: Callable[[str], None] = lambda run_id: None

    async def start(
        self, version: FunctionVersion, event: Event, *, trigger: str, cause: str, key: str | None, once: bool
    ) -> bool:
        """Create a run of a function for an event, and queue its first work; False when the key has a run.

        `cause` names the delivery that asks for the run, `key` the event's part of the idempotency key (none: the
        delivery's own).
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
        )
        try:
            run_id = (await self._state.create(new)).run.run_id
        except IdentifierExistsError as error:
            skipped = {"function_id": function_id, "event_id": event.id, "cause": cause, "run_id": error.run_id}
            self._recorder.engine(HistoryKind.EVENT_SKIPPED, {**skipped, "reason": "idempotency"})
            return False
        self._journal.open(run_id, function_id, version.plan, (event,), cause)
        data = {"trigger": trigger, "event_id": event.id, "function_version": version.version}
        await self._recorder.run(HistoryKind.RUN_CREATED, run_id, data=data, once=once)
        await self._queue.enqueue(edge_item(function_id, run_id, TRIGGER, TRIGGER), self._clock.now())
        await self._state.schedule(run_id, TRIGGER)
        return True

    async def finalise(self, run_id: str, token: str, *, once: bool) -> None:
        """Count a piece of work as done; the run is over when it was the last."""
        if await self._state.finalise(run_id, token) > 0:
            return
        state = await self._state.load(run_id)
        if state.is_over:
            return
        if state.failed:
            await self._end(run_id, RunStatus.FAILED, {"error": state.errors[state.failed[0]]}, once=once)
        else:
            await self._end(run_id, RunStatus.COMPLETED, EMPTY, once=once)

    async def fail(self, run_id: str, error: ErrorInfo, *, once: bool) -> None:
        """End a run at once because something of it cannot be evaluated."""
        await self._end(run_id, RunStatus.FAILED, {"error": error}, once=once)

    async def cancel(self, run_id: str, reason: str) -> bool:
        """Cancel a run; False when it is over already."""
        if (await self._state.load(run_id)).is_over:
            return False
        await self._end(run_id, RunStatus.CANCELLED, {"reason": reason}, once=True)
        return True

    async def _end(self, run_id: str, status: RunStatus, data: Mapping[str, Any], *, once: bool) -> None:
        await self._recorder.run(_KINDS[status], run_id, data=data, once=once)
        self.on_end(run_id)
        await self._state.end(run_id, status)
        # Last: what is left in the queue of a run that is over is not worked.
        await self._queue.discard(run_id=run_id)


_KINDS = {
    RunStatus.COMPLETED: HistoryKind.RUN_COMPLETED,
    RunStatus.FAILED: HistoryKind.RUN_FAILED,
    RunStatus.CANCELLED: HistoryKind.RUN_CANCELLED,
}
