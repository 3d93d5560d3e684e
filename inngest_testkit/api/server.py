"""A real server around an engine: in a thread of its own, or in the event loop of an async test."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inngest_testkit.api.app import app_of
from inngest_testkit.api.face import Face
from inngest_testkit.api.host import host_of
from inngest_testkit.api.settings import ApiSettings
from inngest_testkit.engine import AsyncEngine, Engine
from inngest_testkit.errors import SetupError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["HEADERS_S", "MOST_HEADERS", "Address", "LiveServer", "config_of", "listen", "serving"]

_log = logging.getLogger("inngest_testkit")

#: Seconds in which the head of a request has to arrive, and the bytes that it may have.
HEADERS_S, MOST_HEADERS = 10.0, 64 * 1024
_KEEP_ALIVE_S = 60
_LOOPBACK = "127.0.0.1"
#: Addresses that mean every interface, each with the one by which this machine reaches them.
_EVERYWHERE = {"0.0.0.0": _LOOPBACK, "": _LOOPBACK, "::": "[::1]"}  # noqa: S104 - compared with, not bound
_START_S, _STOP_S = 10.0, 5.0


class Address:
    """Where a server is reached."""

    def __init__(self, host: str, port: int, settings: ApiSettings) -> None:
        self.host, self.port, self._settings = host, port, settings

    @property
    def url(self) -> str:
        """The server's address, such as `http://127.0.0.1:8288`."""
        name = _EVERYWHERE.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{name}:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What an app needs in its environment, so that the SDK in it, of any language, talks to this server.

        Source: the Python SDK (`EnvKey`), the JavaScript SDK (`envKeys`): both read these.
        """
        key, keys = self._settings.signing_key, self._settings.event_keys
        env = {
            "INNGEST_DEV": self.url if key is None else "0",
            "INNGEST_BASE_URL": self.url,
            "INNGEST_API_BASE_URL": self.url,
            "INNGEST_EVENT_API_BASE_URL": self.url,
            "INNGEST_EVENT_KEY": keys[0] if keys else "test",
        }
        return env if key is None else {**env, "INNGEST_SIGNING_KEY": key}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"


class LiveServer(Address):
    """A server around an `Engine`, as a context manager; it runs in a thread of its own.

    `with LiveServer(engine) as server:` listens on a free port of 127.0.0.1, or on `port`; `server.url` says where.
    The engine stays usable in the test's thread meanwhile: calls of both sides take turns, reading waits for nobody.
    What arrives over HTTP is worked in threads of the server's, so a Python step runs in whichever thread works:
    in the test's when the test sends or moves the clock, in the server's for what a request made due.

    Raises `SetupError` when the port is taken, and, on leaving, the first error that work in the background met.
    """

    def __init__(
        self, engine: Engine, *, port: int = 0, host: str = _LOOPBACK, settings: ApiSettings | None = None
    ) -> None:
        if not isinstance(engine, Engine):
            remedy = "; an AsyncEngine is served with `async with serving(engine)`" * isinstance(engine, AsyncEngine)
            raise SetupError(f"LiveServer takes an Engine, found {type(engine).__name__}{remedy}")
        super().__init__(host, port, settings or ApiSettings())
        self._face = Face(host_of(engine), self._settings)
        self._app = app_of(self._face)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._failed: BaseException | None = None

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What work in the background met, the last few, oldest first."""
        return tuple(self._face.host.errors)

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise UsageError(f"{self!r} has been started already; make another one")
        listener = listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name=f"inngest-testkit server on {self.port}", daemon=True
        )
        self._thread.start()
        if not self._started.wait(_START_S) and self._failed is None:
            self._failed = TimeoutError(f"it did not start within {_START_S:g} s")
        if self._failed is not None:
            raise SetupError(f"the server at {self.url} did not start: {self._failed}") from self._failed
        return self

    def _run(self, listener: socket.socket) -> None:
        try:
            asyncio.run(self._serve(listener))
        except BaseException as error:  # noqa: BLE001 - told in the thread that started this one
            self._failed = error
            if self._started.is_set():
                _log.exception("the server at %s ended", self.url)
        finally:
            listener.close()
            self._started.set()

    async def _serve(self, listener: socket.socket) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with _running(self._app, listener):
            self._started.set()
            await self._stopping.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stopping is not None and self._thread is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOP_S)
        if error is None and self.errors:
            raise self.errors[0]


@asynccontextmanager
async def serving(
    engine: AsyncEngine, *, port: int = 0, host: str = _LOOPBACK, settings: ApiSettings | None = None
) -> AsyncIterator[Address]:
    """Serve an `AsyncEngine` in the running event loop while the block runs; gives the address.

    Raises `SetupError` for a port that is taken, `UsageError` under trio, and on leaving what work in the background
    met.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "serving(engine) needs asyncio, which its server runs on; under trio make an Engine in another thread, and "
            "a LiveServer(engine) there"
        ) from None
    if not isinstance(engine, AsyncEngine):
        raise SetupError(f"serving takes an AsyncEngine, found {type(engine).__name__}; use LiveServer(engine) for it")
    settings = settings or ApiSettings()
    face = Face(host_of(engine), settings)
    listener = listen(host, port)
    try:
        async with _running(app_of(face), listener):
            yield Address(host, listener.getsockname()[1], settings)
    finally:
        listener.close()
    if face.host.errors:
        raise face.host.errors[0]


def listen(host: str, port: int, *, names: tuple[str, str] = ("host", "port")) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. Raises `SetupError` that says what to do about it.

    `names` are what address and port are chosen with.
    """
    try:
        # With its protocol named, asyncio sends small answers at once (TCP_NODELAY); else each may wait 40 ms.
        family, kind, _, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]  # noqa: S104
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SetupError(f"{names[0]} {host}: this is no address of this machine: {reason}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SetupError(
            f"cannot listen on port {port} of {host}: {getattr(error, 'strerror', None) or error}. Stop what listens "
            f"there, give another {names[1]}, or 0 for one that is free"
        ) from error
    return listener


def config_of(app: ASGIApp) -> uvicorn.Config:
    """Return how the server runs: no log of accesses, no trust in headers of proxies, bounds on a request's head."""
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )


class _Protocol(HttpToolsProtocol):
    """HTTP with bounds on the head of a request, which uvicorn does not have."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as asyncio gives it
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._head_size = 0
        self._slow: asyncio.TimerHandle | None = self.loop.call_later(HEADERS_S, self._too_slow)

    def data_received(self, data: bytes) -> None:
        """Count what arrives until the head is complete."""
        if self._slow is not None:
            self._head_size += len(data)
        super().data_received(data)
        # What came in one piece with the end of the head may be its body.
        if self._slow is not None and self._head_size > MOST_HEADERS:
            self._refuse(431, b"the head of the request is too large")

    def on_message_begin(self) -> None:
        """Begin to wait for the head of another request on this connection."""
        super().on_message_begin()
        if self._slow is None:
            self._head_size, self._slow = 0, self.loop.call_later(HEADERS_S, self._too_slow)

    def on_headers_complete(self) -> None:
        """Wait no more: bodies have bounds of their own."""
        self._have_head()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._have_head()
        super().connection_lost(exc)

    def _have_head(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _too_slow(self) -> None:
        self._refuse(408, b"the head of the request did not arrive in time")

    def _refuse(self, status: int, reason: bytes) -> None:
        self._have_head()
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status} Refused\r\ncontent-type: text/plain\r\ncontent-length: {len(reason)}\r\n"
            self.transport.write(head.encode() + b"connection: close\r\n\r\n" + reason)
            self.transport.close()


@asynccontextmanager
async def _running(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Run uvicorn on a socket while the block runs: without signal handlers, and gone at once when it ends."""
    config = config_of(_quiet(app))
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield
    finally:
        await _stop(server)


async def _stop(server: uvicorn.Server) -> None:
    for each in server.servers:
        each.close()
    # Some may have been accepted that are not connections yet.
    await asyncio.sleep(0)
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    # Once the requests know that nobody is left to read their answers, such as a stream of events.
    await asyncio.sleep(0)
    tasks = list(server.server_state.tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_STOP_S)
    await server.lifespan.shutdown()


def _quiet(app: ASGIApp) -> ASGIApp:
    """Return the app without the tracebacks of requests whose server stops."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Of a request, only the server's stop is a cancellation.
        with contextlib.suppress(*[asyncio.CancelledError] * (scope["type"] == "http")):
            await app(scope, receive, send)

    return answer
