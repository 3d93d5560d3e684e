"""Calls to an app that listens somewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from inngest_testkit.clock import unfrozen_now
from inngest_testkit.drivers.base import Bridge, direct
from inngest_testkit.drivers.scope import current_call
from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.transports.base import CLIENT, AppTransport

if TYPE_CHECKING:
    from inngest_testkit.sdk.protocol import CallRequest, CallResponse
    from inngest_testkit.sdk.transports.base import Outgoing

__all__ = ["TIMEOUT_S", "HttpTransport"]

#: Seconds (of real time) without an answer before a call has failed: the longest that the server lets a step run.
TIMEOUT_S = 7200.0
_LAST_PORT = 65535


class HttpTransport(AppTransport):
    """Calls the app at a URL, over a new connection each time, as the server does.

    `path` is for a URL that has none. `client` is an `httpx.AsyncClient` of your own (for a proxy, or certificates).
    """

    def __init__(
        self, url: str, *, path: str = "/", bridge: Bridge[Any] = direct, client: httpx.AsyncClient | None = None
    ) -> None:
        super().__init__(_checked(url, path))
        self._bridge = bridge
        self._client = client
        self._own = client is None

    async def call(self, request: CallRequest) -> CallResponse:
        """See `Transport.call`. The app has a clock of its own: the answer says what it shows."""
        scope = current_call()
        if scope is not None:
            scope.own_clock = True
        response = await super().call(request)
        return replace(response, clock=_clock(response))

    async def _send(self, outgoing: Outgoing) -> httpx.Response:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, headers={"connection": "close"}, **CLIENT)
        return await self._bridge(self._client.request(**outgoing))  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Close the client, unless it was given."""
        if self._own and self._client is not None:
            client, self._client = self._client, None
            await self._bridge(client.aclose())


def _clock(response: CallResponse) -> datetime:
    """Return the moment of an answer, by the clock of the app that gave it.

    That is the machine's, unless the app runs in this process and the engine freezes the clock here; the answer's date,
    in whole seconds, tells which.
    """
    machine, here = unfrozen_now(), datetime.now(UTC)
    try:
        date = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return machine
    return min(machine, here, key=lambda moment: abs(moment - date.replace(tzinfo=date.tzinfo or UTC)))


def _checked(text: str, path: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
        if url.scheme in {"http", "https"} and url.host and (url.port or 0) <= _LAST_PORT:
            return url.join(path) if url.path == "/" else url
    except (httpx.InvalidURL, ValueError) as error:
        raise SetupError(f"{text!r} is not a URL: {error}") from None
    raise SetupError(f"{text!r} is not the URL of an app; write one such as 'http://127.0.0.1:8000/api/inngest'")
