"""The contract of an event stream."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from inngest_testkit.contracts.base import Contract, check, gather
from inngest_testkit.event_stream.base import MESSAGE_LEASE, PUBLISHED_ONCE, EventStream, Message
from inngest_testkit.events import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["EventStreamContract"]

_MANY = 100
_MOMENT = timedelta(milliseconds=1)


class EventStreamContract(Contract[EventStream]):
    """What every `EventStream` must do; `make_store` gives an empty one."""

    __test__ = False

    async def fill(self, stream: EventStream, count: int) -> None:
        """Publish `message 0`, `message 1`… at the start."""
        now = await self.at(0)
        for index in range(count):
            published = await stream.publish(f"message {index}", Event(name="n", data={"index": index}), now)
            assert published is True, "publish of a new id must return True"

    async def expect(
        self, stream: EventStream, span: timedelta | float, *expected: int, limit: int = _MANY, deliveries: int = 1
    ) -> list[Message]:
        """Receive what is there; it must be the messages of these numbers, in order."""
        messages = list(await stream.receive(await self.at(span), limit))
        found = [(message.id, message.deliveries) for message in messages]
        wanted = [(f"message {index}", deliveries) for index in expected]
        assert found == wanted, f"{span} after the start expected {wanted}, found {found}"
        return messages

    async def take(self, messages: AsyncIterator[Message], stream: EventStream, count: int) -> list[Message]:
        """Take so many messages of a subscription, and ack each."""
        taken: list[Message] = []
        with anyio.move_on_after(self.patience):
            while len(taken) < count:
                message = await anext(messages)
                await stream.ack(message)
                taken.append(message)
        found = [message.id for message in taken]
        assert len(taken) == count, f"a subscription must yield {count} messages, found {found} and then nothing"
        return taken

    # -- order

    @check
    async def test_messages_come_in_order(self, stream: EventStream) -> None:
        """Messages come in the order in which they were published, in batches or one by one."""
        await self.fill(stream, 20)
        await self.expect(stream, 0, 0, limit=1)
        await self.expect(stream, 0, 1, 2, 3, limit=3)
        await self.expect(stream, 0, *range(4, 20))
        await self.expect(stream, 0)

    @check
    async def test_an_acknowledged_id_is_known_for_a_while(self, stream: EventStream) -> None:
        """An id that was published is refused for `PUBLISHED_ONCE`, also when its message was acknowledged."""
        event = Event(name="once", id="i", ts=0)
        assert await stream.publish("message", event, self.start), "the first is taken"
        for message in await stream.receive(self.start, 1):
            await stream.ack(message)
        soon = self.start + PUBLISHED_ONCE / 2
        await self.wait_until(soon)
        assert not await stream.publish("message", event, soon), "an acknowledged id is known for a while"

    @check
    async def test_events_come_as_they_were_published(self, stream: EventStream) -> None:
        """A message carries its event, when it was published, and that it is delivered for the first time."""
        full = Event(name="a/é.b", data={"x": [1, 2.5, None, {"y": True}]}, user={"plan": "pro"}, id="i", ts=17, v="2")
        events = [full, Event(name="bare", id="j", ts=0)]
        for index, event in enumerate(events):
            await stream.publish(f"message {index}", event, await self.at(index))
        found = list(await stream.receive(await self.at(3), 5))
        expected = [
            Message(f"message {index}", event, self.start + timedelta(seconds=index), 1)
            for index, event in enumerate(events)
        ]
        assert found == expected, f"expected {expected}, found {found}"

    @check
    async def test_receive_does_not_wait(self, stream: EventStream) -> None:
        """Receiving from an empty stream returns nothing, at once."""
        await self.expect(stream, 0)
        await self.fill(stream, 1)
        await self.expect(stream, 0, 0)

    @check
    async def test_a_stream_is_not_quiet_while_it_has_a_message(self, stream: EventStream) -> None:
        """A stream that tells whether it is quiet is so only when nothing waits and nothing is unsettled."""

        def is_quiet() -> bool:
            return bool(getattr(stream, "is_quiet", False))

        await self.fill(stream, 2)
        assert not is_quiet(), "a stream in which messages wait must not be quiet"
        first, second = await self.expect(stream, 0, 0, 1)
        await stream.ack(first)
        assert not is_quiet(), "a stream with an unsettled message must not be quiet"
        await stream.nack(second)
        assert not is_quiet(), "a stream to which a message was given back must not be quiet"

    @check
    async def test_an_id_is_published_once(self, stream: EventStream) -> None:
        """A message whose id is in the stream, waiting or not yet settled, is not taken again."""
        await self.fill(stream, 1)
        for when in ("waits", "is not settled"):
            again = await stream.publish("message 0", Event(name="other"), self.start)
            assert again is False, f"publish of an id that {when} must return False, found {again}"
            messages = await self.expect(stream, 0, *([0] if when == "waits" else []))
            assert all(m.event.name == "n" for m in messages), "the event that came first stays"

    @check
    async def test_one_of_many_publishes_counts(self, stream: EventStream) -> None:
        """A message published 100 times at once is there once."""
        now = await self.at(0)
        results = await gather(stream.publish("message 0", Event(name="n"), now) for _ in range(_MANY))
        wins = sum(result is True for result in results)
        assert wins == 1, f"exactly one publish returns True, found {wins}"
        await self.expect(stream, 0, 0)

    # -- settling

    @check
    async def test_acked_messages_are_gone(self, stream: EventStream) -> None:
        """A message that was acked does not come back; ack and nack of it change nothing more."""
        await self.fill(stream, 2)
        first, _ = await self.expect(stream, 0, 0, 1)
        await stream.ack(first)
        await stream.ack(first)
        await stream.nack(first)
        await self.expect(stream, 0)
        await self.expect(stream, MESSAGE_LEASE, 1, deliveries=2)

    @check
    async def test_nacked_messages_come_again(self, stream: EventStream) -> None:
        """A message that is given back comes again at once, once, with one delivery more, and can then be acked."""
        await self.fill(stream, 1)
        (message,) = await self.expect(stream, 0, 0)
        await stream.nack(message)
        await stream.nack(message)
        (again,) = await self.expect(stream, 0, 0, deliveries=2)
        assert (again.event, again.received_at) == (message.event, message.received_at), f"the same, found {again}"
        await stream.ack(again)
        await self.expect(stream, 2 * MESSAGE_LEASE)

    @check
    async def test_unsettled_messages_come_again(self, stream: EventStream) -> None:
        """A message is kept from others for 4 seconds; then it comes again, before younger ones."""
        await self.fill(stream, 4)
        messages = await self.expect(stream, 0, 0, 1, 2, limit=3)
        await stream.ack(messages[1])
        await self.expect(stream, MESSAGE_LEASE - _MOMENT, limit=0)
        await self.expect(stream, MESSAGE_LEASE, 0, 2, limit=2, deliveries=2)
        await self.expect(stream, MESSAGE_LEASE, 3)
        again = await self.expect(stream, 2 * MESSAGE_LEASE, 0, 2, limit=2, deliveries=3)
        assert {message.received_at for message in again} == {self.start}, "since when it is in the stream stays"

    @check
    async def test_unsettled_messages_are_hidden(self, stream: EventStream) -> None:
        """Until its 4 seconds are over nobody else gets a message."""
        await self.fill(stream, 2)
        await self.expect(stream, 0, 0, limit=1)
        await self.expect(stream, 1, 1)
        await self.expect(stream, MESSAGE_LEASE - _MOMENT)
        await self.expect(stream, MESSAGE_LEASE, 0, deliveries=2)

    @check
    async def test_next_due(self, stream: EventStream) -> None:
        """The next moment is when the first unsettled message comes again; none while nothing is unsettled."""
        await self.fill(stream, 2)
        found = [await stream.next_due()]
        messages = [*await stream.receive(await self.at(0)), *await stream.receive(await self.at(1))]
        for message in messages:
            found.append(await stream.next_due())
            await stream.ack(message)
        found.append(await stream.next_due())
        first = self.start + MESSAGE_LEASE
        expected = [None, first, first + timedelta(seconds=1), None]
        assert found == expected, f"next_due must follow the stream: expected {expected}, found {found}"

    @check
    async def test_many_runners_share_the_messages(self, stream: EventStream) -> None:
        """100 runners that receive at once get 100 messages, each of them once."""
        await self.fill(stream, _MANY)
        now = await self.at(0)
        results = await gather(stream.receive(now) for _ in range(_MANY))
        found = sorted(message.id for result in results if not isinstance(result, Exception) for message in result)
        assert found == sorted(f"message {i}" for i in range(_MANY)), f"each goes to one runner, found {found}"

    # -- subscriptions

    @check
    async def test_subscription_yields_in_order(self, stream: EventStream) -> None:
        """A subscription yields what is there, in order, and no one else receives it."""
        await self.fill(stream, 5)
        messages = stream.subscribe()
        taken = await self.take(messages, stream, 5)
        expected = [(f"message {i}", i, 1) for i in range(5)]
        found = [(message.id, message.event.data["index"], message.deliveries) for message in taken]
        assert found == expected, f"expected {expected}, found {found}"
        await self.expect(stream, 0)
        await self.expect(stream, MESSAGE_LEASE)
        await _close(messages)

    @check
    async def test_subscription_waits(self, stream: EventStream) -> None:
        """A subscription waits for messages, again and again."""
        messages = stream.subscribe()
        for index in range(3):
            async with anyio.create_task_group() as group:
                group.start_soon(self._publish_soon, stream, index)
                (message,) = await self.take(messages, stream, 1)
            assert message.id == f"message {index}", f"expected message {index}, found {message}"
        await _close(messages)

    async def _publish_soon(self, stream: EventStream, index: int) -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        await stream.publish(f"message {index}", Event(name="n"), self.start)

    @check
    async def test_subscription_yields_nacked_messages_again(self, stream: EventStream) -> None:
        """A message that a subscriber gives back is yielded again, with one delivery more."""
        await self.fill(stream, 1)
        messages = stream.subscribe()
        with anyio.move_on_after(self.patience):
            await stream.nack(await anext(messages))
        (again,) = await self.take(messages, stream, 1)
        assert (again.id, again.deliveries) == ("message 0", 2), f"expected the second delivery, found {again}"
        await _close(messages)

    @check
    async def test_subscribers_share_the_messages(self, stream: EventStream) -> None:
        """Of two subscribers that wait, each takes a part, and one that leaves takes none with it."""
        found: list[str] = []
        with anyio.move_on_after(self.patience):
            async with anyio.create_task_group() as group:
                leaving = anyio.CancelScope()
                group.start_soon(self._collect, stream, found, 3)
                await anyio.wait_all_tasks_blocked()
                group.start_soon(self._leave, stream, leaving)
                await anyio.wait_all_tasks_blocked()
                leaving.cancel()
                await anyio.wait_all_tasks_blocked()
                await self.fill(stream, 3)
        expected = [f"message {i}" for i in range(3)]
        assert found == expected, f"the subscriber that stays gets every message, expected {expected}, found {found}"

    @check
    async def test_every_subscriber_is_woken(self, stream: EventStream) -> None:
        """Two subscribers that wait for one message each get one each."""
        found: list[str] = []
        with anyio.move_on_after(self.patience):
            async with anyio.create_task_group() as group:
                for _ in range(2):
                    group.start_soon(self._collect, stream, found, 1)
                    await anyio.wait_all_tasks_blocked()
                await self.fill(stream, 2)
        assert sorted(found) == ["message 0", "message 1"], f"each subscriber must get one message, found {found}"

    async def _collect(self, stream: EventStream, found: list[str], count: int) -> None:
        messages = stream.subscribe()
        for _ in range(count):
            message = await anext(messages)
            await stream.ack(message)
            found.append(message.id)
        await _close(messages)

    async def _leave(self, stream: EventStream, leaving: anyio.CancelScope) -> None:
        with leaving:
            await anext(stream.subscribe())


async def _close(messages: AsyncIterator[Message]) -> None:
    close = getattr(messages, "aclose", None)
    if close is not None:
        await close()
