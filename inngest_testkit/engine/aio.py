"""The engine under asyncio or trio."""

from __future__ import annotations

import math
import threading
from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio

from inngest_testkit.engine.options import Duration
from inngest_testkit.engine.surface import QueueView, Surface
from inngest_testkit.errors import SetupError, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Coroutine, Mapping, Sequence
    from types import TracebackType

    import inngest

    from inngest_testkit.engine.results import Sent
    from inngest_testkit.events import Event, SdkEvent
    from inngest_testkit.functions.app import AppFunction, SdkFunction
    from inngest_testkit.functions.model import Function
    from inngest_testkit.queue.base import QueueItem
    from inngest_testkit.runs import Run
    from inngest_testkit.runs.model import StepRecord

__all__ = ["AT_WORK", "IN_STEP", "AsyncEngine", "AsyncQueueView"]

T = TypeVar("T")

IN_STEP = (
    "the engine is at work and a step called it. A step cannot send, advance or run anything on its own engine: "
    "let the step ask for the parameter `send` to send events (of an SDK: ctx.step.send_event, or the client), and do "
    "the rest in the test"
)


AT_WORK = (
    "the engine has been at work for {:g} s, and this is still in line. A step of an app cannot control the engine "
    "that waits for its answer; otherwise look at what keeps it busy, and try again"
)


class _Work:
    """One call of an engine; over when `of` is None."""

    def __init__(self, of: AsyncEngine) -> None:
        self.of: AsyncEngine | None = of


#: The calls of engines around the code that runs; a task that a step left behind keeps them when they are over.
_around: ContextVar[tuple[_Work, ...]] = ContextVar("inngest_testkit_around", default=())


class AsyncEngine(Surface):
    """The Inngest dev server in this process, on a fake clock; the same as `Engine`, with coroutines.

    Works under asyncio and trio. Several tasks may use it; their calls are worked one after the other.
    See `Engine` for the arguments.
    """

    def _open(self) -> None:
        self._lock = anyio.Lock()
        #: The thread of the call that is worked.
        self._thread: int | None = None
        self._core.serving.take, self._core.serving.take_async = self._core.keep, self._take_async

    async def _take_async(self, events: Sequence[Event]) -> Sequence[str]:
        # The loop of an app in a thread of its own cannot wait for the engine's, and a task that a call left behind has
        # the SDK's context of that call, in which no other function can be entered.
        if self._thread not in {None, threading.get_ident()} or _around.get():
            return self._core.keep(events)
        return await self._call(self._core.take(events))

    async def _call(
        self,
        work: Coroutine[Any, Any, T],
        *,
        wait_s: float = math.inf,
        of_server: bool = False,
        after_kept: bool = True,
    ) -> T:
        """Do something in turn; raises `UsageError` after `wait_s` seconds in line.

        `of_server`: warnings wait for a call of the engine's user. `after_kept`: after what clients sent meanwhile,
        and all that it caused.
        """
        if self._core.live is not None:
            result = await work  # calls do not exclude each other: items are worked between them
            if not of_server:
                self._core.emit_warnings()
            return result
        around = _around.get()
        if any(work_around.of is self for work_around in around):
            work.close()
            raise UsageError(IN_STEP)
        try:
            with anyio.fail_after(wait_s):
                await self._lock.acquire()
        except TimeoutError:
            work.close()
            raise UsageError(AT_WORK.format(wait_s)) from None
        except BaseException:
            work.close()  # cancelled while another task's call was worked
            raise
        if after_kept and self._core.has_kept:
            work = self._core.after_kept(work)
        self._thread, current = threading.get_ident(), _Work(self)
        token = _around.set((*around, current))
        try:
            with self._core.frozen or nullcontext():
                result = await work
        finally:
            self._thread = current.of = None
            _around.reset(token)
            self._lock.release()
        if not of_server:
            self._core.emit_warnings()
        return result

    async def register(self, *functions: Function) -> None:
        """See `Engine.register`."""
        await self._call(self._core.register(*functions))

    async def load(self, path: str | os.PathLike[str]) -> tuple[Function, ...]:
        """See `Engine.load`."""
        return await self._call(self._core.load(path))

    async def serve(
        self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]]
    ) -> tuple[AppFunction, ...]:
        """See `Engine.serve`. Under trio, async functions fail with an error that says why: the SDK needs asyncio."""
        return await self._call(self._core.serve(client, functions))

    async def mount(
        self, app: object, path: str = "/api/inngest", *, client: inngest.Inngest | None = None
    ) -> tuple[AppFunction, ...]:
        """See `Engine.mount`."""
        return await self._call(self._core.mount(app, path, client))

    async def send(
        self,
        event: str | Event | Mapping[str, object] | Sequence[Event | Mapping[str, object]] | SdkEvent,
        data: Mapping[str, object] | None = None,
        *,
        user: Mapping[str, object] | None = None,
        id: str | None = None,  # noqa: A002 - the event's field
        ts: int | None = None,
    ) -> Sent:
        """See `Engine.send`."""
        return await self._call(self._core.send(event, data, user, id, ts))

    async def advance(self, span: Duration) -> None:
        """See `Engine.advance`."""
        await self._call(self._core.advance(span))

    async def run_until_complete(self, *runs: Run | Sent, limit: Duration = "366d") -> None:
        """See `Engine.run_until_complete`."""
        await self._call(self._core.run_until_complete(runs, limit))

    async def run_to_idle(self, *, limit: Duration = "366d") -> None:
        """See `Engine.run_to_idle`. With a wall clock, `limit` is real time."""
        await self._call(self._core.control.run_to_idle(limit))

    async def run_next(self) -> QueueItem | None:
        """See `Engine.run_next`."""
        return await self._call(self._core.run_next())

    async def run_to(self, run: Run | Sent, step: str, *, occurrence: int = 0, limit: Duration = "366d") -> StepRecord:
        """See `Engine.run_to`."""
        return await self._call(self._core.control.run_to(run, step, occurrence, limit))

    async def execute(
        self,
        function: str | SdkFunction,
        event: str
        | Event
        | Mapping[str, object]
        | Sequence[Event | Mapping[str, object] | SdkEvent]
        | SdkEvent = "testkit/execute",
        data: Mapping[str, object] | None = None,
        *,
        limit: Duration = "366d",
    ) -> Run:
        """See `Engine.execute`."""
        return await self._call(self._core.starts.execute(function, event, data, limit))

    async def cancel(self, run: Run | str) -> bool:
        """See `Engine.cancel`."""
        return await self._call(self._core.cancel(run))

    async def work(self, *, deliver: bool = True, work: bool = True) -> None:
        """Work in real time what is sent and what becomes due, until cancelled; needs `clock=WallClock()`.

        Without `deliver` no event is handed to the runner, and without `work` no item is worked: both are left in
        their stores for a process that does. Run it in a task beside the rest. Many items are worked at once. Raises
        `SetupError` on a fake clock, where each call works what it makes due.
        """
        if self._core.live is None:
            raise SetupError(f"work() needs AsyncEngine(clock=WallClock()), found {self.clock!r}")
        self._core.live.delivers, self._core.live.works = deliver, work
        await self._core.live.run()

    async def reset(self) -> None:
        """See `Engine.reset`. On a wall clock, what is worked is stopped, and the clock stays as it is."""
        await self._call(self._core.reset(), after_kept=False)

    @property
    def queue(self) -> AsyncQueueView:
        """The queue: `pending` items, and `await clear()`."""
        return AsyncQueueView(self)

    async def close(self) -> None:
        """Close the connections that the engine opened."""
        await self._call(self._core.close())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncQueueView(QueueView):
    """The queue of an `AsyncEngine`."""

    async def clear(self) -> int:
        """See `SyncQueueView.clear`."""
        engine: AsyncEngine = self._surface
        return await engine._call(engine._core.control.clear_queue())  # noqa: SLF001 - two halves of one surface
