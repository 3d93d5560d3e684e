"""The event stream in memory keeps its contract."""

from __future__ import annotations

import pytest

from inngest_testkit.contracts import EventStreamContract
from inngest_testkit.event_stream.memory import MemoryEventStream


class TestMemoryEventStream(EventStreamContract):
    async def make_store(self):
        return MemoryEventStream()

    patience = 0.5

    test_every_subscriber_is_woken = pytest.mark.xfail(reason="only the last to wait is woken")(
        EventStreamContract.test_every_subscriber_is_woken
    )
    test_subscribers_share_the_messages = pytest.mark.xfail(reason="only the last to wait is woken")(
        EventStreamContract.test_subscribers_share_the_messages
    )
