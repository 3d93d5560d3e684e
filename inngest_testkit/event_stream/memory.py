"""The event stream in this process's memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from inngest_testkit.event_stream.base import MESSAGE_LEASE, PUBLISHED_ONCE, Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from inngest_testkit.events import Event

__all__ = ["MemoryEventStream"]


class MemoryEventStream:
    """A deque of messages."""

    never_suspends = True

    def __init__(self) -> None:
        self._arrived: anyio.Event | None = None
        self._empty()

    def _empty(self) -> None:
        self._waiting: deque[Message] = deque()
        self._unsettled: dict[str, tuple[Message, datetime | None]] = {}
        #: When each id was published, oldest first.
        self._ids: OrderedDict[str, datetime] = OrderedDict()
        #: Whether nothing waits, and nothing that was handed out is unsettled.
        self.is_quiet = True

    async def reset(self) -> None:
        """Drop everything, as if it were new."""
        self._empty()

    async def publish(self, message_id: str, event: Event, now: datetime) -> bool:
        """See `EventStream.publish`."""
        self._forget_ids(now - PUBLISHED_ONCE)
        if message_id in self._ids:
            return False
        self._ids[message_id] = now
        self.is_quiet = False
        self._waiting.append(Message(message_id, event, now))
        self._wake()
        return True

    def _forget_ids(self, before: datetime) -> None:
        ids = self._ids
        while ids:
            oldest = next(iter(ids))
            if ids[oldest] > before:
                return
            del ids[oldest]

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set()

    async def receive(self, now: datetime, limit: int = 1) -> Sequence[Message]:
        """See `EventStream.receive`."""
        if self._unsettled:
            self._return_lost(now)
        if not self._waiting:
            return ()
        until = now + MESSAGE_LEASE
        return [self._take(until) for _ in range(min(limit, len(self._waiting)))]

    def _take(self, until: datetime | None) -> Message:
        message = self._waiting.popleft()
        self._unsettled[message.id] = (message, until)
        return message

    def _return_lost(self, now: datetime) -> None:
        lost = [m for m, until in self._unsettled.values() if until is not None and until <= now]
        for message in reversed(lost):
            del self._unsettled[message.id]
            self._waiting.appendleft(replace(message, deliveries=message.deliveries + 1))

    async def next_due(self) -> datetime | None:
        """See `EventStream.next_due`."""
        if not self._unsettled:
            return None
        return min((until for _, until in list(self._unsettled.values()) if until is not None), default=None)

    async def ack(self, message: Message) -> None:
        """See `EventStream.ack`."""
        self._unsettled.pop(message.id, None)
        self.is_quiet = not self._unsettled and not self._waiting

    async def nack(self, message: Message) -> None:
        """See `EventStream.nack`."""
        if self._unsettled.pop(message.id, None) is not None:
            # In front, where it was.
            self._waiting.appendleft(replace(message, deliveries=message.deliveries + 1))
            self._wake()

    async def subscribe(self) -> AsyncIterator[Message]:
        """See `EventStream.subscribe`."""
        while True:
            while not self._waiting:
                if self._arrived is None or self._arrived.is_set():
                    self._arrived = anyio.Event()
                await self._arrived.wait()
            yield self._take(None)
