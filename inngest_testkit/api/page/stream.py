"""Server-sent events: each transition, as it is written down, to every page that is open."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
from starlette.responses import StreamingResponse

from inngest_testkit.api.page.assets import HEADERS
from inngest_testkit.api.page.runs import status_view
from inngest_testkit.api.page.values import moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.api.face import Face
    from inngest_testkit.runs import HistoryEntry

__all__ = ["MOST_WAITING", "Hub", "Reader", "stream_of"]

#: Transitions that wait for a reader; one that is further behind is dropped, connects again and reads anew.
MOST_WAITING = 5_000
#: Seconds between two looks at the clock, which may be moved without a transition; and without any message at all.
LOOK_S, HEARTBEAT_S = 1.0, 15.0
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

    def __init__(self, face: Face, *, look_s: float = LOOK_S, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._face, self._look_s, self._heartbeat_s = face, look_s, heartbeat_s
        self.readers: list[Reader] = []
        self._listens = False
        face.at_stop.append(self.close)

    def close(self) -> None:
        """End every stream."""
        for reader in self.readers:
            reader.end()

    def _attach(self) -> None:
        """Listen to the engine's journal as long as anyone reads."""
        journal = self._face.host.core.journal
        if bool(self.readers) != self._listens:
            (journal.listen if self.readers else journal.unlisten)(self._push)
            self._listens = not self._listens

    def _push(self, entry: HistoryEntry) -> None:
        for reader in self.readers:
            reader.push(entry)

    async def stream(self) -> AsyncIterator[bytes]:
        """Give the stream of one page: where the engine stands first, then what happens."""
        reader = Reader()
        self.readers = [*self.readers, reader]
        try:
            self._attach()
            seen, quiet_s = self._seen(), 0.0
            yield b"retry: 1000\n\n" + self._status()
            while True:
                entries = await reader.wait(self._look_s)
                if reader.is_over:
                    return
                before, seen = seen, self._seen()
                quiet_s = 0.0 if entries or seen != before else quiet_s + self._look_s
                if quiet_s == 0.0 or quiet_s >= self._heartbeat_s:
                    quiet_s = 0.0
                    yield b"".join(self._message(entry) for entry in entries) + self._status()
        finally:
            self.readers = [each for each in self.readers if each is not reader]
            self._attach()

    def _seen(self) -> dict[str, Any]:
        """What is news when it changes: not real time, which always does."""
        status = status_view(self._face.host.core, {})
        return status if status["virtual"] else {**status, "now": None}

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


def stream_of(face: Face) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers with the stream of a face."""
    hub = Hub(face)

    async def endpoint(_: Request) -> Response:
        return StreamingResponse(hub.stream(), headers=HEADERS, media_type="text/event-stream")

    return endpoint
