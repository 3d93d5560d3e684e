"""Who may call which route: the one place that says so, and refuses whoever else asks.

What a browser is led to ask by a page of another site is refused before that, for all routes: see `guard`.
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

from starlette.requests import Request

from inngest_testkit.api.face import json_reply

if TYPE_CHECKING:
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send

    from inngest_testkit.api.face import Face

__all__ = ["CORE_RULES", "RULES", "Callers", "Rules", "callers_of", "guarded"]


class Callers(Enum):
    """Who may call a route."""

    #: Whoever reaches the port.
    ANYONE = "anyone"
    #: Whoever reaches the port; where the server is strict, with a source key, which the event API looks at (`keys`).
    SOURCES = "sources"
    #: Whoever reaches the port: apps run elsewhere, too. With a signing key in the settings, who has it.
    APPS = "apps"
    #: This machine, and who has the signing key of the settings.
    READERS = "readers"
    #: This machine.
    MACHINE = "machine"
    #: This machine, unless the server is strict.
    CONTROL = "control"


#: Patterns of the paths of routes, with who may call them: the first that fits counts.
Rules: TypeAlias = "tuple[tuple[str, Callers], ...]"

RULES: Rules = (
    ("/health", Callers.ANYONE),
    ("/dev", Callers.ANYONE),
    ("/openapi.json", Callers.ANYONE),
    # The page's files; they have nothing of the engine in them.
    ("/", Callers.ANYONE),
    ("/page/index.html", Callers.ANYONE),
    ("/page/*.js", Callers.ANYONE),
    ("/page/*.css", Callers.ANYONE),
    ("/page/*.svg", Callers.ANYONE),
    ("/page/*", Callers.MACHINE),
    ("/e", Callers.SOURCES),
    ("/e/*", Callers.SOURCES),
    ("/invoke/*", Callers.SOURCES),
    ("/fn/register", Callers.APPS),
    ("/v0/runs/*", Callers.APPS),
    ("/v1/checkpoint/*", Callers.APPS),
    ("/v1/*", Callers.READERS),
    ("/v0/gql", Callers.READERS),
    # It makes source keys, and functions whose steps call any address. Also where the server is strict: that is how
    # its keys are made.
    ("/gql", Callers.MACHINE),
    ("/testkit/*", Callers.CONTROL),
)

#: Where the Core API has a port of its own, whoever reaches that may deploy, as in the server.
#: Source: recordings/dag README, "Core API".
CORE_RULES: Rules = (("/*", Callers.ANYONE),)

_UNKNOWN, _FORBIDDEN = 401, 403


def callers_of(path: str, rules: Rules = RULES) -> Callers:
    """Return who may call the route of a path; raises `KeyError` for one that no rule is for."""
    for pattern, callers in rules:
        if fnmatchcase(path, pattern):
            return callers
    raise KeyError(f"no rule says who may call {path}; add one to {__name__}.RULES")


def guarded(face: Face, route: Route, rules: Rules = RULES) -> Route:
    """Let a route answer only those who may call it: others get 401 or 403, before anything of a body is read.

    Raises `KeyError` for a route that no rule is for.
    """
    route.app = _Guarded(route.app, face, route.path, callers_of(route.path, rules))
    return route


class _Guarded:
    """ASGI application in front of a route's."""

    def __init__(self, app: ASGIApp, face: Face, path: str, callers: Callers) -> None:
        self._app, self._face, self._path, self._callers = app, face, path, callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        status, reason = self._problem(Request(scope))
        if not reason:
            await self._app(scope, receive, send)
            return
        error = {"error": reason, "data": None, "status": status}
        await json_reply(error, status, headers={"cache-control": "no-store"})(scope, receive, send)

    def _problem(self, request: Request) -> tuple[int, str]:
        """Return with which status a request is refused, and why; no reason when it is not."""
        settings = self._face.settings
        match self._callers:
            case Callers.ANYONE | Callers.SOURCES:
                return 0, ""
            case Callers.APPS:
                known = self._face.knows_signing_key(request)
                return _UNKNOWN, "" if known else "Unauthorized: the app's signing key is not the server's"
            case Callers.CONTROL if settings.strict:
                reason = "/testkit is for the dev mode, and this server is strict; start it with strict=False"
                return _FORBIDDEN, reason
        if settings.remote_control or _is_here(request):
            return 0, ""
        by_key = self._callers is Callers.READERS and settings.signing_key is not None
        if by_key and self._face.knows_signing_key(request):
            return 0, ""
        others = " and to who has the server's signing key" if by_key else " only"
        return _UNKNOWN if by_key else _FORBIDDEN, (
            f"{self._path} is open to this machine{others}, and the request came from {_host(request)}; to open it to "
            "all who reach the server, start it with --remote-control, or with ApiSettings(remote_control=True)"
        )


def _host(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _is_here(request: Request) -> bool:
    """Whether a request comes from this machine; what comes over no network has no address."""
    if request.client is None:
        return True
    try:
        address = ipaddress.ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback if mapped is None else bool(mapped.is_loopback)
