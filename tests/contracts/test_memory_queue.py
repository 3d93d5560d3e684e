"""The queue in memory keeps its contract."""

from __future__ import annotations

from inngest_testkit.contracts import QueueContract
from inngest_testkit.queue.memory import MemoryQueue


class TestMemoryQueue(QueueContract):
    async def make_store(self):
        return MemoryQueue()
