"""The engine in real time: what becomes due is worked when it does, many items at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio

from inngest_testkit.queue.base import LEASE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from inngest_testkit.clock import Clock
    from inngest_testkit.engine.lockstep import Lockstep
    from inngest_testkit.executor.executor import Executor
    from inngest_testkit.queue.base import Lease, Queue

__all__ = ["WORKERS", "Live"]

#: How many items are worked at once. The server's default is the same (recordings/sdk `rest_reads`, `/dev`).
WORKERS = 100

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
        #: Whether events are handed to the runner, and due items to workers. Where another process does the one or the
        #: other, they are left in their store.
        self.delivers = self.works = True
        self._is_stopped = False

    @property
    def is_busy(self) -> bool:
        """Whether an item is worked."""
        return bool(self._leases)

    @property
    def _takes_work(self) -> bool:
        return self.works and not self.is_held and not self._is_stopped

    def wake(self) -> None:
        """Look for events and due items now."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_leases)
            while True:
                self._woken = anyio.Event()
                if self.delivers:
                    await self._lockstep.deliver()
                else:
                    await self._lockstep.publish_kept()
                await self._after()
                # An event that starts nothing is work that is done, too.
                self._tell_waiting()
                free = self._workers - len(self._leases) if self._takes_work else 0
                leases = await self._queue.lease(self._clock.now(), free) if free else ()
                for lease in leases:
                    self._leases[lease.item.id] = lease
                    tasks.start_soon(self._work, lease)
                await self._wait(is_full=free == 0)

    async def _wait(self, *, is_full: bool) -> None:
        """Return when something is due, or may be."""
        due = None if is_full else await self._queue.next_due()
        if due is None:
            await self._woken.wait()
            return
        with anyio.move_on_after(max(0.0, (due - self._clock.now()).total_seconds())):
            await self._woken.wait()

    async def _work(self, lease: Lease) -> None:
        try:
            with anyio.CancelScope() as self._workers_of[lease.item.id]:
                await self._executor.work(lease)
                await self._after()
        except Exception:  # noqa: BLE001 - whatever a store raises must not end the others
            _log.exception("%r could not be worked; it is tried again in %s", lease.item, LEASE)
        finally:
            del self._leases[lease.item.id]
            self._workers_of.pop(lease.item.id, None)
            self._woken.set()
            self._tell_waiting()

    async def _keep_leases(self) -> None:
        while True:
            await anyio.sleep(LEASE.total_seconds() / 3)
            for lease in list(self._leases.values()):
                extended = await self._queue.extend(lease, self._clock.now() + LEASE)
                if lease.item.id in self._leases:
                    self._leases[lease.item.id] = extended

    async def finish(self, until: datetime) -> int:
        """Begin nothing more, and wait until what is worked has ended, or `until` has come; return what has not."""
        self.is_held, self.delivers = True, False
        await self.wait_until(lambda: not self._leases, until)
        return len(self._leases)

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
