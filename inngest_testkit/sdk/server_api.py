"""What an SDK asks of its server, answered by the engine: events, registration, memos that did not fit.

Source: recordings/sdk README, "The event API", "Registration", "Limits".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from inngest_testkit.clock import epoch_ms
from inngest_testkit.drivers.scope import CallScope, current_call
from inngest_testkit.errors import EventError
from inngest_testkit.events import Event
from inngest_testkit.sdk.limits import Limits, exceeds

__all__ = ["Reply", "ServerApi"]

_RESERVED = "inngest/"
#: A `ts` that lies this near to the wall clock's now was filled in by the SDK.
_NOW_MS = 2_000
_EARLIEST_MS, _LATEST_MS = epoch_ms(datetime(1980, 1, 1, tzinfo=UTC)), epoch_ms(datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request: a status, and JSON."""

    status: int
    body: bytes


#: Takes events that were sent outside of any call; returns their ids.
TakeEvents: TypeAlias = Callable[[Sequence[Event]], Sequence[str]]


class ServerApi:
    """Answers the requests of served clients.

    Events that are sent inside a call of the engine's belong to that call; others go to `take`.
    """

    def __init__(self, owner: object, limits: Limits, make_id: Callable[[], str], now_ms: Callable[[], int]) -> None:
        self._owner, self._limits, self._make_id, self._now_ms = owner, limits, make_id, now_ms
        #: What an app registered last, until the engine takes it.
        self.registered: dict[str, Any] | None = None
        #: The client that registered it.
        self.registered_by: Any = None

    def answer(self, client: object, method: str, path: str, body: bytes) -> Reply | list[Event]:
        """Answer a client's request; of events sent outside of calls, return the events for the engine to take."""
        if method == "POST" and path.startswith("/e/"):
            return self._events(body)
        if method == "POST" and path == "/fn/register":
            self.registered, self.registered_by = json.loads(body), client
            return _json(200, {"ok": True, "modified": True})
        if method == "GET" and path.startswith("/v0/runs/"):
            return self._fetch(path)
        return _json(404, {"error": f"the engine does not answer {method} {path}", "status": 404})

    def taken(self, ids: Sequence[str]) -> Reply:
        """Return the reply to events that were taken."""
        return _json(200, {"ids": list(ids), "status": 200})

    def refused(self, error: EventError) -> Reply:
        """Return the reply to events of which one is refused; nothing of the request is taken."""
        return _json(400, {"ids": [], "status": 400, "error": str(error)})

    def _events(self, body: bytes) -> Reply | list[Event]:
        try:
            events = [self._event(fields) for fields in _listed(body)]
        except EventError as error:
            return self.refused(error)
        scope = current_call()
        if scope is None or scope.owner is not self._owner:
            return events
        return self._keep(events, scope)

    def _keep(self, events: Sequence[Event], scope: CallScope) -> Reply:
        """Let the call keep events until it is over; the reply's ids are always generated."""
        ids = [self._make_id() for _ in events]
        try:
            kept = [event.received(id=made, ts=epoch_ms(scope.now)) for event, made in zip(events, ids, strict=True)]
        except EventError as error:
            return self.refused(error)
        scope.sent += kept
        return self.taken(ids)

    def _event(self, fields: object) -> Event:
        if not isinstance(fields, dict):
            raise EventError("Request body must contain an event object or an array of event objects")
        name = fields.get("name") or ""
        if not isinstance(name, str) or not name:
            raise EventError("event name is empty")
        if name.startswith(_RESERVED):
            raise EventError(f"event name is reserved for internal use: {name}")
        self._check_size(name, fields)
        data = fields.get("data")
        if isinstance(data, dict):
            data.pop("_inngest", None)
        event = Event.from_mapping(fields)
        # The SDK fills it in by the wall clock, the engine has its own.
        if event.ts is not None and abs(event.ts - time.time() * 1000) < _NOW_MS:
            event = replace(event, ts=self._now_ms())
        if event.ts and event.ts < _EARLIEST_MS:
            raise EventError("timestamp is before Jan 1, 1980")
        if event.ts and event.ts > _LATEST_MS:
            raise EventError("timestamp is after Jan 1, 2100")
        return event

    def _check_size(self, name: str, fields: dict[str, Any]) -> None:
        if exceeds(len(name), self._limits.name):
            raise EventError(f"event name is too long: Max {self._limits.name} / Size {len(name)} characters")
        size = len(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode())
        if exceeds(size, self._limits.event):
            raise EventError(f"Event is over the max size: Max {self._limits.event} bytes / Size {size} bytes")

    def _fetch(self, path: str) -> Reply:
        scope, what = current_call(), path.rsplit("/", 1)[-1]
        if scope is None or what not in scope.fetchable:
            run_id = path.split("/")[3]
            return _json(410, {"error": f"runtime state is no longer available for runID: {run_id}", "status": 410})
        return Reply(200, scope.fetchable[what])


def _listed(body: bytes) -> list[object]:
    try:
        given = json.loads(body)
    except ValueError:
        raise EventError("Request body must contain an event object or an array of event objects") from None
    return given if isinstance(given, list) else [given]


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode())
