"""Server-sent events: each transition, as it is written down, to every page that is open."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
from starlette.responses import StreamingResponse
from starlette.routing import Route

from inngest_testkit.api.page.assets import HEADERS
from inngest_testkit.api.page.runs import status_view
from inngest_testkit.api.page.values import moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.api.face import Face
    from inngest_testkit.runs import HistoryEntry
    from inngest_testkit.runs.journal import Journal

__all__ = ["MOST_WAITING", "Hub", "Reader", "stream_route"]

#: Transitions that wait for a reader; one that is further behind is dropped, connects again and reads anew.
MOST_WAITING = 5_000
#: Seconds without a transition after which the time is told.
HEARTBEAT_S = 5.0
#: Seconds in which transitions are gathered for one write.
_GATHERED_S = 0.05


class Reader:
    """One open page; `push` may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = anyio.Event()
        self._is_woken = False
        self._waiting: deque[HistoryEntry] = deque()
        #: Whether nothing more is sent.
        self.is_over = False

    def push(self, entry: HistoryEntry) -> None:
        """Take a transition; a reader that is too far behind is over, and what waited for it is dropped."""
        if self.is_over:
            return
        self._waiting.append(entry)
        if len(self._waiting) > MOST_WAITING:
            self.end()
        else:
            self._wake()

    def end(self) -> None:
        """Send nothing more."""
        self.is_over = True
        self._waiting.clear()
        self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self, seconds: float) -> list[HistoryEntry]:
        """Return what came in, nothing when nothing came within so many seconds."""
        with anyio.move_on_after(seconds):
            await self._woken.wait()
            await anyio.sleep(_GATHERED_S)
        self._woken, self._is_woken = anyio.Event(), False
        found = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found


class Hub:
    """The open pages of one face; it listens to the journal as long as there are any."""

    def __init__(self, face: Face, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._face, self._heartbeat_s = face, heartbeat_s
        self.readers: list[Reader] = []
        self._journal: Journal | None = None
        face.at_stop.append(self.close)

    def close(self) -> None:
        """End every stream."""
        for reader in self.readers:
            reader.end()

    def _attach(self) -> None:
        """Listen to the engine's journal, which is another one after a reset."""
        wanted = self._face.host.core.journal if self.readers else None
        if wanted is self._journal:
            return
        if self._journal is not None:
            self._journal.listeners.remove(self._push)
        if wanted is not None:
            wanted.listeners.append(self._push)
        self._journal = wanted

    def _push(self, entry: HistoryEntry) -> None:
        for reader in self.readers:
            reader.push(entry)

    async def stream(self) -> AsyncIterator[bytes]:
        """Give the stream of one page: its time first, then what happens, and the time whenever nothing does."""
        reader = Reader()
        self.readers = [*self.readers, reader]
        try:
            self._attach()
            yield b"retry: 1000\n\n" + self._status()
            while True:
                entries = await reader.wait(self._heartbeat_s)
                if reader.is_over:
                    return
                self._attach()
                yield b"".join(self._message(entry) for entry in entries) + self._status()
        finally:
            self.readers = [each for each in self.readers if each is not reader]
            self._attach()

    def _status(self) -> bytes:
        return _event("status", status_view(self._face.host.core, {}))

    def _message(self, entry: HistoryEntry) -> bytes:
        told: dict[str, Any] = {"kind": entry.kind.value, "at": moment(entry.at)}
        if entry.run_id:
            told |= {"run": entry.run_id, "function": self._face.host.core.journal.functions.get(entry.run_id, "")}
        if entry.step is not None:
            told["step"] = entry.step
        if entry.attempt is not None:
            told["attempt"] = entry.attempt
        if "name" in entry.data:
            told["name"] = entry.data["name"]
        return _event("entry", told)


def _event(name: str, value: dict[str, Any]) -> bytes:
    # ASCII, so that no character of a name ends a line.
    return f"event: {name}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def stream_route(face: Face) -> Route:
    """Return `/page/stream`."""
    hub = Hub(face)

    async def endpoint(_: Request) -> Response:
        return StreamingResponse(hub.stream(), headers=HEADERS, media_type="text/event-stream")

    return Route("/page/stream", endpoint, methods=["GET"])
