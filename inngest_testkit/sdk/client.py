"""Let an SDK client reach the engine instead of a server, through transports on its own HTTP clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, finalize, ref

import httpx

from inngest_testkit.errors import EventError, UnservedClientError, UsageError
from inngest_testkit.sdk.private import guard_sends, http_clients
from inngest_testkit.sdk.server_api import Reply, ServerApi

if TYPE_CHECKING:
    import inngest

    from inngest_testkit.events import Event

__all__ = ["ClientLink", "link", "release"]


class _SyncTransport(httpx.BaseTransport):
    """Answers the requests of a client's sync half."""

    def __init__(self, link: ref[ClientLink]) -> None:
        self._link = link

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer without leaving the process."""
        link = _alive(self._link)
        body = request.read()
        answer = link.api.answer(link.client, request.method, request.url.path, body)
        if isinstance(answer, Reply):
            return _response(answer)
        try:
            return _response(link.api.taken(link.take(answer)))
        except EventError as error:
            return _response(link.api.refused(body, error))


class _AsyncTransport(httpx.AsyncBaseTransport):
    """Answers the requests of a client's async half."""

    def __init__(self, link: ref[ClientLink]) -> None:
        self._link = link

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer without leaving the process."""
        link = _alive(self._link)
        body = await request.aread()
        answer = link.api.answer(link.client, request.method, request.url.path, body)
        if isinstance(answer, Reply):
            return _response(answer)
        try:
            return _response(link.api.taken(await link.take_async(answer)))
        except EventError as error:
            return _response(link.api.refused(body, error))


def _alive(link: ref[ClientLink]) -> ClientLink:
    alive = link()
    if alive is None:
        raise UsageError("the engine that served this client is gone; serve the client with another, or close engines")
    return alive


def _response(reply: Reply) -> httpx.Response:
    return httpx.Response(reply.status, content=reply.body, headers={"content-type": "application/json"})


class ClientLink:
    """The connection of one client to one engine; `cut` gives the client its own transports back.

    An engine that connects a client which another has takes it over. The link belongs to its engine alone: neither the
    client nor this module keeps it, so an engine that is dropped without `close` gives its clients back as well.
    """

    def __init__(
        self,
        client: inngest.Inngest,
        api: ServerApi,
        take: Callable[[Sequence[Event]], Sequence[str]],
        take_async: Callable[[Sequence[Event]], Awaitable[Sequence[str]]],
    ) -> None:
        self.client, self.api, self.take, self.take_async = client, api, take, take_async
        self._halves: tuple[Any, Any] = http_clients(client)
        self._transports = _AsyncTransport(ref(self)), _SyncTransport(ref(self))
        before = _link_of(client)
        self._own: list[tuple[Any, Any]] = (
            [(half._transport, half._mounts) for half in self._halves] if before is None else before._own  # noqa: SLF001
        )
        self._before = None if before is None else ref(before)
        self._connect()
        finalize(self, _restore, self._halves, self._transports, self._own).atexit = False

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
            _restore(self._halves, self._transports, self._own)
            del _links[self.client]

    def give_back(self) -> None:
        """Undo the connection; the engine that had the client before has it again."""
        before = None if self._before is None else self._before()
        if before is not None and self.is_live:
            before._connect()  # noqa: SLF001 - another of its kind
        else:
            self.cut()


def _restore(halves: tuple[Any, Any], ours: tuple[Any, Any], own: Sequence[tuple[Any, Any]]) -> None:
    """Give a client its own transports back, where it has ours."""
    for half, transport, (before, mounts) in zip(halves, ours, own, strict=True):
        if half._transport is transport:  # noqa: SLF001
            half._transport, half._mounts = before, mounts  # noqa: SLF001


#: Which client is connected, and the engines that have connections.
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
