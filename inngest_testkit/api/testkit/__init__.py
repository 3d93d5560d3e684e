"""Control of an engine over HTTP, for end-to-end tests in any language: time, runs, mocks, queue, reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.api.testkit import clock, engine, mocks, queue, runs

if TYPE_CHECKING:
    from starlette.routing import Route

    from inngest_testkit.api.face import Face

__all__ = ["routes"]


def routes(face: Face) -> list[Route]:
    """Return the routes below `/testkit`; none unless the settings open them."""
    parts = (clock, queue, engine, runs, mocks)
    return [route for part in parts for route in part.routes(face)] if face.settings.control else []
