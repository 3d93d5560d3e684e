"""The contract of a event stream can fail: it catches each of the broken stores below, and no check is idle."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from inngest_testkit.contracts import EventStreamContract
from inngest_testkit.event_stream.memory import MemoryEventStream


class StreamIsAStack(MemoryEventStream):
    async def publish(self, message_id, event, now):
        published = await super().publish(message_id, event, now)
        if published:
            self._waiting.appendleft(self._waiting.pop())
        return published


class StreamTakesIdsTwice(MemoryEventStream):
    async def publish(self, message_id, event, now):
        self._ids.pop(message_id, None)
        return await super().publish(message_id, event, now)


class StreamPublishesRace(MemoryEventStream):
    async def publish(self, message_id, event, now):
        known = message_id in self._ids
        await anyio.lowlevel.checkpoint()
        if not known:
            self._ids.pop(message_id, None)
        return await super().publish(message_id, event, now)


class StreamLosesUsers(MemoryEventStream):
    async def publish(self, message_id, event, now):
        return await super().publish(message_id, replace(event, user={}), now)


class StreamLosesNacks(MemoryEventStream):
    async def nack(self, message):
        await self.ack(message)


class StreamCountsNoDeliveries(MemoryEventStream):
    async def nack(self, message):
        await super().nack(replace(message, deliveries=message.deliveries - 1))


class StreamNeverAcks(MemoryEventStream):
    async def ack(self, message):
        return


class StreamAcksAllAtOnce(MemoryEventStream):
    async def ack(self, message):
        for index in range(100):
            await super().ack(replace(message, id=f"message {index}"))


class StreamLosesUnsettled(MemoryEventStream):
    def _return_lost(self, now):
        return


class StreamReturnsLostLast(MemoryEventStream):
    def _return_lost(self, now):
        before = deque(self._waiting)
        super()._return_lost(now)
        lost = [message for message in self._waiting if message not in before]
        self._waiting = deque([*before, *lost])


class StreamDoesNotHide(MemoryEventStream):
    async def receive(self, now, limit=1):
        messages = await super().receive(now, limit)
        for message in messages:
            self._unsettled[message.id] = (message, now)
        return messages


class StreamForgetsWhenReceived(MemoryEventStream):
    async def receive(self, now, limit=1):
        return [replace(message, received_at=now) for message in await super().receive(now, limit)]


class StreamWaitsForMessages(MemoryEventStream):
    async def receive(self, now, limit=1):
        messages = await super().receive(now, limit)
        if not messages:
            raise TimeoutError
        return messages


class StreamReceivesRace(MemoryEventStream):
    async def receive(self, now, limit=1):
        shown = list(self._waiting)[:limit]
        await anyio.lowlevel.checkpoint()
        await super().receive(now, limit)
        return shown


class StreamHasNoNextDue(MemoryEventStream):
    async def next_due(self):
        return None


class SubscriptionEnds(MemoryEventStream):
    async def subscribe(self):
        while self._waiting:
            yield self._take(None)
        await anyio.sleep_forever()


class StreamIsQuietTooEarly(MemoryEventStream):
    async def ack(self, message):
        await super().ack(message)
        self.is_quiet = True


class SubscriptionLeavesMessages(MemoryEventStream):
    async def subscribe(self):
        index = 0
        while True:
            while len(self._waiting) <= index:
                await anyio.lowlevel.checkpoint()
            index += 1
            yield self._waiting[index - 1]


class SubscriptionTakesAhead(MemoryEventStream):
    async def subscribe(self):
        messages = super().subscribe()
        yield await anext(messages)
        while True:
            taken = [await anext(messages), await anext(messages)]
            for message in taken:
                yield message


@pytest.fixture(scope="module")
def caught(failing_checks):
    """For each broken store, the checks that it fails and a sound one does not."""
    broken = [store for store in MemoryEventStream.__subclasses__() if store.__module__ == __name__]
    expected = failing_checks(EventStreamContract, MemoryEventStream)
    return {store.__name__: failing_checks(EventStreamContract, store) - expected for store in broken}, expected


def test_each_broken_event_stream_is_caught(caught):
    """No broken store passes."""
    failed, _ = caught
    assert [name for name, checks in failed.items() if not checks] == []


def test_each_check_of_a_event_stream_catches_something(caught):
    """Each check fails for one of the broken stores."""
    failed, expected = caught
    assert sorted(set(EventStreamContract.checks()) - expected - set().union(*failed.values())) == []
