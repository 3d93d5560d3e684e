"""Let an SDK client reach the engine instead of a server, through transports on its own HTTP clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

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

    def __init__(self, link: ClientLink, api: ServerApi, take: Callable[[Sequence[Event]], Sequence[str]]) -> None:
        self._link, self._api, self._take = link, api, take

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer without leaving the process."""
        answer = self._api.answer(self._link.client, request.method, request.url.path, request.read())
        if isinstance(answer, Reply):
            return _response(answer)
        try:
            return _response(self._api.taken(self._take(answer)))
        except EventError as error:
            return _response(self._api.refused(error))


class _AsyncTransport(httpx.AsyncBaseTransport):
    """Answers the requests of a client's async half."""

    def __init__(
        self, link: ClientLink, api: ServerApi, take: Callable[[Sequence[Event]], Awaitable[Sequence[str]]]
    ) -> None:
        self._link, self._api, self._take = link, api, take

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer without leaving the process."""
        answer = self._api.answer(self._link.client, request.method, request.url.path, await request.aread())
        if isinstance(answer, Reply):
            return _response(answer)
        try:
            return _response(self._api.taken(await self._take(answer)))
        except EventError as error:
            return _response(self._api.refused(error))


def _response(reply: Reply) -> httpx.Response:
    return httpx.Response(reply.status, content=reply.body, headers={"content-type": "application/json"})


class ClientLink:
    """The connection of one client to one engine; `cut` gives the client its own transports back.

    An engine that connects a client which another has takes it over.
    """

    def __init__(
        self,
        client: inngest.Inngest,
        api: ServerApi,
        take: Callable[[Sequence[Event]], Sequence[str]],
        take_async: Callable[[Sequence[Event]], Awaitable[Sequence[str]]],
    ) -> None:
        self.client = client
        self._halves: tuple[Any, Any] = http_clients(client)
        self._transports = _AsyncTransport(self, api, take_async), _SyncTransport(self, api, take)
        before = _link_of(client)
        self._own: list[tuple[Any, Any]] = (
            [(half._transport, half._mounts) for half in self._halves] if before is None else before._own  # noqa: SLF001
        )
        self._before = None if before is None else ref(before)
        self._connect()

    def _connect(self) -> None:
        for half, transport in zip(self._halves, self._transports, strict=True):
            half._transport, half._mounts = transport, {}  # noqa: SLF001 - there is no other way in
        _links[self.client] = ref(self)

    @property
    def is_live(self) -> bool:
        """Whether the client still reaches this engine."""
        return _link_of(self.client) is self

    def cut(self) -> None:
        """Undo the connection; nothing happens when another engine has taken the client over."""
        if self.is_live:
            for half, (transport, mounts) in zip(self._halves, self._own, strict=True):
                half._transport, half._mounts = transport, mounts  # noqa: SLF001
            del _links[self.client]

    def give_back(self) -> None:
        """Undo the connection; the engine that had the client before has it again."""
        before = None if self._before is None else self._before()
        if before is not None and self.is_live:
            before._connect()  # noqa: SLF001 - another of its kind
        else:
            self.cut()


#: Which client is connected, and the engines that have connections. A link belongs to its engine and to the client's
#: transports: kept here, it would keep both for ever.
_links: WeakKeyDictionary[Any, ref[ClientLink]] = WeakKeyDictionary()
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
    _owners.add(owner)
    return ClientLink(client, api, take, take_async)


def _link_of(client: object) -> ClientLink | None:
    known = _links.get(client)
    return None if known is None else known()


def release(owner: object) -> None:
    """Let the guard forget an engine that was closed."""
    _owners.discard(owner)


def _refuse(client: inngest.Inngest) -> None:
    if _owners and _link_of(client) is None:
        raise UnservedClientError(client.app_id)
