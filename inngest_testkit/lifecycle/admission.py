"""Let the work of runs through as concurrency and throttle allow, and wake what waits when there is room.

An item that has to wait is parked in the queue, and its ticket stands in line in the flow store. Whoever makes room
says so there first; `rouse` then reschedules the first in line, and can be done again by whoever comes next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from inngest_testkit.clock import epoch_ms
from inngest_testkit.flow.base import Ticket
from inngest_testkit.flow.concurrency import slot_of
from inngest_testkit.flow.singleton import unlock
from inngest_testkit.flow.throttle import paced_key
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from inngest_testkit.clock import Clock
    from inngest_testkit.flow.base import FlowStore, PacedKey, Slot
    from inngest_testkit.functions.flow_control import FlowControl
    from inngest_testkit.lifecycle.recorder import Recorder
    from inngest_testkit.queue.base import Lease, Queue, QueueItem
    from inngest_testkit.state.base import NewRun

__all__ = ["Admission"]

_Asked: TypeAlias = "tuple[tuple[Slot, ...], PacedKey | None]"
#: Sets of keys whose places are not looked up anew.
_ASKED_KEPT = 10_000


class Admission:
    """Asks the flow store for items, and tells it when they are done."""

    def __init__(self, *, clock: Clock, queue: Queue, flow: FlowStore, recorder: Recorder) -> None:
        self._clock, self._queue, self._flow, self._recorder = clock, queue, flow, recorder
        #: What the items of runs with the same keys ask for.
        self._asked: dict[tuple[object, ...], _Asked] = {}

    async def admit(
        self, lease: Lease, run: NewRun, rules: FlowControl, *, starts: bool, executes: bool, once: bool
    ) -> bool:
        """Whether an item may be worked now; otherwise it waits in line, parked.

        `starts`: it is the first of its run. `executes`: it runs a step, or calls the function.
        """
        item = lease.item
        slots, paced = self._asks(run, rules, starts=starts, executes=executes)
        if not slots and paced is None:
            return True
        step = "" if item.step == TRIGGER else item.step
        ticket = Ticket(
            holder=_holder(item),
            run_id=item.run_id,
            item_id=item.id,
            score=_score(lease, run),
            slots=slots,
            paced=paced,
            function_id=run.function_id,
            step=step,
            # Of runs that were created at one moment, the older goes first with all its steps.
            tie=item.run_id,
        )
        hold = await self._flow.admit(ticket, self._clock.now())
        if hold is None:
            # Whoever is next in line may have room as well: two places can become free before one is taken.
            await self.rouse()
            return True
        # Whoever noted it may have been lost before it did.
        if hold.new or once:
            data: dict[str, Any] = {"rule": hold.rule, "key": hold.value, "until": hold.until, "ahead": hold.ahead}
            data["edge"] = item.token
            await self._recorder.run(HistoryKind.HELD, item.run_id, step or None, item.attempt, data=data, once=once)
        await self._queue.requeue(lease, None)
        await self.rouse()
        return False

    def _asks(self, run: NewRun, rules: FlowControl, *, starts: bool, executes: bool) -> _Asked:
        key = (run.function_id, run.function_version, run.keys, starts, executes)
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= _ASKED_KEPT:
                self._asked.clear()
            paced = paced_key(rules.throttle, run.function_id, run.keys[-1]) if rules.throttle and starts else None
            asked = self._asked[key] = _slots(rules, run, starts=starts, executes=executes), paced
        return asked

    async def release(self, item: QueueItem) -> None:
        """Give back the places of an item that is done."""
        await self._flow.release(item.run_id, _holder(item))
        await self.rouse()

    async def end(self, run: NewRun) -> None:
        """Give back the places of a run that ends, and drop what waits of it, which would be parked for ever."""
        if run.keys:
            await self._queue.discard(run_id=run.run_id)
            await self._flow.end(run.run_id)
            await self.rouse()

    async def unlock(self, run: NewRun) -> None:
        """Give back the lock of a run that is over; one that a lost worker leaves counts as free."""
        if run.lock:
            await unlock(self._flow, run.lock, run.run_id, self._clock.now())

    async def rouse(self) -> None:
        """Reschedule the first in each line that may have room."""
        while wakes := await self._flow.wakes(self._clock.now()):
            for wake in wakes:
                if await self._queue.reschedule(wake.item_id, wake.at):
                    await self._flow.woken(wake.key)
                else:
                    # Gone with its run, or its worker was lost before it was parked: then it asks anew.
                    await self._flow.leave(wake.item_id)


def _holder(item: QueueItem) -> str:
    return f"{item.run_id}/{item.token}@{item.attempt}"


def _score(lease: Lease, run: NewRun) -> int:
    """Return where an item stands in line: by the age of its run and its priority, a retry by its own moment."""
    if lease.item.attempt:
        return epoch_ms(lease.at)
    return epoch_ms(run.created_at) - 1000 * run.priority


def _slots(rules: FlowControl, run: NewRun, *, starts: bool, executes: bool) -> tuple[Slot, ...]:
    return tuple(
        [
            slot_of(limit, run.function_id, key)
            for limit, key in zip(rules.concurrency, run.keys, strict=False)
            if (starts if limit.run else executes)
        ]
    )
