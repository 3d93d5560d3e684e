"""What an SDK asks of its server, answered by the engine: events, registration, memos that did not fit.

Source: recordings/sdk README, "Registration", "Limits"; of events, see `incoming`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from inngest_testkit.clock import epoch_ms
from inngest_testkit.drivers.scope import CallScope, current_call
from inngest_testkit.errors import EventError
from inngest_testkit.events import Event
from inngest_testkit.sdk.incoming import Incoming, refused, taken

__all__ = ["Reply", "ServerApi"]


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

    def __init__(self, owner: object, incoming: Incoming, make_id: Callable[[], str]) -> None:
        self._owner, self._incoming, self._make_id = owner, incoming, make_id
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
        return _json(200, taken(ids))

    def refused(self, body: bytes, error: EventError) -> Reply:
        """Return the reply to a request of which an event is refused; nothing of it is taken."""
        return _json(400, refused(body, error))

    def _events(self, body: bytes) -> Reply | list[Event]:
        try:
            events = self._incoming.events(body)
        except EventError as error:
            return self.refused(body, error)
        scope = current_call()
        if scope is None or scope.owner is not self._owner:
            return events
        return self._keep(body, events, scope)

    def _keep(self, body: bytes, events: Sequence[Event], scope: CallScope) -> Reply:
        """Let the call keep events until it is over; the reply's ids are always generated."""
        ids = [self._make_id() for _ in events]
        try:
            kept = [event.received(id=made, ts=epoch_ms(scope.now)) for event, made in zip(events, ids, strict=True)]
        except EventError as error:
            return self.refused(body, error)
        scope.sent += kept
        return self.taken(ids)

    def _fetch(self, path: str) -> Reply:
        scope, what = current_call(), path.rsplit("/", 1)[-1]
        if scope is None or what not in scope.fetchable:
            run_id = path.split("/")[3]
            return _json(410, {"error": f"runtime state is no longer available for runID: {run_id}", "status": 410})
        return Reply(200, scope.fetchable[what])


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode())
