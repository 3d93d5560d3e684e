"""Work a queue item: run the step it asks for, keep the result, queue what follows.

Source: recordings/dag README, "Runs and edges", "Failure and retry". An item is completed last, so that one
whose worker is lost is worked again; everything before can be repeated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inngest_testkit.clock import later
from inngest_testkit.drivers.base import StepRequest, StepResponse
from inngest_testkit.errors import NotFoundError, PauseNotFoundError
from inngest_testkit.executor.dag import DagWalker, EdgeError
from inngest_testkit.executor.retries import MAX_ATTEMPTS, retry_at
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.lifecycle.edges import edge_item
from inngest_testkit.queue.base import ItemKind, QueueItem
from inngest_testkit.runs.model import ErrorInfo, HistoryKind
from inngest_testkit.values import NULL

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.drivers.registry import Drivers
    from inngest_testkit.events import Event
    from inngest_testkit.functions.plan import FunctionPlan
    from inngest_testkit.lifecycle import Recorder, RunLifecycle
    from inngest_testkit.queue.base import Lease, Queue
    from inngest_testkit.runner.runner import Runner
    from inngest_testkit.state.base import RunState, StateStore
    from inngest_testkit.values import Json

__all__ = ["Executor"]


class Executor:
    """Works one leased item at a time. `publish` takes the events that steps send, with an id for each delivery."""

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
        runner: Runner,
        publish: Callable[[str, Event], Awaitable[None]],
        jitter: random.Random | None,
    ) -> None:
        self._clock, self._data, self._queue, self._state = clock, data, queue, state
        self._drivers, self._recorder, self._lifecycle, self._runner = drivers, recorder, lifecycle, runner
        self._publish, self._jitter = publish, jitter
        self._walker = DagWalker(clock=clock, queue=queue, state=state, recorder=recorder)

    async def work(self, lease: Lease) -> None:
        """Do what an item asks for, then complete it."""
        item, once = lease.item, lease.deliveries > 1
        if item.kind is ItemKind.CRON:
            await self._runner.fire_cron(item, lease.at, once=once)
        elif item.kind is ItemKind.PAUSE:
            until = await self._state.pause_leased_until(item.pause_id, self._clock.now())
            if until is not None:
                await self._queue.requeue(lease, until)
                return
            await self._time_out(item, once=once)
        else:
            await self._work_run(item, once=once)
        await self._queue.complete(lease)

    async def _work_run(self, item: QueueItem, *, once: bool) -> None:
        try:
            state = await self._state.load(item.run_id)
        except NotFoundError:
            return  # the run was dropped
        if state.is_over:
            return
        version = await self._data.function_version(state.run.function_id, state.run.function_version)
        try:
            if once and item.step != TRIGGER and await self._again(item, state, version.plan):
                return
            if item.kind is ItemKind.EDGE:
                await self._visit(item, state, version.plan, once=once)
            elif item.step in state.outputs:
                # An attempt that was thought lost has succeeded in the meantime.
                await self._follow(item, version.plan, once=once)
            elif item.kind is ItemKind.RETRY:
                await self._attempt(item, state, version.plan, once=once)
            else:
                await self._finish(item, StepResponse.from_json(item.result or NULL), version.plan, once=once)
        except EdgeError as error:
            await self._lifecycle.fail(item.run_id, error.info, once=once)

    async def _visit(self, item: QueueItem, state: RunState, plan: FunctionPlan, *, once: bool) -> None:
        """Walk an edge: run its child, or, when the child is done, look at the child's edges again."""
        # Whoever queued the item may have been lost before it counted it.
        await self._state.schedule(item.run_id, item.token)
        if item.step == TRIGGER:
            await self._recorder.run(HistoryKind.RUN_STARTED, item.run_id, once=once)
        elif item.step not in state.outputs:
            if await self._state.claim(item.run_id, item.step, item.token):
                await self._attempt(item, state, plan, once=once)
                return
            # Another edge's visit runs the step, or saw it fail for good: its attempts are counted once.
            await self._record_visit(item, once=once)
            await self._lifecycle.finalise(item.run_id, item.token, once=once)
            return
        else:
            await self._record_visit(item, once=once)
        await self._follow(item, plan, once=once, visited=True)

    async def _again(self, item: QueueItem, state: RunState, plan: FunctionPlan) -> bool:
        """Go on where a lost worker stopped, if what the step came to is kept; False when it is to be done again."""
        if not await self._state.claim(item.run_id, item.step, item.token):
            return False
        if item.step in state.outputs:
            await self._completed(item, state.outputs[item.step], plan, once=True)
            return True
        if item.step in state.failed:
            data = {"error": state.errors[item.step]}
            await self._recorder.run(
                HistoryKind.STEP_FAILED, item.run_id, item.step, item.attempt, data=data, once=True
            )
            await self._lifecycle.finalise(item.run_id, item.token, once=True)
            return True
        return False

    async def _follow(self, item: QueueItem, plan: FunctionPlan, *, once: bool, visited: bool = False) -> None:
        await self._walker.expand(plan, item.run_id, item.step, item.edge, once=once, visited=visited)
        await self._lifecycle.finalise(item.run_id, item.token, once=once)

    async def _record_visit(self, item: QueueItem, *, once: bool) -> None:
        data = {"edge": item.edge}
        await self._recorder.run(HistoryKind.STEP_VISITED_AGAIN, item.run_id, item.step, data=data, once=once)

    async def _attempt(self, item: QueueItem, state: RunState, plan: FunctionPlan, *, once: bool) -> None:
        await self._recorder.run(
            HistoryKind.STEP_STARTED, item.run_id, item.step, item.attempt, data={"edge": item.edge}, once=once
        )
        reference = plan.actions[item.step]
        try:
            action = await self._data.action(reference.dsn, reference.constraint)
        except NotFoundError as error:
            await self._finish(
                item, StepResponse(error=ErrorInfo.from_exception(error), retryable=False), plan, once=once
            )
            return
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
        )
        response = await self._drivers.execute(request)
        if response.takes:
            until = later(self._clock.now(), response.takes)
            finish = replace(
                item,
                id=f"{item.run_id}/{item.step}@{item.attempt}/finish",
                kind=ItemKind.FINISH,
                result=response.to_json(),
            )
            await self._queue.enqueue(finish, until)
            await self._recorder.run(
                HistoryKind.STEP_TAKES, item.run_id, item.step, item.attempt, data={"until": until}, once=once
            )
        else:
            await self._finish(item, response, plan, once=once)

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
        await self._recorder.run(
            HistoryKind.STEP_COMPLETED, item.run_id, item.step, item.attempt, data={"output": output}, once=once
        )
        await self._follow(item, plan, once=once)

    async def _failed(self, item: QueueItem, response: StepResponse, error: ErrorInfo, *, once: bool) -> None:
        final = not response.retryable or item.attempt + 1 >= MAX_ATTEMPTS
        await self._state.save_error(item.run_id, item.step, error, final=final)
        at = None if final else retry_at(self._clock.now(), item.attempt, response.retry_after, self._jitter)
        data: dict[str, object] = {"error": error} if at is None else {"error": error, "retry_at": at}
        await self._recorder.run(HistoryKind.STEP_FAILED, item.run_id, item.step, item.attempt, data=data, once=once)
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

    async def _time_out(self, item: QueueItem, *, once: bool) -> None:
        """End a pause whose time is over; nothing when its event came."""
        try:
            pause = await self._state.pause_by_id(item.pause_id)
        except PauseNotFoundError:
            return
        data = {"edge": pause.edge, "event": pause.event, "taken": pause.on_timeout}
        await self._recorder.run(HistoryKind.PAUSE_TIMED_OUT, item.run_id, pause.child, data=data, once=once)
        if pause.on_timeout:
            item = edge_item(pause.function_id, pause.run_id, pause.edge, pause.child)
            await self._queue.enqueue(item, self._clock.now())
        else:
            await self._lifecycle.finalise(item.run_id, pause.edge, once=once)
        try:
            await self._state.consume_pause(pause.id)
        except PauseNotFoundError:
            return  # the end of the run removed it
