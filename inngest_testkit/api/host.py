"""Engines as the HTTP face needs them: events are taken at once, all other work takes turns, reading never waits."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import anyio.to_thread

from inngest_testkit.engine import AsyncEngine, Engine
from inngest_testkit.errors import SetupError, TestkitError
from inngest_testkit.ids import Ids

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.engine.core import Core
    from inngest_testkit.events import Event
    from inngest_testkit.state.base import RunState

__all__ = ["AsyncHost", "Host", "ThreadHost", "host_of"]

T = TypeVar("T")

_log = logging.getLogger("inngest_testkit")


class Host(Protocol):
    """An engine behind the HTTP face."""

    @property
    def core(self) -> Core:
        """The engine's inside, to read from. What it says may change between two awaits."""
        ...

    async def take(self, events: Sequence[Event]) -> list[str]:
        """Take events, each with its id; return the ids of the deliveries, which are generated.

        Triggers are matched before this returns, unless the engine is at work; no step is run.
        """
        ...

    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """Let the engine do something, after whatever it is doing; raises what the work raises."""
        ...

    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """Read from the data store. It waits for no other work, unless an `Engine`'s store needs that engine's loop."""
        ...

    async def state(self, run_id: str) -> RunState:
        """Return a run's state; raises `NotFoundError`. It waits as `ask` does."""
        ...

    def make_id(self) -> str:
        """Return a new ULID."""
        ...

    async def do(self, work: Callable[[Core], Coroutine[Any, Any, object]]) -> None:
        """Let the engine do something that nobody waits for: at once, or when it is at work, after that.

        So an app may ask for it in the middle of its own call.
        """
        ...

    async def run(self) -> None:
        """Work what was taken, until cancelled. On a wall clock also what becomes due."""
        ...


class _Woken(ABC):
    """Works what is due whenever something was taken."""

    def __init__(self, ids: Ids) -> None:
        self._woken, self._ids = anyio.Event(), ids
        #: What is to be done when the engine is not at work any more.
        self._later: deque[Callable[[Core], Coroutine[Any, Any, object]]] = deque()

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
    async def state(self, run_id: str) -> RunState:
        """See `Host.state`."""

    @abstractmethod
    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """See `Host.ask`."""

    async def take(self, events: Sequence[Event]) -> list[str]:
        """See `Host.take`."""
        ids = self.core.keep(events, self._ids)
        # An app that sends while the engine waits for its answer must not wait for the engine.
        if not self._is_busy:
            await self.call(_deliver)
        self._woken.set()
        return ids

    def make_id(self) -> str:
        """See `Host.make_id`."""
        return self._ids.ulid()

    async def do(self, work: Callable[[Core], Coroutine[Any, Any, object]]) -> None:
        """See `Host.do`."""
        if self._is_busy:
            self._later.append(work)
            self._woken.set()
        else:
            await self.call(work)

    async def run(self) -> None:
        """See `Host.run`."""
        while True:
            await self._woken.wait()
            self._woken = anyio.Event()
            while self._later:
                await self._do_later(self._later.popleft())
            await self.call(_settle)

    async def _do_later(self, work: Callable[[Core], Coroutine[Any, Any, object]]) -> None:
        try:
            await self.call(work)
        except TestkitError as error:
            # Whoever asked for it is gone.
            _log.warning("what was asked for in the middle of a call could not be done: %s", error)


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

    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """See `Host.ask`."""
        return await question(self.core.data)

    async def state(self, run_id: str) -> RunState:
        """See `Host.state`."""
        return await self.core.state.load(run_id)

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

    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """See `Host.ask`."""
        if getattr(self.core.data, "never_suspends", False):
            return await question(self.core.data)
        return await self.call(lambda core: question(core.data))

    async def state(self, run_id: str) -> RunState:
        """See `Host.state`."""
        if getattr(self.core.state, "never_suspends", False):
            return await self.core.state.load(run_id)
        return await self.call(lambda core: core.state.load(run_id))


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
