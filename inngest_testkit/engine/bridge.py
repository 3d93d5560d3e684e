"""How an engine without an event loop awaits what needs one.

The engine's own code, with stores in memory, never suspends, so `Engine` runs it without an event loop: a sync
step then runs in the caller's thread with no loop around it (Django's database, `asyncio.run` and the like work).
What really awaits (an async step, an HTTP call, a store elsewhere) is handed out through a bridge and run to its
end on the engine's own loop.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

__all__ = ["LoopRunner", "bridged", "hand_out"]

T = TypeVar("T")


class _HandedOut:
    """An awaitable on its way out to whoever has a loop."""

    __slots__ = ("awaitable",)

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self.awaitable = awaitable

    def __await__(self) -> Generator[_HandedOut, Any, Any]:
        return (yield self)


async def hand_out(awaitable: Awaitable[T]) -> T:
    """The bridge of an engine that `LoopRunner` drives."""
    result: T = await _HandedOut(awaitable)
    return result


class LoopRunner:
    """Drives coroutines of the engine in the calling thread; has a loop of its own, made when first needed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finalizer: Callable[[], Any] | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; only what it hands out runs on the loop."""
        try:
            wanted = coroutine.send(None)
            while True:
                if not isinstance(wanted, _HandedOut):
                    coroutine.throw(RuntimeError("a store or driver suspends without the engine's bridge"))
                try:
                    result = self._on_loop(wanted.awaitable)
                except BaseException as error:  # noqa: BLE001 - belongs to whoever handed it out
                    wanted = coroutine.throw(error)
                else:
                    wanted = coroutine.send(result)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    def _on_loop(self, awaitable: Awaitable[T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._finalizer = weakref.finalize(self, _close, self._loop)

        async def main() -> T:
            return await awaitable

        task = self._loop.create_task(main())
        try:
            return self._loop.run_until_complete(task)
        except BaseException:
            # Ctrl-C leaves the task behind; give it the chance to clean up.
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.wait([task]))
            raise

    def close(self) -> None:
        """Close the loop, if there is one."""
        if self._finalizer is not None:
            self._finalizer()
            self._loop = self._finalizer = None


def _close(loop: asyncio.AbstractEventLoop) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        loop.close()  # collected while another loop runs: there is no way to wait for what is left
        return
    if not loop.is_closed():
        # One turn, so that what was only asked for (closing a generator that was left early) is a task.
        loop.run_until_complete(asyncio.sleep(0))
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class _Bridged:
    """A store or driver that suspends, with each of its async methods handed to the bridge."""

    def __init__(self, inner: object, bridge: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
        self._inner, self._bridge = inner, bridge

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands for any attribute
        attribute = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute

        async def handed(*args: object, **named: object) -> Any:  # noqa: ANN401 - as the method
            return await self._bridge(attribute(*args, **named))

        return handed


def bridged(inner: Any, bridge: Callable[[Awaitable[Any]], Awaitable[Any]]) -> Any:  # noqa: ANN401 - same protocol
    """Return `inner`, or, unless it says that it never suspends, a stand-in whose calls go over the bridge."""
    return inner if getattr(inner, "never_suspends", False) else _Bridged(inner, bridge)
