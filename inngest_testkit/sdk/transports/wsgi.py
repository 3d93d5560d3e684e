"""Calls to a WSGI app (Flask, Django) in this process, without sockets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx

from inngest_testkit.drivers.base import Bridge, direct
from inngest_testkit.sdk.transports.base import CLIENT, ORIGIN, SERVER_ERROR, AppTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from inngest_testkit.sdk.transports.base import Outgoing

__all__ = ["WsgiTransport"]

logger = logging.getLogger(__name__)


class WsgiTransport(AppTransport):
    """Calls an app at `path`, which may be a whole URL if the app minds its host.

    The app runs in the calling thread, so that thread-locals and a test's database transaction hold; nothing goes
    over the bridge. What it raises is logged and answered with status 500, as a server does. Where a loop runs in
    that thread (under an `AsyncEngine`), Flask and Django refuse to call functions that are async.
    """

    def __init__(self, app: WSGIApplication, path: str, *, bridge: Bridge[Any] = direct) -> None:
        super().__init__(ORIGIN.join(path))
        self._app = app
        self._client = httpx.Client(transport=httpx.WSGITransport(self._serve), **CLIENT)

    async def _send(self, outgoing: Outgoing) -> httpx.Response:
        return self._client.request(**outgoing)

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """What a server does around an app."""
        try:
            return _answered(self._app, environ, start_response)
        except Exception:
            logger.exception("the WSGI app failed at %s", environ["PATH_INFO"])
            start_response("500 Internal Server Error", [("content-type", "text/plain; charset=utf-8")])
            return [SERVER_ERROR]

    async def close(self) -> None:
        """See `Transport.close`."""
        self._client.close()


def _answered(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Call the app and read its whole answer."""
    is_begun = False

    def begin(status: str, headers: list[tuple[str, str]], _: object = None, /) -> Callable[[bytes], object]:
        nonlocal is_begun
        is_begun = True
        return start_response(status, headers)

    answer = app(environ, begin)
    try:
        parts = list(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    if not is_begun:
        raise RuntimeError("the app returned without calling start_response")
    return parts
