"""The event stream in memory keeps its contract."""

from __future__ import annotations

from inngest_testkit.contracts import EventStreamContract
from inngest_testkit.event_stream.memory import MemoryEventStream


class TestMemoryEventStream(EventStreamContract):
    async def make_store(self):
        return MemoryEventStream()

    patience = 0.5
