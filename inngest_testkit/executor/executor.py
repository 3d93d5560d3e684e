"""Work a queue item: find out what it belongs to, and hand it to who works such items.

An item is completed last, so that one whose worker is lost is worked again; everything before can be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.clock import later
from inngest_testkit.errors import NotFoundError, PauseNotFoundError
from inngest_testkit.executor.app_worker import calls_app, is_first_call
from inngest_testkit.executor.dag_worker import runs_step
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.lifecycle.edges import edge_item
from inngest_testkit.lifecycle.timeouts import FINISH, timeout_item
from inngest_testkit.queue.base import ItemKind
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.state.base import PauseKind

if TYPE_CHECKING:
    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.executor.app_worker import AppWorker
    from inngest_testkit.executor.dag_worker import DagWorker
    from inngest_testkit.functions.app import Plan
    from inngest_testkit.functions.flow_control import FlowControl
    from inngest_testkit.lifecycle import Admission, AppSteps, Recorder, RunLifecycle
    from inngest_testkit.queue.base import Lease, Queue, QueueItem
    from inngest_testkit.runner.intake import Intake
    from inngest_testkit.runner.runner import Runner
    from inngest_testkit.state.base import RunState, StateStore

__all__ = ["Executor"]


class Executor:
    """Works one leased item at a time."""

    def __init__(
        self,
        *,
        clock: Clock,
        data: DataStore,
        queue: Queue,
        state: StateStore,
        recorder: Recorder,
        lifecycle: RunLifecycle,
        steps: AppSteps,
        runner: Runner,
        intake: Intake,
        admission: Admission,
        dag: DagWorker,
        apps: AppWorker,
    ) -> None:
        self._clock, self._data, self._queue, self._state = clock, data, queue, state
        self._recorder, self._lifecycle, self._steps, self._runner = recorder, lifecycle, steps, runner
        self._intake, self._admission = intake, admission
        self._dag, self._apps = dag, apps

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
        elif item.kind is ItemKind.TIMEOUT:
            await self._lifecycle.time_out(item)
        elif item.kind is ItemKind.DEBOUNCE:
            due = await self._intake.fire_debounce(item, once=once)
            if due is not None:
                await self._queue.requeue(lease, due)
                return
        elif item.kind is ItemKind.BATCH:
            await self._intake.fire_batch(item, once=once)
        elif not await self._work_run(lease, once=once):
            return
        await self._queue.complete(lease)

    async def _work_run(self, lease: Lease, *, once: bool) -> bool:
        """Work an item of a run; False when it is not let through yet, and parked."""
        try:
            state = await self._state.load(lease.item.run_id)
        except NotFoundError:
            return True  # the run was dropped
        if state.is_over:
            if once:
                # Whoever ended the run may have been lost before it did.
                await self._admission.unlock(state.run)
            return True
        version = await self._data.function_version(state.run.function_id, state.run.function_version)
        plan = version.plan
        if plan.flow is None:
            await self._work_plan(lease.item, state, plan, once=once)
            return True
        return await self._work_governed(lease, state, plan, plan.flow, once=once)

    async def _work_governed(
        self, lease: Lease, state: RunState, plan: Plan, rules: FlowControl, *, once: bool
    ) -> bool:
        item = lease.item
        is_app = isinstance(plan, AppPlan)
        starts = is_first_call(item) if is_app else item.kind is ItemKind.EDGE and item.step == TRIGGER
        executes = calls_app(item) if is_app else runs_step(item, state)
        if (starts or executes) and not await self._admission.admit(
            lease, state.run, rules, starts=starts, executes=executes, once=once
        ):
            return False
        if executes and rules.finish_timeout is not None and not state.outputs:
            timeout = timeout_item(item.run_id, item.function_id, FINISH)
            await self._queue.enqueue(timeout, later(self._clock.now(), rules.finish_timeout))
        if not await self._work_plan(item, state, plan, once=once):
            await self._admission.release(item)
        return True

    async def _work_plan(self, item: QueueItem, state: RunState, plan: Plan, *, once: bool) -> bool:
        """Do what an item asks for; True when what it began takes virtual time, and another item ends it."""
        if isinstance(plan, AppPlan):
            return await self._apps.work(item, state, plan, once=once)
        return await self._dag.work(item, state, plan, once=once)

    async def _time_out(self, item: QueueItem, *, once: bool) -> None:
        """End a pause whose time is over; nothing when its event came."""
        try:
            pause = await self._state.pause_by_id(item.pause_id)
        except PauseNotFoundError:
            return
        if pause.kind is not PauseKind.EDGE:
            await self._steps.time_out(pause, once=once)
            return
        data = {"edge": pause.edge, "event": pause.event, "taken": pause.on_timeout}
        await self._recorder.run(HistoryKind.PAUSE_TIMED_OUT, item.run_id, pause.child, data=data, once=once)
        if pause.on_timeout:
            walk = edge_item(pause.function_id, pause.run_id, pause.edge, pause.child)
            await self._queue.enqueue(walk, self._clock.now())
        else:
            await self._lifecycle.finalise(item.run_id, pause.edge, once=once)
        try:
            await self._state.consume_pause(pause.id)
        except PauseNotFoundError:
            return  # the end of the run removed it
