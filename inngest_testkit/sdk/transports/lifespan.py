"""The lifespan of an ASGI app: its startup before the first call, its shutdown after the last.

Source: the ASGI specification, "Lifespan Protocol". The app's side of it is one task, from startup to shutdown, so it
must stay on one event loop. Under an engine without a loop that task (like any other that the app starts) moves on
only while something is awaited through the bridge: both waits here last until the app has answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from inngest_testkit.errors import SetupError, UsageError

__all__ = ["AsgiApp", "Lifespan", "Message", "Receive", "Send"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Lifespan:
    """Starts an app once and stops it once. An app that does not know the protocol is taken as started.

    `state` is what the app wants its requests to see.
    """

    def __init__(self, app: AsgiApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._started, self._stopping = asyncio.Event(), asyncio.Event()
        self._told = False
        #: What the app has answered, by phase (`startup`, `shutdown`): None, or why it failed.
        self._answers: dict[str, str | None] = {}
        self._error: Exception | None = None

    @property
    def is_running(self) -> bool:
        """Whether there is something to stop."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Wait until the app has started; raises `SetupError`, each time, when it has failed to."""
        if self._task is None:
            self._task = _loop().create_task(self._run())
        await self._started.wait()
        self._check("startup")

    async def stop(self) -> None:
        """Wait until the app has stopped; raises `SetupError` when it has failed to."""
        if self._task is not None:
            self._stopping.set()
            await asyncio.wait([self._task])
            self._check("shutdown")

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - before any answer it means that the app has no lifespan
            self._error = error
            if "startup" in self._answers:
                self._answers.setdefault("shutdown", "")
        finally:
            self._started.set()

    async def _receive(self) -> Message:
        if not self._told:
            self._told = True
            return {"type": "lifespan.startup"}
        await self._stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        _, phase, outcome = message["type"].split(".")
        self._answers[phase] = message.get("message", "") if outcome == "failed" else None
        if phase == "startup":
            self._started.set()

    def _check(self, phase: str) -> None:
        reason = self._answers.get(phase)
        if reason is not None:
            # Starlette's reason is a traceback; its last line says it.
            shown = reason.strip().rpartition("\n")[2] or (repr(self._error) if self._error else "it gives no reason")
            raise SetupError(f"the {phase} of the app failed: {shown}") from self._error


def _loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "an ASGI app in this process needs an engine on asyncio, as the Inngest SDK does; "
            "on trio, start the app as a server of its own and mount its URL"
        ) from None
