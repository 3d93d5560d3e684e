"""Work a queue item: find out what it belongs to, and hand it to who works such items.

An item is completed last, so that one whose worker is lost is worked again; everything before can be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.errors import NotFoundError, PauseNotFoundError
from inngest_testkit.functions.app import AppPlan
from inngest_testkit.lifecycle.edges import edge_item
from inngest_testkit.queue.base import ItemKind
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.state.base import PauseKind

if TYPE_CHECKING:
    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.executor.app_worker import AppWorker
    from inngest_testkit.executor.dag_worker import DagWorker
    from inngest_testkit.lifecycle import AppSteps, Recorder, RunLifecycle
    from inngest_testkit.queue.base import Lease, Queue, QueueItem
    from inngest_testkit.runner.runner import Runner
    from inngest_testkit.state.base import StateStore

__all__ = ["Executor"]


#: Taken out of their enumeration once, which is slow.
_CRON, _PAUSE = ItemKind.CRON, ItemKind.PAUSE


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
        dag: DagWorker,
        apps: AppWorker,
    ) -> None:
        self._clock, self._data, self._queue, self._state = clock, data, queue, state
        self._recorder, self._lifecycle, self._steps, self._runner = recorder, lifecycle, steps, runner
        self._dag, self._apps = dag, apps

    async def work(self, lease: Lease) -> None:
        """Do what an item asks for, then complete it."""
        item, once = lease.item, lease.deliveries > 1
        if item.kind is _CRON:
            await self._runner.fire_cron(item, lease.at, once=once)
        elif item.kind is _PAUSE:
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
        if isinstance(version.plan, AppPlan):
            await self._apps.work(item, state, version.plan, once=once)
        else:
            await self._dag.work(item, state, version.plan, once=once)

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
