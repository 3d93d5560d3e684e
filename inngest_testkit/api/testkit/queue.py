"""`/testkit/queue`: what is queued; hold, release, drain."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from inngest_testkit.api.testkit.clock import Span, limit_of
from inngest_testkit.api.testkit.endpoint import Answer, Asked, RefusedError, body_of, endpoint

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from inngest_testkit.api.face import Face
    from inngest_testkit.queue.base import PendingItem

__all__ = ["QueueAnswer", "QueueOrder", "QueuedItem", "routes"]


class QueueOrder(Asked):
    """What to do with the queue."""

    action: Literal["hold", "release", "drain"] = Field(
        description="`hold`: what becomes due stays in the queue, until it is released or drained. `release`: all is "
        "worked again. `drain`: what is due now is worked, and what that makes due now; a queue that is held stays so."
    )
    limit: Span | None = Field(None, description="On a wall clock, how long `drain` may take: `30s`.")


class QueuedItem(Answer):
    """One piece of work in the queue."""

    kind: str
    due_at: datetime
    parked: bool = Field(description="Whether it waits for room (concurrency, throttle), not for its moment.")
    function_id: str
    run_id: str
    step: str
    attempt: int = Field(description="Counts from 0.")


class QueueAnswer(Answer):
    """The queue, in the order in which it is worked."""

    held: bool
    pending: list[QueuedItem]


def routes(face: Face) -> list[Route]:
    """Return the routes of the queue."""
    return [
        endpoint(face, "/testkit/queue", "GET", _read, answers=QueueAnswer),
        endpoint(face, "/testkit/queue", "POST", _order, asks=QueueOrder, answers=QueueAnswer),
    ]


async def _read(face: Face, _: Request) -> QueueAnswer:
    """Tell what is queued."""
    return _queue(face)


def _queue(face: Face) -> QueueAnswer:
    core = face.host.core
    return QueueAnswer(held=core.control.is_held, pending=[_item(face, pending) for pending in core.pending()])


def _item(face: Face, pending: PendingItem) -> QueuedItem:
    item = pending.item
    return QueuedItem(
        kind=item.kind.value,
        due_at=pending.at,
        parked=pending.parked,
        function_id=item.function_id or face.host.core.journal.functions.get(item.run_id, ""),
        run_id=item.run_id,
        step=item.step,
        attempt=item.attempt,
    )


async def _order(face: Face, request: Request) -> QueueAnswer:
    """Hold, release or drain the queue; the answer is the queue then."""
    order = await body_of(face, request, QueueOrder)
    host = face.host
    if order.limit is not None and order.action != "drain":
        raise RefusedError(400, f"limit goes with drain, found it with {order.action}")
    limit = limit_of(face, order.limit)
    match order.action:
        case "hold":
            await host.call(lambda core: core.control.hold())
        case "release":
            await host.call(lambda core: core.control.release())
        case "drain":
            await host.call(lambda core: core.control.drain(limit))
    return _queue(face)
