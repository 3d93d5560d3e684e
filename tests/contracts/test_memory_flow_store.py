"""The flow store in memory keeps its contract."""

from __future__ import annotations

from inngest_testkit.contracts import FlowStoreContract
from inngest_testkit.flow.memory import MemoryFlowStore


class TestMemoryFlowStore(FlowStoreContract):
    async def make_store(self):
        return MemoryFlowStore()
