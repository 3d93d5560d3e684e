"""The discrete-event loop: work what is due, in order, moving the clock from due time to due time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from inngest_testkit.clock import FakeClock
from inngest_testkit.engine.seams import Chooser, FirstInSequence
from inngest_testkit.errors import RunawayError
from inngest_testkit.runs.journal import Received
from inngest_testkit.runs.model import HistoryKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from inngest_testkit.clock import Clock
    from inngest_testkit.event_stream.base import EventStream, Message
    from inngest_testkit.events import Event
    from inngest_testkit.executor.executor import Executor
    from inngest_testkit.lifecycle import Recorder
    from inngest_testkit.queue.base import PendingItem, Queue, QueueItem
    from inngest_testkit.runner.runner import Runner
    from inngest_testkit.runs.journal import Journal

__all__ = ["Lockstep"]


class Lockstep:
    """Drives runner and executor on one clock."""

    def __init__(
        self,
        *,
        clock: Clock,
        stream: EventStream,
        queue: Queue,
        runner: Runner,
        executor: Executor,
        journal: Journal,
        recorder: Recorder,
        chooser: Chooser | None,
        max_steps: int,
    ) -> None:
        self._clock, self._stream, self._queue = clock, stream, queue
        self._runner, self._executor, self._journal = runner, executor, journal
        self._chooser = None if type(chooser) is FirstInSequence else chooser
        self._recorder = recorder
        #: Deliveries that are noted and not yet handled.
        self._noted: dict[str, None] = {}
        #: Whether a message may be out that nobody works on: always so until the stream has told that none is.
        self._may_be_lost = True
        self.max_steps = max_steps
        #: Events of clients, each with its delivery, that are not in the stream yet. Whoever has one may add it, from
        #: any thread and in the middle of an item's work; it takes effect when the item is finished.
        self.inbox: deque[tuple[str, Event]] = deque()

    @property
    def unhandled(self) -> int:
        """How many events were taken that the runner has not handled."""
        return len(self._noted) + len(self.inbox)

    def reset(self) -> None:
        """Drop the events that are not handled yet."""
        self.inbox.clear()
        self._noted.clear()
        self._may_be_lost = True

    def note(self, delivery: str, event: Event) -> None:
        """Write an event down as received, once for each delivery."""
        if delivery not in self._noted:
            self._noted[delivery] = None
            self._journal.receive(Received(delivery, event, self._clock.now()))
            self._recorder.engine(HistoryKind.EVENT_RECEIVED, {"name": event.name, "event_id": event.id})

    async def deliver(self) -> None:
        """Hand every event in the stream to the runner, before any work that they cause."""
        may_be_lost, self._may_be_lost = self._may_be_lost, True
        await self.publish_kept()
        while messages := await self._stream.receive(self._clock.now(), 1):
            await self._handle(messages[0])
        # Whoever is stopped before this leaves the mark.
        self._may_be_lost = may_be_lost and await self._stream.next_due() is not None

    async def publish(self, delivery: str, event: Event) -> None:
        """Put an event into the stream; nothing happens for a delivery that was published before."""
        if await self._stream.publish(delivery, event, self._clock.now()):
            self.note(delivery, event)

    async def publish_kept(self) -> None:
        """Put the events of clients into the stream."""
        while self.inbox:
            await self.publish(*self.inbox.popleft())

    async def _handle(self, message: Message) -> None:
        self.note(message.id, message.event)
        await self._runner.handle(message)
        await self._stream.ack(message)
        self._noted.pop(message.id, None)

    async def work_one(self) -> QueueItem | None:
        """Work the next thing that is due now, events first; return the item, None when nothing is due."""
        if self._chooser is not None:
            return await self._work_chosen(self._chooser)
        if self.inbox or not getattr(self._stream, "is_quiet", False):
            await self.deliver()
            if self._may_be_lost:
                return None  # a lost event comes first: what it caused must not be seen by it
        for lease in await self._queue.lease(self._clock.now(), 1):
            await self._executor.work(lease)
            return lease.item
        return None

    async def _work_chosen(self, chooser: Chooser) -> QueueItem | None:
        """Let the chooser decide between the next event in the stream and the items that are due."""
        self._may_be_lost = True
        while True:
            await self.publish_kept()
            now = self._clock.now()
            messages = list(await self._stream.receive(now, 1))
            if not messages and await self._stream.next_due() is not None:
                return None
            items = await self._queue.peek(now)
            candidates: list[Message | PendingItem] = [*messages, *items]
            if not candidates:
                return None
            index = chooser.choose(candidates) if len(candidates) > 1 else 0
            if index < len(messages):
                await self._handle(messages[0])
                continue
            if messages:
                await self._stream.nack(messages[0])
            chosen = items[index - len(messages)].item
            for lease in await self._queue.lease(now, 1, only=chosen.id):
                await self._executor.work(lease)
            return chosen

    async def settle(self, until: datetime, done: Callable[[], bool] | None = None, *, most: int | None = None) -> None:
        """Work everything that is due at or before `until`, in order; stop early when `done` says so.

        No event is left undelivered. Raises `RunawayError` after `most` items, `max_steps` if not given.
        """
        worked, most = 0, self.max_steps if most is None else most
        while True:
            if done is not None and done():
                await self.deliver()
                if done():
                    return
            if await self.work_one() is None:
                due = await self.next_due()
                if due is None or due > until:
                    return
                if due > self._clock.now() and isinstance(self._clock, FakeClock):
                    self._clock.move_to(due)
                    continue
            # A store that says that something is due and hands nothing out counts too, or this would not end.
            worked += 1
            if worked >= most and await self._is_due(until):
                raise RunawayError(most, self._clock.now(), self._journal.recent())

    async def _is_due(self, until: datetime) -> bool:
        due = await self.next_due()
        return due is not None and due <= until

    async def next_due(self) -> datetime | None:
        """Return when something will happen next; None when nothing will."""
        if self._may_be_lost and not getattr(self._stream, "is_quiet", False):
            again = await self._stream.next_due()
            if again is not None:
                return again
        return await self._queue.next_due()
