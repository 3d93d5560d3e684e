"""Calls to an app in this process, without a web framework and without sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import Bridge, direct
from inngest_testkit.sdk.private import Handler
from inngest_testkit.sdk.protocol import CallResponse, Observation, Opcode
from inngest_testkit.sdk.signatures import signed_headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import inngest

    from inngest_testkit.sdk.protocol import CallRequest

__all__ = ["InProcessTransport"]

#: Where the app says that it is; nothing is ever sent there.
URL = "http://inngest-testkit.invalid/api/inngest"

_ASYNC_UNDER_TRIO = (
    "function {name!r} is async, and the Inngest SDK runs async functions on asyncio only: "
    "use Engine, or AsyncEngine under asyncio; sync functions work under trio"
)


class InProcessTransport:
    """Calls the functions of one client through the SDK's own handler.

    A sync function runs in the calling thread with no event loop around it, an async one where the bridge awaits it.
    """

    def __init__(
        self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]], *, bridge: Bridge[Any] = direct
    ) -> None:
        self._bridge = bridge
        self._handler = Handler(client, functions)
        self._async = {name: fn.is_handler_async for fn in functions for name in (fn.id, fn.on_failure_fn_id) if name}

    async def call(self, request: CallRequest) -> CallResponse:
        """See `Transport.call`."""
        headers = signed_headers(request)
        query = {"fnId": request.function_id, "stepId": request.step_id}
        native = self._handler.request(request.body, headers, query, URL)
        if self._async.get(request.function_id):
            response = await self._bridge(self._call_async(native, request.function_id))
        else:
            response = self._handler.call_sync(native)
        return _read(response)

    async def _call_async(self, native: Any, name: str) -> Any:  # noqa: ANN401 - the SDK's own types
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _TrioResponse(_ASYNC_UNDER_TRIO.format(name=name))
        return await self._handler.call_async(native)

    async def sync(self, headers: Mapping[str, str]) -> CallResponse:
        """Let the app register itself."""
        return _read(self._handler.sync(self._handler.request(b"", dict(headers), {}, URL)))

    async def close(self) -> None:
        """Nothing is open."""


class _TrioResponse:
    """What stands for the SDK's answer where it cannot run."""

    def __init__(self, message: str) -> None:
        self.message = message


def _read(response: Any) -> CallResponse:  # noqa: ANN401 - the SDK's own type
    if isinstance(response, _TrioResponse):
        return CallResponse(unreachable=response.message)
    body = response.body_bytes()
    if isinstance(body, Exception):
        return CallResponse(unreachable=f"the app's answer cannot be written as JSON: {body}")
    observed = Observation(values=_values(response.body) if response.status_code == 206 else {})
    return CallResponse(status=response.status_code, headers=response.headers, body=body, observed=observed)


def _values(operations: object) -> Mapping[str, object]:
    """What steps returned, before it became JSON."""
    if not isinstance(operations, list):
        return {}
    return {each["id"]: each.get("data") for each in operations if each.get("op") == Opcode.STEP_RUN}
