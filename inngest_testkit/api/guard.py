"""What stands before all routes: who may ask, and what every answer carries.

A page that a person happens to visit must not reach a server on that person's machine. Its browser tells the name that
it resolved (`Host`, so a name of its own that points here is refused: DNS rebinding) and where the page is from
(`Origin`). No answer allows another origin to read it (CORS), and none can be run or framed as something else.
"""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from inngest_testkit.api.face import SERVER_KIND, json_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

_log = logging.getLogger("inngest_testkit")

#: Methods that change nothing.
_READS = frozenset({"GET", "HEAD"})
#: The content security policy is for what a part gives none of its own: no answer of theirs is a page.
_HEADERS = {
    "x-inngest-server-kind": SERVER_KIND,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
_PAIRS = tuple((name.encode(), value.encode()) for name, value in _HEADERS.items())
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0"})  # noqa: S104 - a name that is asked for, not an address to listen on


class Guard:
    """ASGI middleware; `hosts` are names by which the server may be called, besides those of the loopback interface."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self._app = app
        self._names = _LOCAL | {host.lower().rstrip(".") for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to the application, or answer it with 403."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        problem = self._problem(scope)
        if scope["type"] != "http":
            if problem:
                await send({"type": "websocket.close", "code": 1008, "reason": problem})
            else:
                await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        if problem:
            await json_reply({"error": problem, "status": 403}, 403)(scope, receive, answer.send)
            return
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            return  # nobody waits for an answer
        except Exception:
            # The path is not logged: it may have a key.
            _log.exception("%s %s failed", scope["method"], _name(scope.get("endpoint")))
            if answer.has_begun:
                raise
            body = {"error": "The server failed at this request; its log says why", "status": 500}
            await json_reply(body, 500)(scope, receive, answer.send)

    def _problem(self, scope: Scope) -> str:
        """Say why a request is refused; empty when it is not."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        name = _name_of(host)
        if name not in self._names and not _is_own_address(name, scope):
            return (
                f"This server does not answer to the host {name[:100]!r}. If that is a name of it, allow the name: "
                "ApiSettings(hosts=(...,))"
            )
        if scope.get("method") in _READS:
            return ""
        origins = {value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"origin"}
        if origins <= {f"http://{host}", f"https://{host}"}:
            return ""
        return "A page of another origin may not change anything here; send the request from a server"


class _Answer:
    """Sends an answer, with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """See ASGI."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = message.setdefault("headers", [])
            given = {name for name, _ in headers}
            message["headers"] = [*headers, *(pair for pair in _PAIRS if pair[0] not in given)]
        await self._send(message)


def _name_of(host: str) -> str:
    """Return the name in a `Host` header, without its port; empty for what is none."""
    name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not name:
        name, port = host, ""
    if port and not (port.isascii() and port.isdigit()):
        return ""
    return name.removeprefix("[").removesuffix("]").rstrip(".")


def _is_own_address(name: str, scope: Scope) -> bool:
    """Whether a name is an address: of the loopback interface, or the one that the request came to."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    own = (scope.get("server") or ("",))[0]
    return address.is_loopback or name == own


def _name(endpoint: object) -> str:
    return getattr(endpoint, "__qualname__", "a request to no route")
