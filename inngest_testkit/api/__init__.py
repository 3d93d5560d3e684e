"""The HTTP face of an engine: event API, SDK endpoints, REST and GraphQL, control of time. Needs the extra `[server]`.

Importing this package needs nothing of the extra; `make_app` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.api.settings import ApiSettings

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from inngest_testkit.api.host import Host
    from inngest_testkit.api.server import LiveServer, serving
    from inngest_testkit.engine import AsyncEngine, Engine

__all__ = ["ApiSettings", "LiveServer", "make_app", "serving"]


def make_app(engine: Engine | AsyncEngine | Host, settings: ApiSettings | None = None) -> Starlette:
    """Return the ASGI application around an engine; see `inngest_testkit.api.app.make_app`.

    Raises `MissingExtraError` without the extra `[server]`.
    """
    return _of_extra("app").make_app(engine, settings)  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any attribute of the module
    if name in ("LiveServer", "serving"):
        return getattr(_of_extra("server"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _of_extra(module: str) -> Any:  # noqa: ANN401 - a module of this package
    from importlib import import_module

    from inngest_testkit.errors import MissingExtraError

    try:
        return import_module(f"inngest_testkit.api.{module}")
    except ImportError as error:
        if not (error.name or "").startswith("inngest_testkit"):
            raise MissingExtraError("the HTTP face", "server") from error
        raise
