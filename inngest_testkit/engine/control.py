"""Steer an engine from outside of its work: hold its queue, run it to where a test wants it, empty it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import FakeClock, later
from inngest_testkit.durations import format_moment, to_timedelta
from inngest_testkit.engine.results import Sent
from inngest_testkit.errors import RunIncompleteError, SetupError
from inngest_testkit.queue.base import ItemKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from inngest_testkit.engine.components import Components
    from inngest_testkit.engine.core import Core
    from inngest_testkit.engine.options import Duration
    from inngest_testkit.queue.base import PendingItem
    from inngest_testkit.runs import Run
    from inngest_testkit.runs.model import StepRecord

__all__ = ["Control"]

#: What happens only because time passes: the next fire of a schedule, and what ends a wait or a run that is late.
_PASSING = frozenset({ItemKind.CRON, ItemKind.PAUSE, ItemKind.TIMEOUT})


class Control:
    """An engine's controls, on both kinds of clocks."""

    def __init__(self, core: Core, parts: Components) -> None:
        self._core, self._parts, self._auto = core, parts, core.auto
        #: Called when the engine has been reset, by whoever keeps something of it.
        self.on_reset: list[Callable[[], None]] = []

    @property
    def is_held(self) -> bool:
        """Whether what becomes due is left in the queue."""
        live = self._core.live
        return not self._core.auto if live is None else live.is_held

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do at this moment; in a queue that is held, nothing is to be done."""
        core = self._core
        if core.live is not None and core.live.is_busy:
            return False
        if self.is_held and not (core.live is not None and core.live.drains):
            return True
        due = core.next_due
        return not core.has_kept and (due is None or due > core.clock.now())

    async def hold(self) -> None:
        """Leave what is due in the queue from now on; events are still matched."""
        if self._core.live is not None:
            self._core.live.is_held = True
        else:
            self._core.auto = False

    async def release(self) -> None:
        """Work what is due by itself again, beginning with what is due now."""
        if self._core.live is not None:
            self._core.live.is_held = False
        else:
            self._core.auto = True
        await self._core.settle_now()

    async def drain(self, limit: Duration) -> None:
        """Work what is due now and what that makes due now; a queue that is held stays so.

        On a wall clock raises `RunIncompleteError` when that takes longer than `limit`.
        """
        core, live = self._core, self._core.live
        if live is None:
            await core.settle(core.clock.now())
            return
        live.drains += 1
        try:
            live.wake()
            await self._wait(lambda: self.is_idle, limit)
        finally:
            live.drains -= 1

    async def run_to_idle(self, limit: Duration) -> None:
        """Work until all runs are over, or wait for nothing but events, or for what never comes to their turn.

        A fake clock jumps from due time to due time, and a wall clock is waited for. What is due on the way is worked,
        crons and time-outs among it; they alone are no reason to go on. Raises `RunIncompleteError` at `limit`.
        """
        core = self._core
        if core.live is not None:
            core.live.wake()
            await self._wait(self._is_at_rest, limit)
            return
        await core.settle(later(core.clock.now(), to_timedelta(limit)), self._is_at_rest)
        if not self._is_at_rest():
            raise RunIncompleteError(self._why_not_at_rest(limit), list(core.journal.open_runs))

    async def _wait(self, done: Callable[[], bool], limit: Duration) -> None:
        core = self._core
        assert core.live is not None  # noqa: S101 - a fake clock does not wait
        await core.live.wait_until(done, later(core.clock.now(), to_timedelta(limit)))
        if not done():
            raise RunIncompleteError(self._why_not_at_rest(limit), list(core.journal.open_runs))

    def _is_at_rest(self) -> bool:
        core, now = self._core, self._core.clock.now()
        if core.has_kept:
            return False
        if not core.remembers_due:
            # The answer most often, and a fast one.
            due = core.next_due
            if due is not None and due <= now:
                return False
        return self._next_work(now) is None

    def _next_work(self, now: datetime) -> PendingItem | None:
        """Return the first item that is more than a matter of time, or is due."""
        return next((item for item in self._core.pending() if _is_work(item, now)), None)

    def _why_not_at_rest(self, limit: Duration) -> str:
        core = self._core
        item = self._next_work(core.clock.now())
        left = "work is under way" if item is None else f"{item.item!r} is due {format_moment(item.at)}"
        number = len(core.journal.open_runs)
        runs = "1 run is" if number == 1 else f"{number} runs are"
        return (
            f"{runs} not over at {format_moment(core.clock.now())}, and the limit of {limit} is reached: {left}. "
            "Raise limit=, or look at what keeps the engine busy"
        )

    async def run_to(self, run: Run | Sent, step: str, occurrence: int, limit: Duration) -> StepRecord:
        """Work until a step of a run has begun."""
        core = self._core
        view = run.run if isinstance(run, Sent) else run
        core.known(view.id)
        until: datetime = later(core.clock.now(), to_timedelta(limit))
        key: Any = (step, occurrence)

        def done() -> bool:
            return key in view.steps or view.is_over

        if not done():
            await core.work_to(until, done)
        if key not in view.steps:
            raise RunIncompleteError(core.why.not_come_to(view, step, occurrence, limit), [view.id])
        return view.steps[key]

    async def clear_queue(self) -> int:
        """Drop what is queued for runs, and cancel those runs; drop debounced events and batches; crons stay."""
        items = [pending.item for pending in self._parts.queue.snapshot() if pending.item.kind is not ItemKind.CRON]
        for run_id in list(self._parts.journal.open_runs):
            await self._parts.lifecycle.cancel(run_id, "the queue was cleared")
        for run_id in dict.fromkeys(item.run_id for item in items if item.run_id):
            await self._parts.queue.discard(run_id=run_id)
        for item in items:
            if item.key:
                await self._parts.intake.forget(item, "the queue was cleared")
        await self._core.after_work()
        return len(items)

    async def reset(self) -> None:
        """Forget runs, events, history, mocks and what is queued, and begin again: the clock at its start, ids as new.

        Functions, apps and links to clients stay; crons are scheduled anew. What is worked on a wall clock is stopped.
        Raises `SetupError` where a store is not in memory; nothing changes then.
        """
        parts, live = self._parts, self._core.live
        stores: dict[str, Any] = {
            "events": parts.stream,
            "queue": parts.queue,
            "state": parts.state,
            "flow": parts.flow,
        }
        for name, store in stores.items():
            if not hasattr(store, "reset"):
                raise SetupError(
                    f"reset() empties stores in memory, and this engine has its own {name}=; make a new engine instead"
                )
        if live is not None:
            await live.stop_workers()
        parts.lockstep.reset()
        for store in stores.values():
            await store.reset()
        parts.journal.clear()
        parts.warner.reset()
        parts.app_worker.reset()
        parts.drivers.mocks.remove(parts.drivers.mocks.all())
        if isinstance(parts.clock, FakeClock):
            parts.clock.restart()
        parts.ids.restart()
        for version in await parts.data.scheduled():
            await parts.runner.schedule_crons(version)
        self._core.auto = self._auto
        for told in self.on_reset:
            told()
        if live is not None:
            live.is_held = False
            live.start_workers()


def _is_work(pending: PendingItem, now: datetime) -> bool:
    return not pending.parked and (pending.at <= now or pending.item.kind not in _PASSING)
