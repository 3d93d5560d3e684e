"""What the transports share whose app answers HTTP requests, over a socket or in this process.

Source: recordings/sdk README, "The call request"; redirects as in the server's `exechttp` package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, TypedDict

import httpx

from inngest_testkit.sdk.protocol import CallResponse
from inngest_testkit.sdk.signatures import signed_headers
from inngest_testkit.sdk.transports.streamed import unwrapped

if TYPE_CHECKING:
    from inngest_testkit.sdk.protocol import CallRequest

__all__ = ["CLIENT", "ORIGIN", "SERVER_ERROR", "AppTransport", "Outgoing"]

#: Where an app in this process believes to be; Django's and Starlette's own test clients say the same.
ORIGIN = httpx.URL("http://testserver")
#: What servers answer, with status 500, for an app that raises.
SERVER_ERROR = b"Internal Server Error"


class _ClientOptions(TypedDict):
    max_redirects: int
    cookies: CookieJar


#: How the server's HTTP client is set: it goes through some redirects, and keeps no cookies from call to call.
CLIENT = _ClientOptions(max_redirects=60, cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])))


class Outgoing(TypedDict):
    """One HTTP request, as the arguments of `httpx.Client.request`."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes
    follow_redirects: bool


class AppTransport(ABC):
    """Calls the app at `url`; how a request gets there is up to the subclass.

    Redirects are followed, as the server does: 307 and 308 repeat the request, the others become a GET.
    """

    def __init__(self, url: httpx.URL) -> None:
        self.url = url

    async def call(self, request: CallRequest) -> CallResponse:
        """See `Transport.call`; signed when the request has a key."""
        url = self.url.copy_merge_params({"fnId": request.function_id, "stepId": request.step_id})
        return await self._exchange("POST", url, signed_headers(request), request.body)

    async def sync(self, headers: Mapping[str, str]) -> CallResponse:
        """Ask the app to register itself with the server that it is configured for."""
        return await self._exchange("PUT", self.url, headers, b"")

    @abstractmethod
    async def close(self) -> None:
        """See `Transport.close`."""

    @abstractmethod
    async def _send(self, outgoing: Outgoing) -> httpx.Response:
        """Make the request; `httpx.HTTPError` when there is no answer."""

    async def _exchange(self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> CallResponse:
        outgoing = Outgoing(method=method, url=url, headers=headers, content=body, follow_redirects=True)
        try:
            answer = await self._send(outgoing)
        except httpx.HTTPError as error:
            return CallResponse(unreachable=f"Unable to reach SDK URL: {str(error) or type(error).__name__}")
        return unwrapped(CallResponse(answer.status_code, dict(answer.headers), answer.content))
