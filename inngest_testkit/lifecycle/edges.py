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

__all__ = ["edge_item", "timeout_item", "variables_of", "wait_key"]


def edge_item(function_id: str, run_id: str, edge: str, step: str) -> QueueItem:
    """Return the item that walks an edge to its step; the edge's id is what the run counts as pending."""
    return QueueItem(
        id=f"{run_id}/{edge}",
        kind=ItemKind.EDGE,
        run_id=run_id,
        function_id=function_id,
        step=step,
        edge=edge,
        token=edge,
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
