"""The apps of an engine, and the calls to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.scope import CallScope, call_scope
from inngest_testkit.sdk.protocol import CallResponse, Header, Observation

if TYPE_CHECKING:
    from inngest_testkit.events import Event
    from inngest_testkit.sdk.protocol import Transport
    from inngest_testkit.sdk.request import PreparedCall

__all__ = ["App", "Apps", "Called"]


@dataclass(frozen=True, slots=True)
class App:
    """One app: where its functions are called, and the key that its calls are signed with, if any."""

    app_id: str
    transport: Transport
    signing_key: str | None = None


@dataclass(slots=True)
class Called:
    """What a call came to: the app's answer, the events that it sent, the steps it told of before it answered."""

    response: CallResponse
    sent: Sequence[Event]
    checkpointed: Sequence[Mapping[str, Any]] = ()


class Apps:
    """Which app each function belongs to."""

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._of: dict[str, App] = {}
        self._transports: dict[Transport, None] = {}

    def add(self, app: App, function_ids: Sequence[str]) -> None:
        """Let calls of these functions go to the app, also those of runs that began before."""
        self._transports[app.transport] = None
        for function_id in function_ids:
            self._of[function_id] = app

    def signing_key_of(self, function_id: str) -> str | None:
        """Return the key that calls of a function are signed with."""
        return self._of[function_id].signing_key

    async def call(self, prepared: PreparedCall) -> Called:
        """Call a function where its app is."""
        request = prepared.request
        scope = CallScope(self._owner, request.now, fetchable=prepared.fetchable, run_id=request.run_id)
        with call_scope(scope):
            response = await self._of[request.function_id].transport.call(request)
        if request.signing_key is not None and Header.SIGNATURE in response.headers:
            response = _checked(response, request.signing_key)
        if scope.trace and response.observed is None:
            response = replace(response, observed=Observation(tuple(scope.trace)))
        return Called(response, scope.sent, scope.checkpointed)

    async def close(self) -> None:
        """Close what the transports opened."""
        for transport in self._transports:
            await transport.close()


def _checked(response: CallResponse, key: str) -> CallResponse:
    """Return the response, or, when another key signed it, why it does not count."""
    from inngest_testkit.sdk.signatures import verify

    if verify(response.body, key, response.headers[Header.SIGNATURE]):
        return response
    return CallResponse(unreachable="the signature of the app's answer is not that of its signing key")
