"""The page's routes: its files, the JSON that it reads, and the stream of what happens.

What it changes goes through the event API and the control of time, like anyone else's requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.routing import Route

from inngest_testkit.api.face import json_reply
from inngest_testkit.api.page.assets import HEADERS, asset_routes
from inngest_testkit.api.page.events import event_detail, event_list
from inngest_testkit.api.page.functions import function_list
from inngest_testkit.api.page.runs import run_detail, run_list, status_view
from inngest_testkit.api.page.stream import stream_of
from inngest_testkit.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.api.face import Face
    from inngest_testkit.engine.core import Core

__all__ = ["routes"]


Endpoint: TypeAlias = Callable[["Request"], Awaitable["Response"]]

_NOT_FOUND = 404


def routes(face: Face) -> list[Route]:
    """Return the page's routes; none where the control of the engine is closed."""
    if not face.settings.control:
        return []
    reads: dict[str, Callable[[Core, Mapping[str, str]], Any]] = {
        "/page/status.json": status_view,
        "/page/runs.json": run_list,
        "/page/runs/{run_id}.json": run_detail,
        "/page/events.json": event_list,
        "/page/event.json": event_detail,
        "/page/functions.json": function_list,
    }
    return [
        Route("/page/stream", stream_of(face), methods=["GET"]),
        *(Route(path, _endpoint(face, read), methods=["GET"]) for path, read in reads.items()),
        *asset_routes(),
    ]


def _endpoint(face: Face, read: Callable[[Core, Mapping[str, str]], Any]) -> Endpoint:
    # Reading never waits, so one turn of the event loop sees one state.
    async def endpoint(request: Request) -> Response:
        try:
            answer = read(face.host.core, {**request.query_params, **request.path_params})
        except NotFoundError as error:
            return json_reply({"error": str(error)}, _NOT_FOUND, headers=HEADERS)
        return json_reply(answer, headers=HEADERS)

    return endpoint
