"""The HTTP face of an engine: event API, SDK endpoints, REST and GraphQL, control of time. Needs the extra `[server]`.

Importing this package needs nothing of the extra; `make_app` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inngest_testkit.api.settings import ApiSettings

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from inngest_testkit.api.host import Host
    from inngest_testkit.engine import AsyncEngine, Engine

__all__ = ["ApiSettings", "make_app"]


def make_app(engine: Engine | AsyncEngine | Host, settings: ApiSettings | None = None) -> Starlette:
    """Return the ASGI application around an engine; see `inngest_testkit.api.app.make_app`.

    Raises `MissingExtraError` without the extra `[server]`.
    """
    from inngest_testkit.errors import MissingExtraError

    try:
        from inngest_testkit.api import app
    except ImportError as error:
        if not (error.name or "").startswith("inngest_testkit"):
            raise MissingExtraError("the HTTP face", "server") from error
        raise
    return app.make_app(engine, settings)
