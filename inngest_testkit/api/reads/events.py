"""Events as they were received: found by their internal ids, listed, and written as JSON."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from inngest_testkit.api.reads.ids import NOBODY, received_id, rfc3339
from inngest_testkit.clock import epoch_ms
from inngest_testkit.ids import ulid_ms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from inngest_testkit.events import Event
    from inngest_testkit.runs.journal import Journal, Received

__all__ = ["compact", "event_fields", "find_event", "newest_events", "page_of", "received_object"]

_INTERNAL = "inngest/"


def find_event(journal: Journal, internal_id: str) -> Received | None:
    """Return the event with an internal id; None when there is none."""
    wanted = internal_id.upper()
    sent = journal.received.get(f"send/{wanted}")
    if sent is not None:
        return sent
    at = ulid_ms(wanted)
    return next(
        (
            received
            for delivery, received in list(journal.received.items())
            if epoch_ms(received.at) == at and received_id(delivery, received.at) == wanted
        ),
        None,
    )


def newest_events(
    journal: Journal,
    *,
    names: Collection[str] = (),
    internal: bool = False,
    after: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[Received]:
    """Yield events, the last received first: of these names (none: all), received between two moments, both included.

    The server's own are among them when `internal`.
    """
    for received in reversed(list(journal.received.values())):
        name, at = received.event.name, received.at
        if (
            (not names or name in names)
            and (internal or not name.startswith(_INTERNAL))
            and (after is None or at >= after)
            and (before is None or at <= before)
        ):
            yield received


def page_of(events: Iterator[Received], limit: int, cursor: str | None) -> list[Received]:
    """Return at most `limit` events, those that come after the one whose internal id is the cursor.

    An event that was dropped since leaves its place: the page begins with what was received before its moment.
    """
    if cursor is None:
        return list(islice(events, limit))
    listed = list(events)
    ids = [received_id(each.delivery, each.at) for each in listed]
    if cursor in ids:
        start = ids.index(cursor) + 1
    else:
        start = next((n for n, each in enumerate(ids) if each[:10] < cursor[:10]), len(ids))
    return listed[start : start + limit]


def event_fields(event: Event) -> dict[str, Any]:
    """Return an event in the order in which the server writes it; what is empty is left out."""
    fields: dict[str, Any] = {"id": event.id, "name": event.name, "data": dict(event.data), "user": dict(event.user)}
    fields |= {"ts": event.ts, "v": event.v}
    return {key: value for key, value in fields.items() if value or key in ("name", "data")}


def received_object(received: Received) -> dict[str, Any]:
    """Return an event as `/v1/events` shows it."""
    return {
        "internal_id": received_id(received.delivery, received.at),
        "account_id": NOBODY,
        "environment_id": NOBODY,
        "source": "",
        "source_id": None,
        "received_at": rfc3339(received.at),
        **event_fields(received.event),
    }


def compact(value: object) -> str:
    """Write JSON as the server does, without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
