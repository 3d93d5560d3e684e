"""Engines as the HTTP face needs them: events are taken at once, all other work takes turns, reading never waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import anyio.to_thread

from inngest_testkit.engine import AsyncEngine, Engine
from inngest_testkit.errors import SetupError
from inngest_testkit.ids import Ids

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.engine.core import Core
    from inngest_testkit.events import Event

__all__ = ["AsyncHost", "Host", "ThreadHost", "host_of"]

T = TypeVar("T")


class Host(Protocol):
    """An engine behind the HTTP face."""

    @property
    def core(self) -> Core:
        """The engine's inside, to read from. What it says may change between two awaits."""
        ...

    async def take(self, events: Sequence[Event], chosen: Sequence[str] = ()) -> list[str]:
        """Take events; return the ids of their deliveries, which are generated unless they are `chosen`.

        What comes again under an id that was chosen before has no effect. Raises `EventError` for what cannot be kept.
        Triggers are matched before this returns, unless the engine is at work; no step is run.
        """
        ...

    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """Let the engine do something, after whatever it is doing; raises what the work raises."""
        ...

    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """Read from the data store. It waits for no other work, unless an `Engine`'s store needs that engine's loop."""
        ...

    async def run(self) -> None:
        """Work what was taken, until cancelled. On a wall clock also what becomes due."""
        ...


class _Woken(ABC):
    """Works what is due whenever something was taken."""

    def __init__(self, ids: Ids) -> None:
        self._woken, self._ids = anyio.Event(), ids

    @property
    @abstractmethod
    def core(self) -> Core:
        """See `Host.core`."""

    @property
    @abstractmethod
    def _is_busy(self) -> bool: ...

    @abstractmethod
    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """See `Host.call`."""

    @abstractmethod
    async def _deliver(self) -> None:
        """Hand over what was kept, without working it."""

    @abstractmethod
    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """See `Host.ask`."""

    async def take(self, events: Sequence[Event], chosen: Sequence[str] = ()) -> list[str]:
        """See `Host.take`."""
        ids = self.core.keep(events, self._ids, chosen)
        # An app that sends while the engine waits for its answer must not wait for the engine.
        if not self._is_busy:
            await self._deliver()
        self._woken.set()
        return ids

    async def run(self) -> None:
        """See `Host.run`."""
        while True:
            await self._woken.wait()
            self._woken = anyio.Event()
            await self.call(_settle)


class AsyncHost(_Woken):
    """An `AsyncEngine`, on the event loop of the server."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(Ids(f"{engine.seed}/http", engine.clock))
        self.engine = engine

    @property
    def core(self) -> Core:
        """See `Host.core`."""
        return self.engine._core  # noqa: SLF001 - the engine's other face

    @property
    def _is_busy(self) -> bool:
        return self.core.live is None and self.engine._lock.statistics().locked  # noqa: SLF001

    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """See `Host.call`."""
        return await self.engine._call(work(self.core))  # noqa: SLF001

    async def _deliver(self) -> None:
        await self.engine._call(_deliver(self.core), after_kept=False)  # noqa: SLF001

    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """See `Host.ask`."""
        return await question(self.core.data)

    async def run(self) -> None:
        """See `Host.run`."""
        if self.core.live is not None:
            await self.engine.work()
        await super().run()


class ThreadHost(_Woken):
    """An `Engine`, called in worker threads of the server, in turns with the thread that made it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(Ids(f"{engine.seed}/http", engine.clock))
        self.engine = engine
        engine._share()  # noqa: SLF001 - the engine's other face

    @property
    def core(self) -> Core:
        """See `Host.core`."""
        return self.engine._core  # noqa: SLF001

    @property
    def _is_busy(self) -> bool:
        return self.engine._busy  # noqa: SLF001

    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """See `Host.call`."""
        return await anyio.to_thread.run_sync(lambda: self.engine._call(work(self.core)))  # noqa: SLF001

    async def _deliver(self) -> None:
        await anyio.to_thread.run_sync(lambda: self.engine._call(_deliver(self.core), after_kept=False))  # noqa: SLF001

    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """See `Host.ask`."""
        if getattr(self.core.data, "never_suspends", False):
            return await question(self.core.data)
        return await self.call(lambda core: question(core.data))


async def _deliver(core: Core) -> None:
    await core.take_kept()
    if core.live is not None:
        core.live.wake()


async def _settle(core: Core) -> None:
    await core.settle_now()


def host_of(engine: Engine | AsyncEngine) -> Host:
    """Return the host for an engine. Raises `SetupError` for anything else."""
    if isinstance(engine, AsyncEngine):
        return AsyncHost(engine)
    if isinstance(engine, Engine):
        return ThreadHost(engine)
    raise SetupError(f"expected an Engine or AsyncEngine to serve, found {type(engine).__name__}")
