"""Serve the functions of SDK apps: let the app register itself, and its clients reach the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import SetupError
from inngest_testkit.sdk.apps import App
from inngest_testkit.sdk.incoming import Incoming
from inngest_testkit.sdk.registration import address_of, read_functions
from inngest_testkit.sdk.server_api import ServerApi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import inngest

    from inngest_testkit.drivers.base import Bridge
    from inngest_testkit.engine.components import Components
    from inngest_testkit.events import Event
    from inngest_testkit.functions.app import AppFunction
    from inngest_testkit.sdk.client import ClientLink
    from inngest_testkit.sdk.limits import Limits
    from inngest_testkit.sdk.protocol import Transport
    from inngest_testkit.sdk.transports.http import HttpTransport

__all__ = ["Registration", "Served", "Serving", "Synced"]

_SYNC_HEADERS = {"user-agent": "Inngest", "content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Served:
    """An app, and the functions that it registered."""

    app_id: str
    functions: tuple[AppFunction, ...]
    #: Where each is called.
    apps: tuple[App, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """What an app elsewhere says of itself: its functions' configurations as they came, and what it is made of."""

    app_id: str
    functions: Sequence[Mapping[str, Any]]
    url: str = ""
    sdk: str = ""
    framework: str = ""


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of an app's registration; `is_modified` is false for one like the app's last."""

    registration: Registration
    functions: tuple[AppFunction, ...]
    is_modified: bool = True


class Serving:
    """The apps that an engine serves: what they register goes to `add`.

    `take` and `take_async` take the events that clients send outside of calls.
    """

    def __init__(
        self,
        bridge: Bridge[Any],
        parts: Components,
        owner: object,
        limits: Limits,
        add: Callable[[Served], Awaitable[None]],
    ) -> None:
        self._bridge, self._parts, self._owner, self._add = bridge, parts, owner, add
        #: Reads what clients send.
        self.incoming = Incoming(limits, parts.clock)
        self._api = ServerApi(owner, self.incoming, parts.ids.ulid)
        self._links: dict[int, ClientLink] = {}
        #: By address; functions of one address share the connections.
        self._transports: dict[str, HttpTransport] = {}
        #: The apps that registered themselves over HTTP, by id.
        self.synced: dict[str, Synced] = {}
        #: What every app said of itself when it registered, by id.
        self.registrations: dict[str, Registration] = {}
        self.take: Callable[[Sequence[Event]], Sequence[str]]
        self.take_async: Callable[[Sequence[Event]], Awaitable[Sequence[str]]]

    async def serve(
        self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]]
    ) -> tuple[AppFunction, ...]:
        """Register a client's functions, to be called in this process; its app's other functions are retired."""
        from inngest_testkit.sdk.private import check_client, check_functions
        from inngest_testkit.sdk.transports.in_process import InProcessTransport

        check_client(client)
        check_functions(client, functions)
        key = _signing_key(client)
        new = self._link(client)
        if not functions:
            return ()
        try:
            transport = InProcessTransport(client, functions, bridge=self._bridge)
            registered = await self._registered(transport, "the app")
            return await self._read(registered, transport, key)
        except BaseException:
            if new:
                self._give_back(client)
            raise

    async def mount(self, target: object, path: str, client: inngest.Inngest | None) -> tuple[AppFunction, ...]:
        """Register the functions that a web app serves at `path`, to be called through the web app."""
        from inngest_testkit.sdk.private import check_client, check_sdk, live_clients
        from inngest_testkit.sdk.transports.detect import transport_for

        check_sdk()
        if not isinstance(path, str):
            raise SetupError(
                f"path is where the app serves its functions, a text such as '/api/inngest', found {path!r}"
            )
        if client is not None:
            check_client(client)
        # All of them, so that no app registers anywhere else.
        fresh = [each for each in live_clients() if self._link(each)]
        transport = transport_for(target, path, self._bridge)
        try:
            registered = await self._registered(transport, f"the app at {path!r}")
            by = self._api.registered_by
            if client is not None and by is not client:
                raise SetupError(
                    f"the app at {path!r} serves the client of app {by.app_id!r}, and the one given is of app "
                    f"{client.app_id!r}"
                )
            key = _signing_key(by)
            fresh = [each for each in fresh if each is not by]
            return await self._read(registered, transport, key)
        finally:
            for each in fresh:
                self._give_back(each)

    def _link(self, client: inngest.Inngest) -> bool:
        """Let a client reach the engine; False when it does already."""
        from inngest_testkit.sdk.client import link

        if id(client) in self._links and self._links[id(client)].is_live:
            return False
        self._links[id(client)] = link(client, self._owner, self._api, self.take, self.take_async)
        return True

    def _give_back(self, client: inngest.Inngest) -> None:
        """Undo a link; with the last one, clients of others may send again."""
        from inngest_testkit.sdk.client import release

        self._links.pop(id(client)).give_back()
        if not self._links:
            release(self._owner)

    async def _registered(self, transport: Transport, where: str) -> Mapping[str, Any]:
        """Let the app register itself, and return what it registered."""
        self._api.registered = self._api.registered_by = None
        response = await transport.sync(_SYNC_HEADERS)
        registered = self._api.registered
        if registered is None:
            shown = " ".join(response.body.decode(errors="replace").split())[:200]
            said = response.unreachable or f"{response.status} {shown}"
            raise SetupError(
                f"{where} did not register its functions: its answer to PUT was {said}. Is this the path that the SDK "
                "is served at, and the client its client (engine.mount(app, path=..., client=client))?"
            )
        return registered

    async def _read(
        self, registered: Mapping[str, Any], transport: Transport, signing_key: str | None
    ) -> tuple[AppFunction, ...]:
        app_id = str(registered.get("appname") or "")
        functions = read_functions(app_id, registered.get("functions") or [])
        await self._add(Served(app_id, functions, (App(app_id, transport, signing_key),) * len(functions)))
        texts = {name: str(registered.get(name) or "") for name in ("url", "sdk", "framework")}
        self.registrations[app_id] = Registration(app_id, registered.get("functions") or [], **texts)
        return functions

    async def sync(self, registration: Registration, signing_key: str | None) -> Synced:
        """Take the registration of an app elsewhere; each function is called at the address that it names.

        Runs under way go on with the new code. Raises `InvalidFunctionsError` with every problem of every function,
        `SetupError` for an address that is none; nothing changes then.
        """
        app_id = registration.app_id
        functions = read_functions(app_id, registration.functions)
        last = self.synced.get(app_id)
        if last is not None and last.registration == registration:
            return replace(last, is_modified=False)
        apps = {each: App(app_id, self._transport_to(address_of(each)), signing_key) for each in functions}
        await self._add(Served(app_id, functions, tuple(apps.values())))
        self.synced[app_id], self.registrations[app_id] = Synced(registration, functions), registration
        return self.synced[app_id]

    def _transport_to(self, address: str) -> HttpTransport:
        from inngest_testkit.sdk.transports.http import HttpTransport

        if address not in self._transports:
            self._transports[address] = HttpTransport(address, bridge=self._bridge)
        return self._transports[address]

    async def close(self) -> None:
        """Give the clients their own connections back, and close the apps' transports."""
        from inngest_testkit.sdk.client import release

        for link in self._links.values():
            link.cut()
        self._links.clear()
        release(self._owner)
        await self._parts.apps.close()


def _signing_key(client: inngest.Inngest) -> str | None:
    """Return the key to sign a client's calls with; none in dev mode."""
    if not client.is_production:
        return None
    if client.signing_key is None:
        raise SetupError(
            f"the client of app {client.app_id!r} is in production mode and has no signing key, so the SDK takes no "
            "calls: make it with is_production=False, or set INNGEST_DEV=1 before it is made (pytest: in conftest.py)"
        )
    return client.signing_key
