"""Which transport reaches what the user has: an address, or an app object in this process."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeGuard

from inngest_testkit.drivers.base import Bridge, direct
from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.transports.asgi import AsgiTransport
from inngest_testkit.sdk.transports.http import HttpTransport
from inngest_testkit.sdk.transports.wsgi import WsgiTransport

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from inngest_testkit.sdk.transports.lifespan import AsgiApp

__all__ = ["transport_for"]


def transport_for(
    target: object, path: str, bridge: Bridge[Any] = direct
) -> HttpTransport | AsgiTransport | WsgiTransport:
    """Return a transport for a URL, an ASGI app or a WSGI app; `path` is where the app serves its functions.

    A URL with a path of its own keeps it.
    """
    if isinstance(target, str):
        return HttpTransport(target, path=path, bridge=bridge)
    if _is_asgi(target):
        return AsgiTransport(target, path, bridge=bridge)
    if _is_wsgi(target):
        return WsgiTransport(target, path, bridge=bridge)
    if hasattr(target, "app_id"):
        raise SetupError("a client is served, not mounted: engine.serve(client, [functions])")
    raise SetupError(
        "an app is mounted as a URL ('http://127.0.0.1:8000/api/inngest'), an ASGI app (such as FastAPI's: an async "
        f"callable that takes scope, receive, send) or a WSGI app (such as Flask's); got {_shown(target)}"
    )


def _is_asgi(target: object) -> TypeGuard[AsgiApp]:
    return _takes(target, 3) and (_is_async(target) or not _takes(target, 2))


def _is_wsgi(target: object) -> TypeGuard[WSGIApplication]:
    return _takes(target, 2) and not _is_async(target)


def _takes(target: object, count: int) -> bool:
    """Whether the target is an object that can be called with so many arguments."""
    if not callable(target) or inspect.isclass(target):
        return False
    try:
        inspect.signature(target).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _is_async(target: object) -> bool:
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(type(target).__call__)


def _shown(target: object) -> str:
    if inspect.isclass(target):
        return f"the class {target.__name__}; mount an instance of it"
    if _takes(target, 0):
        return f"{target!r}, which takes no arguments; if it makes the app, call it"
    return f"{type(target).__name__} {target!r}"
