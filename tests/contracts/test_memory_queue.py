"""The queue in memory keeps its contract."""

from __future__ import annotations

import pytest

from inngest_testkit.contracts import QueueContract
from inngest_testkit.queue.memory import MemoryQueue


class TestMemoryQueue(QueueContract):
    async def make_store(self):
        return MemoryQueue()

    test_late_completion_after_requeue_changes_nothing = pytest.mark.xfail(reason="leases are told apart by a count")(
        QueueContract.test_late_completion_after_requeue_changes_nothing
    )
    test_late_completion_spares_new_work = pytest.mark.xfail(reason="leases are told apart by a count")(
        QueueContract.test_late_completion_spares_new_work
    )
