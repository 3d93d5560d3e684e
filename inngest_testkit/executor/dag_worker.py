"""Work an item of a DAG function's run: run the step it asks for, keep the result, take the edges that follow.

Source: recordings/dag README, "Runs and edges", "Failure and retry". Everything can be done again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inngest_testkit.clock import later
from inngest_testkit.drivers.base import StepRequest, StepResponse
from inngest_testkit.errors import NotFoundError
from inngest_testkit.executor.dag import DagWalker, EdgeError
from inngest_testkit.executor.retries import MAX_ATTEMPTS
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.lifecycle.edges import finish_item
from inngest_testkit.queue.base import ItemKind
from inngest_testkit.runs.model import ErrorInfo, HistoryKind
from inngest_testkit.values import NULL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.drivers.registry import Drivers
    from inngest_testkit.events import Event
    from inngest_testkit.executor.retries import Retries
    from inngest_testkit.functions.plan import FunctionPlan
    from inngest_testkit.lifecycle import Recorder, RunLifecycle
    from inngest_testkit.queue.base import Queue, QueueItem
    from inngest_testkit.state.base import RunState, StateStore
    from inngest_testkit.values import Json

__all__ = ["DagWorker", "runs_step"]


def runs_step(item: QueueItem, state: RunState) -> bool:
    """Whether an item runs a step; the end of one, and the edge to one that is done, do not."""
    return item.kind in _RUN and item.step != TRIGGER and item.step not in state.outputs


#: Taken out of their enumerations once, which is slow.
_EDGE = ItemKind.EDGE
_RUN = frozenset({ItemKind.EDGE, ItemKind.RETRY})
_STARTED, _TAKES, _COMPLETED = HistoryKind.STEP_STARTED, HistoryKind.STEP_TAKES, HistoryKind.STEP_COMPLETED


class DagWorker:
    """Works the items of runs of DAG functions. `publish` takes the events that steps send.

    `alone`: no other item is worked while a step runs, so its run cannot end meanwhile.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        data: DataStore,
        queue: Queue,
        state: StateStore,
        drivers: Drivers,
        recorder: Recorder,
        lifecycle: RunLifecycle,
        publish: Callable[[str, Event], Awaitable[None]],
        retries: Retries,
        owner: object = None,
        alone: bool = True,
    ) -> None:
        self._clock, self._data, self._queue, self._state = clock, data, queue, state
        self._drivers, self._recorder, self._lifecycle = drivers, recorder, lifecycle
        self._publish, self._retries, self._owner, self._alone = publish, retries, owner, alone
        self._walker = DagWalker(clock=clock, queue=queue, state=state, recorder=recorder)

    async def work(self, item: QueueItem, state: RunState, plan: FunctionPlan, *, once: bool) -> bool:
        """Do what an item asks for; True when it began a step that takes virtual time."""
        try:
            if once and item.step != TRIGGER and await self._again(item, state, plan):
                return False
            if item.kind is _EDGE:
                return await self._visit(item, state, plan, once=once)
            if item.step in state.outputs:
                # An attempt that was thought lost has succeeded in the meantime.
                await self._follow(item, plan, once=once)
            elif item.kind is ItemKind.RETRY:
                if item.step in state.failed:
                    return False  # queued anew by a worker that was thought lost, when all attempts had been made
                return await self._attempt(item, state, plan, once=once)
            else:
                await self._finish(item, StepResponse.from_json(item.result or NULL), plan, once=once)
        except EdgeError as error:
            await self._lifecycle.fail(item.run_id, error.info, once=once)
        return False

    async def _visit(self, item: QueueItem, state: RunState, plan: FunctionPlan, *, once: bool) -> bool:
        """Walk an edge: run its child, or, when the child is done, look at the child's edges again."""
        # Whoever queued the item may have been lost before it counted it.
        await self._state.schedule(item.run_id, item.token)
        if item.step == TRIGGER:
            await self._recorder.run(HistoryKind.RUN_STARTED, item.run_id, once=once)
        elif item.step not in state.outputs:
            if await self._state.claim(item.run_id, item.step, item.token):
                if item.step in state.errors and not once:
                    return False  # queued anew when its pause timed out twice: its attempts are under way, or over
                return await self._attempt(item, state, plan, once=once)
            # Another edge's visit runs the step, or saw it fail for good: its attempts are counted once.
            await self._record_visit(item, once=once)
            await self._lifecycle.finalise(item.run_id, item.token, once=once)
            return False
        else:
            await self._record_visit(item, once=once)
        await self._follow(item, plan, once=once, visited=item.step != TRIGGER)
        return False

    async def _again(self, item: QueueItem, state: RunState, plan: FunctionPlan) -> bool:
        """Go on where a lost worker stopped, if what the step came to is kept; False when it is to be done again."""
        if not await self._state.claim(item.run_id, item.step, item.token):
            return False
        if item.step in state.outputs:
            await self._completed(item, state.outputs[item.step], plan, once=True)
            return True
        if item.step in state.failed:
            data = {"error": state.errors[item.step]}
            await self._recorder.run(HistoryKind.STEP_FAILED, item.run_id, item.step, item.attempt, data, once=True)
            await self._lifecycle.finalise(item.run_id, item.token, once=True)
            return True
        return False

    async def _follow(self, item: QueueItem, plan: FunctionPlan, *, once: bool, visited: bool = False) -> None:
        await self._walker.expand(plan, item.run_id, item.step, item.edge, once=once, visited=visited)
        await self._lifecycle.finalise(item.run_id, item.token, once=once)

    async def _record_visit(self, item: QueueItem, *, once: bool) -> None:
        data = {"edge": item.edge}
        await self._recorder.run(HistoryKind.STEP_VISITED_AGAIN, item.run_id, item.step, data=data, once=once)

    async def _attempt(self, item: QueueItem, state: RunState, plan: FunctionPlan, *, once: bool) -> bool:
        """Run the step; True when it takes virtual time."""
        await self._recorder.run(_STARTED, item.run_id, item.step, item.attempt, {"edge": item.edge}, once=once)
        reference = plan.actions[item.step]
        try:
            action = await self._data.action(reference.dsn, reference.constraint)
        except NotFoundError as error:
            await self._finish(
                item, StepResponse(error=ErrorInfo.from_exception(error), retryable=False), plan, once=once
            )
            return False
        request = StepRequest(
            run_id=item.run_id,
            function_id=state.run.function_id,
            workflow_id=state.run.workflow_id,
            step_id=item.step,
            attempt=item.attempt,
            event=state.run.event,
            outputs=state.outputs,
            action=action,
            now=self._clock.now(),
            owner=self._owner,
            batch=state.run.batch,
        )
        response = await self._drivers.execute(request)
        if not self._alone and await self._is_over(item.run_id):
            return False
        if response.takes:
            until = later(self._clock.now(), response.takes)
            await self._queue.enqueue(finish_item(item, response.to_json()), until)
            await self._recorder.run(_TAKES, item.run_id, item.step, item.attempt, {"until": until}, once=once)
            return True
        await self._finish(item, response, plan, once=once)
        return False

    async def _is_over(self, run_id: str) -> bool:
        try:
            return (await self._state.load(run_id)).is_over
        except NotFoundError:
            return True  # and dropped

    async def _finish(self, item: QueueItem, response: StepResponse, plan: FunctionPlan, *, once: bool) -> None:
        """Keep what became of an attempt, and queue what follows from it."""
        if response.error is not None:
            await self._failed(item, response, response.error, once=once)
            return
        # First, because nothing of an attempt is done again once its output is kept.
        for index, event in enumerate(response.events):
            await self._publish(f"{item.run_id}/{item.step}/event{index}", event)
        output = NULL if response.output is None else response.output
        await self._state.save_output(item.run_id, item.step, output)
        await self._completed(item, output, plan, once=once)

    async def _completed(self, item: QueueItem, output: Json, plan: FunctionPlan, *, once: bool) -> None:
        await self._recorder.run(_COMPLETED, item.run_id, item.step, item.attempt, {"output": output}, once=once)
        await self._follow(item, plan, once=once)

    async def _failed(self, item: QueueItem, response: StepResponse, error: ErrorInfo, *, once: bool) -> None:
        final = not response.retryable or item.attempt + 1 >= MAX_ATTEMPTS
        await self._state.save_error(item.run_id, item.step, error, final=final)
        at = None if final else self._retries.of_step(self._clock.now(), item.attempt, response.retry_after)
        data: dict[str, object] = {"error": error} if at is None else {"error": error, "retry_at": at}
        await self._recorder.run(HistoryKind.STEP_FAILED, item.run_id, item.step, item.attempt, data, once=once)
        if at is None:
            await self._lifecycle.finalise(item.run_id, item.token, once=once)
            return
        retry = replace(
            item,
            id=f"{item.run_id}/{item.step}@{item.attempt + 1}",
            kind=ItemKind.RETRY,
            attempt=item.attempt + 1,
            result=None,
        )
        await self._queue.enqueue(retry, at)
