"""Engines as the HTTP face needs them: events are taken at once, all other work takes turns, reading never waits."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import anyio.to_thread

from inngest_testkit.engine import AsyncEngine, Engine
from inngest_testkit.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from typing import Any

    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.engine.core import Core
    from inngest_testkit.events import Event
    from inngest_testkit.state.base import RunState

__all__ = ["TURN_S", "AsyncHost", "Host", "ThreadHost", "host_of"]

T = TypeVar("T")

_log = logging.getLogger("inngest_testkit")

#: Seconds that a call waits for its turn.
TURN_S = 30.0
#: Seconds between two moves of a clock that flows.
_TICK_S = 0.05


class Host(Protocol):
    """An engine behind the HTTP face."""

    @property
    def core(self) -> Core:
        """The engine's inside, to read from. What it says may change between two awaits, or from another thread."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether the engine is at work."""
        ...

    @property
    def is_frozen(self) -> bool:
        """Whether the clock moves only when told; false for a wall clock."""
        ...

    def freeze(self) -> None:
        """Let a fake clock move only when told, as it does at first."""
        ...

    def unfreeze(self) -> None:
        """Let a fake clock flow as fast as real time does."""
        ...

    async def take(self, events: Sequence[Event], chosen: Sequence[str] = ()) -> list[str]:
        """Take events; return the ids of their deliveries, which are generated unless they are `chosen`.

        What comes again under an id that was chosen before has no effect. Raises `EventError` for what cannot be kept.
        Triggers are matched before this returns, unless the engine is at work; no step is run.
        """
        ...

    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]], *, after_kept: bool = True) -> T:
        """Let the engine do something, after whatever it is doing; raises what the work raises.

        `after_kept`: after what was taken meanwhile, and all that it caused.
        Raises `UsageError` when it is not the call's turn after `TURN_S` seconds.
        """
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
        """Work what was taken, until cancelled. On a wall clock also what becomes due.

        What that raises is logged and kept in `errors`; the work goes on with what is taken next.
        """
        ...

    @property
    def errors(self) -> Sequence[Exception]:
        """What `run` met, the last few, oldest first."""
        ...


class _Woken(ABC):
    """Works what is due whenever something was taken; moves a fake clock that flows."""

    def __init__(self, engine: Engine | AsyncEngine) -> None:
        self._woken, self._flows = anyio.Event(), anyio.Event()
        self.core: Core = engine._core  # noqa: SLF001 - the engine's other face
        self.is_frozen = self.core.live is None
        self.errors: deque[Exception] = deque(maxlen=10)
        #: What is to be done when the engine is not at work any more.
        self._later: deque[Callable[[Core], Coroutine[Any, Any, object]]] = deque()
        self.core.control.on_reset.append(self._reset)

    def _reset(self) -> None:
        self.core.ids_over_http.restart()
        self._later.clear()
        if self.core.live is None:
            self.freeze()

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """See `Host.is_busy`."""

    @abstractmethod
    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]], *, after_kept: bool = True) -> T:
        """See `Host.call`."""

    @abstractmethod
    async def state(self, run_id: str) -> RunState:
        """See `Host.state`."""

    @abstractmethod
    async def ask(self, question: Callable[[DataStore], Coroutine[Any, Any, T]]) -> T:
        """See `Host.ask`."""

    @abstractmethod
    async def _now(self, work: Callable[[Core], Coroutine[Any, Any, object]], *, after_kept: bool = True) -> bool:
        """Let the engine do something unless it is at work, tell whether; `after_kept` as for its calls."""

    async def take(self, events: Sequence[Event], chosen: Sequence[str] = ()) -> list[str]:
        """See `Host.take`."""
        ids = self.core.keep(events, self.core.ids_over_http, chosen)
        # An app that sends while the engine waits for its answer must not wait for the engine.
        # Nor may one that sends be told to send again what is taken.
        await self._tried(self._now(_deliver, after_kept=False))
        self._woken.set()
        return ids

    def make_id(self) -> str:
        """See `Host.make_id`."""
        return self.core.ids_over_http.ulid()

    async def do(self, work: Callable[[Core], Coroutine[Any, Any, object]]) -> None:
        """See `Host.do`."""
        if not await self._now(work):
            self._later.append(work)
            self._woken.set()

    def freeze(self) -> None:
        """See `Host.freeze`."""
        self.is_frozen = True

    def unfreeze(self) -> None:
        """See `Host.unfreeze`."""
        self.is_frozen = False
        self._flows.set()

    async def run(self) -> None:
        """See `Host.run`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._flow)
            while True:
                await self._woken.wait()
                self._woken = anyio.Event()
                while self._later:
                    await self._try(self._later.popleft())
                await self._try(_settle)

    async def _flow(self) -> None:
        """Move the clock by the time that passes while it flows; what that makes due is worked when it is due."""
        while True:
            await self._flows.wait()
            self._flows = anyio.Event()
            last = anyio.current_time()
            while not self.is_frozen:
                await anyio.sleep(_TICK_S)
                now = anyio.current_time()
                if not self.is_frozen and not await self._try(partial(_pass, span=timedelta(seconds=now - last))):
                    self.freeze()
                last = now

    async def _try(self, work: Callable[[Core], Coroutine[Any, Any, object]]) -> bool:
        return await self._tried(self.call(work))

    async def _tried(self, work: Awaitable[object]) -> bool:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - one event's trouble must not end the work of all others
            _log.exception("the engine could not work what was taken")
            self.errors.append(error)
            return False
        return True


class AsyncHost(_Woken):
    """An `AsyncEngine`, on the event loop of the server."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.engine = engine

    @property
    def is_busy(self) -> bool:
        """See `Host.is_busy`."""
        live = self.core.live
        return self.engine._lock.statistics().locked if live is None else live.is_busy  # noqa: SLF001

    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]], *, after_kept: bool = True) -> T:
        """See `Host.call`."""
        return await self.engine._call(  # noqa: SLF001
            work(self.core), wait_s=TURN_S, of_server=True, after_kept=after_kept
        )

    async def _now(self, work: Callable[[Core], Coroutine[Any, Any, object]], *, after_kept: bool = True) -> bool:
        if self.core.live is None and self.is_busy:
            return False
        await self.engine._call(work(self.core), of_server=True, after_kept=after_kept)  # noqa: SLF001
        return True

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
        super().__init__(engine)
        self.engine = engine
        engine._share()  # noqa: SLF001

    @property
    def is_busy(self) -> bool:
        """See `Host.is_busy`."""
        return self.engine._busy  # noqa: SLF001

    async def call(self, work: Callable[[Core], Coroutine[Any, Any, T]], *, after_kept: bool = True) -> T:
        """See `Host.call`. One that is cancelled before its turn does nothing."""
        wanted = True

        def in_turn() -> T:
            return self.engine._when_free(  # noqa: SLF001
                work(self.core), lambda: wanted, TURN_S, after_kept=after_kept
            )

        try:
            # What is under way is not waited for: the server stops, the engine is done when it is done.
            return await anyio.to_thread.run_sync(in_turn, abandon_on_cancel=True)
        finally:
            wanted = False

    async def _now(self, work: Callable[[Core], Coroutine[Any, Any, object]], *, after_kept: bool = True) -> bool:
        if self.is_busy:
            return False
        at_once = partial(self.engine._if_free, work(self.core), after_kept=after_kept)  # noqa: SLF001
        return await anyio.to_thread.run_sync(at_once)

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


async def _pass(core: Core, *, span: timedelta) -> None:
    await core.advance(span)


def host_of(engine: Engine | AsyncEngine) -> Host:
    """Return the host for an engine. Raises `SetupError` for anything else."""
    if isinstance(engine, AsyncEngine):
        return AsyncHost(engine)
    if isinstance(engine, Engine):
        return ThreadHost(engine)
    raise SetupError(f"expected an Engine or AsyncEngine to serve, found {type(engine).__name__}")
