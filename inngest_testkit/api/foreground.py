"""A server in the foreground of a process: it serves until it is told to stop, and then ends what streams."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from inngest_testkit.api.server import config_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from starlette.applications import Starlette

    from inngest_testkit.api.face import Face

__all__ = ["GRACE_S", "FaceServer"]

#: Seconds in which requests under way may end when the server stops.
GRACE_S = 3.0


class FaceServer(uvicorn.Server):
    """A server of one face: `await serve(sockets=[...])` returns after SIGINT, SIGTERM or `stop()`.

    A second signal stops without waiting for requests under way. With `signals` false the process's signals are left
    to whoever runs it, who calls `stop()`. `grace_s` are the seconds in which requests under way may end.
    """

    def __init__(self, app: Starlette, *, signals: bool = True, grace_s: float = GRACE_S) -> None:
        config = config_of(app)
        config.timeout_graceful_shutdown = max(1, round(grace_s))
        super().__init__(config)
        self._signals = signals
        self._face: Face = app.state.face

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
