"""Time-outs of runs: `start` until the first call has begun, `finish` from then until the run is over.

Whoever is late is cancelled, also in a sleep or in the middle of a step, whose result is dropped then. A run of a batch
has no time to start. A time that cannot be read is none, as on the server.

Source: recordings/sdk README, "Cancelling"; timeout_finish.
"""

from __future__ import annotations

from inngest_testkit.queue.base import ItemKind, QueueItem

__all__ = ["FINISH", "START", "timeout_item"]

START, FINISH = "timeouts.start", "timeouts.finish"


def timeout_item(run_id: str, function_id: str, name: str) -> QueueItem:
    """Return the item that ends a run's time."""
    return QueueItem(id=f"{run_id}/{name}", kind=ItemKind.TIMEOUT, run_id=run_id, function_id=function_id, edge=name)
