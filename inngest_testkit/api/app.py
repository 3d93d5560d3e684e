"""The ASGI application: the routes of every part of the HTTP face, and what stands before them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from inngest_testkit.api import events, openapi, rest, sdk, testkit
from inngest_testkit.api.callers import CORE_RULES, RULES, Rules, guarded
from inngest_testkit.api.face import BodyError, Face, json_reply
from inngest_testkit.api.graphql import queries
from inngest_testkit.api.graphql.core_api import core_routes, signpost
from inngest_testkit.api.guard import Guard
from inngest_testkit.api.host import Host, host_of
from inngest_testkit.api.page import part as page
from inngest_testkit.api.settings import ApiSettings
from inngest_testkit.engine import AsyncEngine, Engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request
    from starlette.routing import Route

__all__ = ["PARTS", "Part", "app_of", "make_app", "make_core_app"]

#: A part of the face: it makes its routes.
Part: TypeAlias = "Callable[[Face], Sequence[Route]]"

#: The parts of the face.
PARTS: tuple[Part, ...] = (
    events.routes,
    sdk.routes,
    rest.routes,
    queries.routes,
    core_routes,
    testkit.routes,
    page.routes,
    openapi.routes,
)


def make_app(engine: Engine | AsyncEngine | Host, settings: ApiSettings | None = None) -> Starlette:
    """Return the ASGI application around an engine; its lifespan works what arrives.

    Run it with an ASGI server that supports lifespans, on asyncio. Raises `SetupError` for what is no engine.
    """
    return app_of(_face(engine, settings))


def make_core_app(engine: Engine | AsyncEngine | Host, settings: ApiSettings | None = None) -> Starlette:
    """Return an ASGI application that has the Core API alone; otherwise as `make_app`."""
    return app_of(_face(engine, settings), (core_routes, signpost), CORE_RULES)


def _face(engine: Engine | AsyncEngine | Host, settings: ApiSettings | None) -> Face:
    host = host_of(engine) if isinstance(engine, Engine | AsyncEngine) else engine
    return Face(host, settings or ApiSettings())


def app_of(face: Face, parts: Sequence[Part] = PARTS, rules: Rules = RULES, *, works: bool = True) -> Starlette:
    """Return the application of some parts of a face; `works`: its lifespan works what arrives.

    `rules` say who may call its routes; raises `KeyError` for a route that none is for.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            if works:
                tasks.start_soon(face.host.run)
            yield
            face.stop()
            tasks.cancel_scope.cancel()

    app = Starlette(
        routes=[guarded(face, route, rules) for part in parts for route in part(face)],
        middleware=[Middleware(Guard, hosts=face.settings.hosts)],
        exception_handlers={BodyError: _body_error, 405: _not_allowed},
        lifespan=lifespan,
    )
    #: For whoever runs the server, see `api.foreground`.
    app.state.face = face
    return app


async def _body_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, BodyError)  # noqa: S101 - the handler is registered for it
    return json_reply({"error": error.reason, "data": None, "status": error.status}, error.status)


async def _not_allowed(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for its status
    # Source: recordings/sdk `event_api`.
    return Response(status_code=405, headers=error.headers)
