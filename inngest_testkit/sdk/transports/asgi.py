"""Calls to an ASGI app (FastAPI, Starlette, Django) in this process, without sockets."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpx

from inngest_testkit.drivers.base import Bridge, direct
from inngest_testkit.drivers.python import is_cancelled_from_outside
from inngest_testkit.sdk.transports.base import CLIENT, ORIGIN, SERVER_ERROR, AppTransport
from inngest_testkit.sdk.transports.lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from inngest_testkit.sdk.transports.base import Outgoing
    from inngest_testkit.sdk.transports.lifespan import AsgiApp, Message, Receive, Send

__all__ = ["AsgiTransport"]

logger = logging.getLogger(__name__)


class AsgiTransport(AppTransport):
    """Calls an app at `path`, which may be a whole URL if the app minds its host.

    The app is started before the first call and stopped by `close`, both through the bridge. What it raises is
    logged and answered with status 500, as a server does.
    """

    def __init__(self, app: AsgiApp, path: str, *, bridge: Bridge[Any] = direct) -> None:
        super().__init__(ORIGIN.join(path))
        self._app = app
        self._bridge = bridge
        self._lifespan = Lifespan(app)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(self._serve), **CLIENT)

    async def _send(self, outgoing: Outgoing) -> httpx.Response:
        return await self._bridge(self._started(outgoing))  # type: ignore[no-any-return]

    async def _started(self, outgoing: Outgoing) -> httpx.Response:
        await self._lifespan.start()
        return await self._client.request(**outgoing)

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """What a server does around an app."""
        sending = _Sending(send)
        scope["state"] = self._lifespan.state.copy()
        try:
            await self._app(scope, receive, sending.send)
            sending.check()
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled_from_outside():
                raise
            logger.exception("the ASGI app failed at %s", scope["path"])
            await sending.finish()

    async def close(self) -> None:
        """Stop the app, if it was started."""
        if self._lifespan.is_running:
            await self._bridge(self._lifespan.stop())


class _Sending:
    """The answer to one request, as far as the app has sent it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_begun = self._is_done = False

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        await self._send(message)
        self._is_begun = True
        self._is_done = message["type"] == "http.response.body" and not message.get("more_body", False)

    def check(self) -> None:
        """Raise when the app has left the answer unfinished."""
        if not self._is_done:
            raise RuntimeError("the app returned without finishing its answer")

    async def finish(self) -> None:
        """Answer for an app that has failed; too late for that, the connection breaks."""
        if not self._is_begun:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await self._send({"type": "http.response.start", "status": 500, "headers": headers})
            await self._send({"type": "http.response.body", "body": SERVER_ERROR})
        elif not self._is_done:
            raise httpx.RemoteProtocolError("the app failed in the middle of its answer")
