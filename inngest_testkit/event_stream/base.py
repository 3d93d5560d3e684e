"""The contract of an event stream: events on their way from the event API to the runner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from inngest_testkit.records import quick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from inngest_testkit.events import Event

__all__ = ["EventStream", "Message"]

#: How long a runner has for a message. Shorter than the lease of a pause, so that an event which is delivered again
#: finds the pauses that it leased before their time-outs do.
MESSAGE_LEASE = timedelta(seconds=4)

#: How long a stream knows the ids of its messages: longer than a queue item's lease, so that a step which is run
#: again does not send again.
PUBLISHED_ONCE = timedelta(minutes=5)


@quick
@dataclass(frozen=True, slots=True)
class Message:
    """One event in the stream, since `received_at`. `id` names its arrival; `deliveries` counts from 1."""

    id: str
    event: Event
    received_at: datetime
    deliveries: int = 1


class EventStream(Protocol):
    """Carries events in the order in which they were published; each stays until it is acknowledged.

    A stream that knows at once when it has nothing, neither waiting nor handed out, may say so with a true attribute
    `is_quiet`; it is not asked for messages then.
    """

    async def publish(self, message_id: str, event: Event, now: datetime) -> bool:
        """Add an event; False when one of this id was published within `PUBLISHED_ONCE`, acknowledged or not."""
        ...

    async def receive(self, now: datetime, limit: int = 1) -> Sequence[Message]:
        """Return up to `limit` messages that are there, without waiting; each is kept from others until settled.

        A message that is not settled within `MESSAGE_LEASE` is delivered again.
        """
        ...

    async def next_due(self) -> datetime | None:
        """Return when an unsettled message is delivered again; None when there is none."""
        ...

    async def ack(self, message: Message) -> None:
        """Remove a message: it has been handled."""
        ...

    async def nack(self, message: Message) -> None:
        """Give a message back, to be delivered again."""
        ...

    def subscribe(self) -> AsyncIterator[Message]:
        """Yield messages as they come, for ever; each is to be acked or nacked."""
        ...
