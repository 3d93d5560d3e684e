"""What walking an edge of a run looks like in the queue, and what the run's expressions see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import StepOutputs
from inngest_testkit.expressions import equality_key, lookup
from inngest_testkit.functions.model import TRIGGER
from inngest_testkit.queue.base import ItemKind, QueueItem
from inngest_testkit.state.base import WaitKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.expressions import Expression
    from inngest_testkit.state.base import Pause, RunState
    from inngest_testkit.values import Json

__all__ = ["edge_item", "finish_item", "timeout_item", "variables_of", "wait_key"]


#: Taken out of their enumeration once, which is slow.
_EDGE, _FINISH = ItemKind.EDGE, ItemKind.FINISH


def edge_item(function_id: str, run_id: str, edge: str, step: str) -> QueueItem:
    """Return the item that walks an edge to its step; the edge's id is what the run counts as pending."""
    return QueueItem(f"{run_id}/{edge}", _EDGE, run_id, function_id, step, edge, edge)


def finish_item(item: QueueItem, result: Json) -> QueueItem:
    """Return the item that goes on when the attempt of an item is done, which takes time."""
    name = f"{item.run_id}/{item.step}@{item.attempt}/finish"
    return QueueItem(
        name, _FINISH, item.run_id, item.function_id, item.step, item.edge, item.token, item.attempt, result=result
    )


def timeout_item(pause: Pause) -> QueueItem:
    """Return the item that ends a pause's time."""
    return QueueItem(
        id=f"{pause.id}/timeout",
        kind=ItemKind.PAUSE,
        run_id=pause.run_id,
        function_id=pause.function_id,
        step=pause.child,
        pause_id=pause.id,
    )


def variables_of(state: RunState, parent: str) -> dict[str, Any]:
    """Return what the expressions of an edge from `parent` may read."""
    steps = StepOutputs(state.outputs)
    return {
        "event": state.run.event.value,
        "steps": steps,
        # Source: recordings/dag README, "Corrections": on an edge from the trigger it is an empty object.
        "response": {} if parent == TRIGGER else steps[parent],
    }


def wait_key(match: Expression, variables: Mapping[str, Any]) -> WaitKey | None:
    """Find an equality of `match` that compares the event to come with a value that is known now."""
    for equality in match.equalities:
        for ours, theirs in ((equality.left, equality.right), (equality.right, equality.left)):
            if not isinstance(theirs, tuple) or theirs[0] != "async":
                continue
            if isinstance(ours, tuple) and ours[0] == "async":
                continue
            value = lookup(ours, variables) if isinstance(ours, tuple) else ours
            key = equality_key(value)
            if key is not None:
                return WaitKey(theirs, key)
    return None
