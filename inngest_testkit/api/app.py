"""The ASGI application: the routes of every part of the HTTP face, and what stands before them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette

from inngest_testkit.api import rest, sdk
from inngest_testkit.api.face import BodyError, Face, json_reply
from inngest_testkit.api.graphql import queries
from inngest_testkit.api.host import Host, host_of
from inngest_testkit.api.settings import ApiSettings
from inngest_testkit.engine import AsyncEngine, Engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["PARTS", "make_app"]

#: The parts of the face; each makes its routes.
PARTS: tuple[Callable[[Face], Sequence[BaseRoute]], ...] = (sdk.routes, rest.routes, queries.routes)


def make_app(engine: Engine | AsyncEngine | Host, settings: ApiSettings | None = None) -> Starlette:
    """Return the ASGI application around an engine; its lifespan works what arrives.

    Run it with an ASGI server that supports lifespans, on asyncio. Raises `SetupError` for what is no engine.
    """
    host = host_of(engine) if isinstance(engine, Engine | AsyncEngine) else engine
    face = Face(host, settings or ApiSettings())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(host.run)
            yield
            tasks.cancel_scope.cancel()

    return Starlette(
        routes=[route for part in PARTS for route in part(face)],
        exception_handlers={BodyError: _body_error},
        lifespan=lifespan,
    )


async def _body_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, BodyError)  # noqa: S101 - the handler is registered for it
    return json_reply({"error": error.reason, "data": None, "status": error.status}, error.status)
