"""The state store in memory keeps its contract."""

from __future__ import annotations

from inngest_testkit.contracts import StateStoreContract
from inngest_testkit.state.memory import MemoryStateStore


class TestMemoryStateStore(StateStoreContract):
    async def make_store(self):
        return MemoryStateStore()
