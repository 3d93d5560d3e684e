"""The engine in real time: what becomes due is worked when it does, many items at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from inngest_testkit.queue.base import LEASE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from anyio.abc import TaskGroup

    from inngest_testkit.clock import Clock
    from inngest_testkit.engine.lockstep import Lockstep
    from inngest_testkit.executor.executor import Executor
    from inngest_testkit.queue.base import Lease, Queue

__all__ = ["WORKERS", "Live"]

#: How many items are worked at once. The server's default is the same (recordings/sdk `rest_reads`, `/dev`).
WORKERS = 100

#: Seconds until a store that failed is asked again.
AFTER_FAILURE_S = 1.0

_log = logging.getLogger("inngest_testkit")


class Live:
    """Hands events to the runner and due items to workers; `after` is called when either is done.

    An item is leased for as long as its work takes. One whose work raises, which only a store that fails does, is
    logged and worked again when its lease has run out.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        queue: Queue,
        lockstep: Lockstep,
        executor: Executor,
        after: Callable[[], Awaitable[None]],
        workers: int = WORKERS,
    ) -> None:
        self._clock, self._queue, self._lockstep, self._executor = clock, queue, lockstep, executor
        self._after, self._workers = after, workers
        self._leases: dict[str, Lease] = {}
        #: Of each item that is worked, what stops its worker.
        self._workers_of: dict[str, anyio.CancelScope] = {}
        self._woken, self._worked = anyio.Event(), anyio.Event()
        #: While true no item is handed to a worker; events are still matched.
        self.is_held = False
        #: How many wait for the queue to be drained, held or not.
        self.drains = 0
        #: Whether events are handed to the runner, and due items to workers. Where another process does the one or the
        #: other, they are left in their store.
        self.delivers = self.works = True
        self._is_stopped = False

    @property
    def is_busy(self) -> bool:
        """Whether an item is worked."""
        return bool(self._leases)

    @property
    def under_way(self) -> int:
        """How many items are worked."""
        return len(self._leases)

    @property
    def _takes_work(self) -> bool:
        return self.works and (not self.is_held or self.drains > 0) and not self._is_stopped

    def wake(self) -> None:
        """Look for events and due items now."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_leases)
            while True:
                self._woken = anyio.Event()
                try:
                    free = await self._hand_out(tasks)
                    await self._wait(is_full=free == 0)
                except Exception:  # noqa: BLE001 - whatever a store raises must not end the work of all
                    _log.exception("a store failed; the work goes on in %g s", AFTER_FAILURE_S)
                    await anyio.sleep(AFTER_FAILURE_S)

    async def _hand_out(self, tasks: TaskGroup) -> int:
        """Hand events to the runner and due items to workers; return how many workers were free."""
        if self.delivers:
            await self._lockstep.deliver()
        else:
            await self._lockstep.publish_kept()
        await self._after()
        # An event that starts nothing is work that is done, too.
        self._tell_waiting()
        free = self._workers - len(self._leases) if self._takes_work else 0
        for lease in await self._queue.lease(self._clock.now(), free) if free else ():
            self._leases[lease.item.id] = lease
            self._workers_of[lease.item.id] = worker = anyio.CancelScope()
            if self._is_stopped:
                worker.cancel()
            tasks.start_soon(self._work, lease, worker)
        return free

    async def _wait(self, *, is_full: bool) -> None:
        """Return when something is due, or may be."""
        due = None if is_full else await self._queue.next_due()
        if due is None:
            await self._woken.wait()
            return
        with anyio.move_on_after(max(0.0, (due - self._clock.now()).total_seconds())):
            await self._woken.wait()

    async def _work(self, lease: Lease, worker: anyio.CancelScope) -> None:
        try:
            with worker:
                await anyio.lowlevel.checkpoint_if_cancelled()
                await self._executor.work(lease)
                await self._after()
        except Exception:  # noqa: BLE001 - whatever a store raises must not end the others
            _log.exception("%r could not be worked; it is tried again in %s", lease.item, LEASE)
        finally:
            del self._leases[lease.item.id]
            del self._workers_of[lease.item.id]
            self._woken.set()
            self._tell_waiting()

    async def _keep_leases(self) -> None:
        while True:
            await anyio.sleep(LEASE.total_seconds() / 3)
            for lease in list(self._leases.values()):
                extended = await self._queue.extend(lease, self._clock.now() + LEASE)
                if lease.item.id in self._leases:
                    self._leases[lease.item.id] = extended

    async def finish(self, until: datetime) -> None:
        """Begin nothing more, and wait until what is worked has ended, or `until` has come."""
        self.is_held, self.delivers = True, False
        await self.wait_until(lambda: not self._leases, until)

    async def wait_until(self, done: Callable[[], bool], until: datetime) -> None:
        """Return when `done` says so, or `until` has come."""
        with anyio.move_on_after(max(0.0, (until - self._clock.now()).total_seconds())):
            while not done():
                await self._worked.wait()

    def _tell_waiting(self) -> None:
        """Let all go on that wait for an item to be done, or for events to be handed over."""
        worked, self._worked = self._worked, anyio.Event()
        worked.set()

    async def stop_workers(self) -> None:
        """Stop what is worked, and return when it has ended; nothing is worked until `start_workers`."""
        self._is_stopped = True
        for worker in list(self._workers_of.values()):
            worker.cancel()
        try:
            while self._leases:
                await self._worked.wait()
        except BaseException:  # such as a step that asks for its own end
            self.start_workers()
            raise

    def start_workers(self) -> None:
        """Work again after `stop_workers`."""
        self._is_stopped = False
        self.wake()
