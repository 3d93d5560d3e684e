"""The checks that every backend must pass; subclass the one for your protocol in a test module.

::

    from inngest_testkit.contracts import StateStoreContract

    class TestMyStateStore(StateStoreContract):
        async def make_store(self):
            return MyStateStore()

The checks are coroutines, so pytest needs a plugin that runs those (anyio's, with `anyio_mode = "auto"`, does).
"""

from __future__ import annotations

from inngest_testkit.contracts.base import Contract, check
from inngest_testkit.contracts.data_store import DataStoreContract
from inngest_testkit.contracts.event_stream import EventStreamContract
from inngest_testkit.contracts.flow import FlowStoreContract
from inngest_testkit.contracts.queue import QueueContract
from inngest_testkit.contracts.state import StateStoreContract

__all__ = [
    "Contract",
    "DataStoreContract",
    "EventStreamContract",
    "FlowStoreContract",
    "QueueContract",
    "StateStoreContract",
    "check",
]
