"""Calls to an app in this process, without a web framework and without sockets."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import Bridge, direct
from inngest_testkit.drivers.python import is_cancelled_from_outside
from inngest_testkit.drivers.scope import current_call
from inngest_testkit.sdk.private import Handler, SdkAnswer
from inngest_testkit.sdk.protocol import DISCOVERY, CallResponse, Header, Observation, Opcode
from inngest_testkit.sdk.signatures import signed_headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import inngest

    from inngest_testkit.sdk.protocol import CallRequest

__all__ = ["InProcessTransport"]

_log = logging.getLogger(__name__)

#: Where the app says that it is; nothing is ever sent there.
URL = "http://inngest-testkit.invalid/api/inngest"

_ASYNC_UNDER_TRIO = (
    "function {name!r} is async, and the Inngest SDK runs async functions on asyncio only: "
    "use Engine, or AsyncEngine under asyncio; sync functions work under trio"
)


class InProcessTransport:
    """Calls the functions of one client through the SDK itself.

    A sync function runs in the calling thread with no event loop around it, an async one where the bridge awaits it.
    """

    def __init__(
        self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]], *, bridge: Bridge[Any] = direct
    ) -> None:
        self._bridge = bridge
        self._handler = Handler(client, functions)

    async def call(self, request: CallRequest) -> CallResponse:
        """See `Transport.call`."""
        if self._handler.is_async(request.function_id):
            response: CallResponse = await self._bridge(self._call_async(request))
            return response
        try:
            if _is_plain(request) and self._handler.has(request.function_id):
                return _read(self._handler.enter_sync(request.function_id, request.body, _target(request)))
            return _read(self._handler.call_sync(*_parts(request)))
        except asyncio.CancelledError:
            if is_cancelled_from_outside():
                raise
            return _server_error()
        except Exception:  # noqa: BLE001 - as a web framework does
            return _server_error()

    async def _call_async(self, request: CallRequest) -> CallResponse:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _refusal(_ASYNC_UNDER_TRIO.format(name=request.function_id))
        try:
            if _is_plain(request):
                return _read(await self._handler.enter_async(request.function_id, request.body, _target(request)))
            return _read(await self._handler.call_async(*_parts(request)))
        except asyncio.CancelledError:
            if is_cancelled_from_outside():
                raise
            return _server_error()
        except (Exception, BaseExceptionGroup):  # noqa: BLE001 - as a web framework does
            # A task group wraps the SDK's own interrupts, which then escape from its handler.
            return _server_error()

    async def sync(self, headers: Mapping[str, str]) -> CallResponse:
        """Let the app register itself."""
        return _read(self._handler.sync(dict(headers), URL))

    async def close(self) -> None:
        """Nothing is open."""


def _is_plain(request: CallRequest) -> bool:
    """Whether the request carries all that the function needs, and is not signed."""
    return request.signing_key is None and b'"use_api":true' not in request.body[-40:]


def _target(request: CallRequest) -> str | None:
    return None if request.step_id == DISCOVERY else request.step_id


def _parts(request: CallRequest) -> tuple[bytes, dict[str, str], dict[str, str], str]:
    return request.body, signed_headers(request), {"fnId": request.function_id, "stepId": request.step_id}, URL


def _refusal(message: str) -> CallResponse:
    """Return an answer that ends the run at once."""
    headers = {Header.SDK.value: "inngest-testkit", Header.NO_RETRY.value: "true"}
    body = json.dumps({"name": "UsageError", "message": message}).encode()
    return CallResponse(status=500, headers=headers, body=body)


def _server_error() -> CallResponse:
    """Return what a web framework answers when the SDK's handler itself raises; the log has the error."""
    _log.exception("the SDK's handler raised")
    return CallResponse(status=500, headers={"content-type": "text/plain"}, body=b"Internal Server Error")


def _read(answer: SdkAnswer) -> CallResponse:
    response, body = answer
    if isinstance(body, Exception):
        return CallResponse(unreachable=f"the app's answer cannot be written as JSON: {body}")
    scope = current_call()
    trace = tuple(scope.trace) if scope is not None else ()
    observed = Observation(trace, _values(response.body) if response.status_code == _OPERATIONS else {})
    return CallResponse(response.status_code, response.headers, body, observed=observed)


def _values(operations: object) -> Mapping[str, object]:
    """What steps returned, before it became JSON."""
    if not isinstance(operations, list):
        return {}
    return {each["id"]: each.get("data") for each in operations if each.get("op") == _STEP_RUN}


_OPERATIONS, _STEP_RUN = 206, Opcode.STEP_RUN.value
