"""Run the application of an HTTP face with uvicorn, so that it stops cleanly: streams end, signals are taken once."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from inngest_testkit.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

__all__ = ["FaceServer", "listening"]

#: Connections that may wait to be taken.
_BACKLOG = 2048
#: Seconds in which requests under way may end when the server stops.
_GRACE_S = 3


def listening(host: str, port: int, *, names: tuple[str, str] = ("--host", "--port")) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. Raises `SetupError` when it cannot be had.

    `names` are what address and port are chosen with.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise SetupError(f"{names[0]} {host}: this is no address of this machine: {error.strerror or error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise SetupError(
            f"port {port} of {host} cannot be had: {error.strerror or error}. Is a server running there already? Stop "
            f"it, or choose another port: {names[1]} {port + 1 if port < 65535 else 0}"
        ) from None
    sock.settimeout(0)
    return sock


class FaceServer(uvicorn.Server):
    """A server of one face: `await serve(sockets=[...])` returns after SIGINT, SIGTERM or `stop()`.

    A second signal stops without waiting for requests under way. With `signals` false the process's signals are left
    to whoever runs it, who calls `stop()`. `grace_s` are the seconds in which requests under way may end.
    """

    def __init__(self, app: Starlette, *, signals: bool = True, grace_s: float = _GRACE_S) -> None:
        # Logs go to the handlers of whoever runs it; requests are told by the journal.
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=max(1, round(grace_s)),
                ws="none",
            )
        )
        self._signals = signals
        self._face = app.state.face

    def stop(self) -> None:
        """Stop soon."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which have no end of their own, then stop as uvicorn does."""
        self._face.stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM while serving; uvicorn would raise them again at the end."""
        if not self._signals:
            yield
            return
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        try:
            for each in signals:
                loop.add_signal_handler(each, self._asked_to_stop)
        except (NotImplementedError, RuntimeError, ValueError):
            yield  # not the main thread, or a system without them: whoever runs it stops it
            return
        try:
            yield
        finally:
            for each in signals:
                loop.remove_signal_handler(each)

    def _asked_to_stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
