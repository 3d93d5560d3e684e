"""The data store in memory keeps its contract."""

from __future__ import annotations

from inngest_testkit.contracts import DataStoreContract
from inngest_testkit.data_store.memory import MemoryDataStore


class TestMemoryDataStore(DataStoreContract):
    async def make_store(self):
        return MemoryDataStore()
