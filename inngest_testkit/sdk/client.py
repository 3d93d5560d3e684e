"""Let an SDK client reach the engine instead of a server, through transports on its own HTTP clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import httpx

from inngest_testkit.errors import EventError, UnservedClientError
from inngest_testkit.sdk.private import guard_sends, http_clients
from inngest_testkit.sdk.server_api import Reply, ServerApi

if TYPE_CHECKING:
    import inngest

    from inngest_testkit.events import Event

__all__ = ["ClientLink", "link", "release"]


class _SyncTransport(httpx.BaseTransport):
    """Answers the requests of a client's sync half."""

    def __init__(self, client: object, api: ServerApi, take: Callable[[Sequence[Event]], Sequence[str]]) -> None:
        self._client, self._api, self._take = client, api, take

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer without leaving the process."""
        answer = self._api.answer(self._client, request.method, request.url.path, request.read())
        if isinstance(answer, Reply):
            return _response(answer)
        try:
            return _response(self._api.taken(self._take(answer)))
        except EventError as error:
            return _response(self._api.refused(error))


class _AsyncTransport(httpx.AsyncBaseTransport):
    """Answers the requests of a client's async half."""

    def __init__(
        self, client: object, api: ServerApi, take: Callable[[Sequence[Event]], Awaitable[Sequence[str]]]
    ) -> None:
        self._client, self._api, self._take = client, api, take

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer without leaving the process."""
        answer = self._api.answer(self._client, request.method, request.url.path, await request.aread())
        if isinstance(answer, Reply):
            return _response(answer)
        try:
            return _response(self._api.taken(await self._take(answer)))
        except EventError as error:
            return _response(self._api.refused(error))


def _response(reply: Reply) -> httpx.Response:
    return httpx.Response(reply.status, content=reply.body, headers={"content-type": "application/json"})


class ClientLink:
    """The connection of one client to one engine; `cut` gives the client its own transports back."""

    def __init__(
        self,
        client: inngest.Inngest,
        api: ServerApi,
        take: Callable[[Sequence[Event]], Sequence[str]],
        take_async: Callable[[Sequence[Event]], Awaitable[Sequence[str]]],
    ) -> None:
        self.client = client
        self._before: list[tuple[Any, Any, Any]] = []
        for half, transport in zip(
            http_clients(client),
            (_AsyncTransport(client, api, take_async), _SyncTransport(client, api, take)),
            strict=True,
        ):
            self._before.append((half, half._transport, half._mounts))  # type: ignore[attr-defined]  # noqa: SLF001
            half._transport, half._mounts = transport, {}  # type: ignore[attr-defined]  # noqa: SLF001

    @property
    def is_live(self) -> bool:
        """Whether the client still reaches this engine."""
        return _links.get(self.client) is self

    def cut(self) -> None:
        """Undo the connection; nothing happens when another engine has taken the client over."""
        if self.is_live:
            for half, transport, mounts in self._before:
                half._transport, half._mounts = transport, mounts  # noqa: SLF001
            del _links[self.client]


#: Which client is connected, and the engines that have connections.
_links: WeakKeyDictionary[Any, ClientLink] = WeakKeyDictionary()
_owners: WeakSet[Any] = WeakSet()
_guarded = False


def link(
    client: inngest.Inngest,
    owner: object,
    api: ServerApi,
    take: Callable[[Sequence[Event]], Sequence[str]],
    take_async: Callable[[Sequence[Event]], Awaitable[Sequence[str]]],
) -> ClientLink:
    """Connect a client to an engine, its `owner`; from then on, clients without an engine may not send events.

    A client that another engine has is taken over.
    """
    global _guarded
    if not _guarded:
        guard_sends(_refuse)
        _guarded = True
    existing = _links.get(client)
    if existing is not None:
        existing.cut()
    _owners.add(owner)
    _links[client] = made = ClientLink(client, api, take, take_async)
    return made


def release(owner: object) -> None:
    """Let the guard forget an engine that was closed."""
    _owners.discard(owner)


def _refuse(client: inngest.Inngest) -> None:
    if _owners and client not in _links:
        raise UnservedClientError(client.app_id)
