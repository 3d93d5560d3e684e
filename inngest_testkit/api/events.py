"""The event API: `POST /e/{key}`, `POST /invoke/{slug}`, `/health`.

Source: recordings/sdk README, "The event API", and `event_api`. That an invocation needs a key in strict mode is ours.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from inngest_testkit.api.face import BodyError, json_reply
from inngest_testkit.api.keys import KeyCheck
from inngest_testkit.errors import EventError, NotFoundError
from inngest_testkit.events import INVOKED, Event
from inngest_testkit.ids import ulid_of
from inngest_testkit.sdk.incoming import refused, taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.api.face import Face

__all__ = ["routes"]

#: Milliseconds since 1970, a comma, 10 bytes in base 64. Source: the Python SDK's `_seed`, event_api.
_SEED = re.compile(r"\+?(?P<ms>[0-9]{1,15}),(?P<random>[A-Za-z0-9+/]{14}==)", re.ASCII)
_MS_BITS, _COUNTED = 48, 2**32


def routes(face: Face) -> Sequence[Route]:
    """Return the routes of the event API."""
    events = _Events(face)
    return [
        Route("/e/{key}", events.receive, methods=["POST"]),
        # The recorded server answers these with its page, so that the events are lost.
        Route("/e/", events.receive, methods=["POST"]),
        Route("/e", events.receive, methods=["POST"]),
        Route("/invoke/{slug:path}", events.invoke, methods=["POST"]),
        Route("/health", _health, methods=["GET"]),
    ]


class _Events:
    def __init__(self, face: Face) -> None:
        self._face, self._keys = face, KeyCheck(face.host, face.settings)

    async def receive(self, request: Request) -> Response:
        """Take the events of a request; nothing of one that is refused."""
        problem = await self._keys.problem(request.path_params.get("key", ""))
        if problem:
            return _failed(401, problem)
        try:
            body = await self._face.body(request)
        except BodyError as error:
            return _failed(error.status, error.reason)
        host, headers = self._face.host, request.headers
        try:
            events = host.core.serving.incoming.events(body, headers.get("content-type", ""))
            chosen = _seeded(headers.get("x-inngest-event-id-seed", ""), len(events))
            ids = await host.take(events, chosen) if events else []
        except EventError as error:
            return json_reply(refused(body, error), 400, plain=True)
        return json_reply(taken(ids), plain=True)

    async def invoke(self, request: Request) -> Response:
        """Start a function, whatever its triggers; the reply has the event's id. Which run it is, its runs tell."""
        if self._face.settings.strict and (problem := await self._keys.problem_of_header(request)):
            return _problem(401, problem)
        slug: str = request.path_params["slug"]
        host = self._face.host
        body = await self._face.body(request)
        try:
            await host.ask(lambda data: data.function(slug))
            given = host.core.serving.incoming.invocation(body)
        except NotFoundError as error:
            return _problem(404, str(error))
        except EventError as error:
            return _problem(400, f"Unable to read post data request: {error}")
        data = {**given.data, "_inngest": {**_INVOCATION, "fn_id": slug}}
        event = Event(INVOKED, data, user=given.user, id=given.id, ts=given.ts, v=given.v)
        seed = _seeded(request.headers.get("x-inngest-event-id-seed", ""), 1, first=0)
        try:
            (made,) = await host.take([event], seed)
        except EventError as error:
            return _problem(400, f"Invalid invocation event: {error}")
        return json_reply({"id": made, "status": 200}, plain=True)


#: What an invocation says of the step that invoked: there is none. Source: event_api.
_INVOCATION: dict[str, Any] = {
    "expire": 0,
    "gid": "",
    "name": "",
    "source_app_id": "",
    "source_fn_id": "",
    "source_fn_v": 0,
}


def _seeded(seed: str, count: int, *, first: int = 1) -> list[str]:
    """Return the ids that a seed stands for, one for each event; none for what is no seed.

    The last four of its random bytes count the events of the request. Source: the server's `SeededIDFromString`.
    """
    found = _SEED.fullmatch(seed) if seed else None
    if found is None or not 0 < (ms := int(found["ms"])) < 2**_MS_BITS:
        return []
    start = int.from_bytes(b64decode(found["random"]), "big")
    head, counted = start // _COUNTED * _COUNTED, start % _COUNTED
    return [ulid_of(ms, head + (counted + index) % _COUNTED) for index in range(first, first + count)]


async def _health(_: Request) -> Response:
    return json_reply({"status": 200, "message": "OK"})


def _failed(status: int, error: str) -> Response:
    return json_reply({"ids": [], "status": status, "error": error}, status)


def _problem(status: int, error: str) -> Response:
    return json_reply({"error": error, "data": None, "status": status}, status)
