"""The engine without an event loop around it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Self, TypeVar

from inngest_testkit.engine.aio import IN_STEP
from inngest_testkit.engine.bridge import LoopRunner, hand_out
from inngest_testkit.engine.options import Duration
from inngest_testkit.engine.surface import QueueView, Surface
from inngest_testkit.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Coroutine, Mapping, Sequence
    from types import TracebackType

    from inngest_testkit.engine.results import Sent
    from inngest_testkit.events import Event, SdkEvent
    from inngest_testkit.functions.model import Function
    from inngest_testkit.queue.base import QueueItem
    from inngest_testkit.runs import Run

__all__ = ["Engine", "SyncQueueView"]

T = TypeVar("T")


class Engine(Surface):
    """The Inngest dev server in this process, on a fake clock.

    `seed` makes the ids; `start` is the first moment (2024-01-01T00:00:00Z). With `auto=False` nothing is worked
    until `run_next`. `max_steps` bounds the items worked in one call. `freeze=True` lets `datetime.now()` and
    `time.time()` tell the engine's time while it works (needs the extra `[time]`). `keep` says which runs that are
    over stay readable: `"all"`, `"failed"` (those that did not complete), or the last so many; with a run its event's
    id is forgotten, and of events and what they did the last 10 000 stay. `jitter=True` adds
    the server's random share to the delay of retries, from the seed. `data`, `events`, `queue` and `state` replace
    the stores in memory, `drivers` adds or replaces drivers. `chooser` decides what comes first where several
    things are due at once, `gate` stands before every operation of a store.

    Everything runs in the calling thread: a sync step with no event loop around it, an async step on a loop of the
    engine's own. The engine belongs to the thread that made it, and cannot be called from a running event loop
    (`AsyncEngine` can) or from one of its own steps: both raise `UsageError`.
    """

    @staticmethod
    def _bridge(awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """Hand out what needs an event loop, to the engine's own."""
        return hand_out(awaitable)

    def _open(self) -> None:
        self._runner = LoopRunner()
        self._thread = threading.get_ident()
        self._busy = False

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        problem = self._misuse()
        if problem:
            work.close()
            raise UsageError(problem)
        self._busy = True
        try:
            with self._core.frozen or nullcontext():
                result = self._runner.run(work)
        finally:
            self._busy = False
        self._core.emit_warnings()
        return result

    def _misuse(self) -> str:
        if threading.get_ident() != self._thread:
            return "the engine belongs to the thread that made it; make one engine in each thread that needs one"
        if self._busy:
            return IN_STEP
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return ""
        return "Engine was called from a running event loop; use AsyncEngine there, its methods are coroutines"

    def register(self, *functions: Function) -> None:
        """Add functions; one whose id is there already gets a new version.

        Runs under way keep the graph of theirs; a step runs the newest version of its action, unless
        `Step(version=...)` says which.

        Raises `InvalidFunctionsError` with every problem of every function; nothing is added then.
        """
        self._call(self._core.register(*functions))

    def load(self, path: str | os.PathLike[str]) -> tuple[Function, ...]:
        """Add every function in the files `inngest.json` and `inngest.cue` below a folder (or in one such file).

        Raises `InvalidFunctionsError` with every problem of every file; nothing is added then.
        """
        return self._call(self._core.load(path))

    def send(
        self,
        event: str | Event | Mapping[str, object] | Sequence[Event | Mapping[str, object]] | SdkEvent,
        data: Mapping[str, object] | None = None,
        *,
        user: Mapping[str, object] | None = None,
        id: str | None = None,  # noqa: A002 - the event's field
        ts: int | None = None,
    ) -> Sent:
        """Send an event (a name with `data`, an `Event`, a mapping, an SDK's event) or a list of them.

        All events of one call arrive together: each is matched against triggers and waits before any work that it
        causes. Then everything that is due is worked. Returns the events' ids and the runs that they started.

        Raises `EventError` for a bad event; nothing of the call is taken then.
        """
        return self._call(self._core.send(event, data, user, id, ts))

    def advance(self, span: Duration) -> None:
        """Move the clock by a span (`"3d"`, a timedelta, seconds), working each thing at the moment it is due.

        Raises `DurationError` for what is no span, `SetupError` for a negative one, `RunawayError` when
        `max_steps` items were worked and more are due.
        """
        self._call(self._core.advance(span))

    def run_until_complete(self, *runs: Run | Sent, limit: Duration = "366d") -> None:
        """Jump from due time to due time until the runs (none given: all) are over.

        Raises `RunIncompleteError` when some are not over after `limit`, or nothing more will happen.
        """
        self._call(self._core.run_until_complete(runs, limit))

    def run_next(self) -> QueueItem | None:
        """Work one queue item, the next that is due; when none is due now, the clock moves to the next one.

        Returns the item, or None when the queue is empty.
        """
        return self._call(self._core.run_next())

    def cancel(self, run: Run | str) -> bool:
        """Cancel a run, given as a `Run` or its id; False when it is over. Raises `NotFoundError`."""
        return self._call(self._core.cancel(run))

    @property
    def queue(self) -> SyncQueueView:
        """The queue: `pending` items, and `clear()`."""
        return SyncQueueView(self)

    def close(self) -> None:
        """Close the engine's event loop and the connections that it opened."""
        self._call(self._core.close())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SyncQueueView(QueueView):
    """The queue of an `Engine`."""

    def clear(self) -> int:
        """Drop what is queued for runs, and cancel those runs; crons stay. Returns how many items were dropped."""
        engine: Engine = self._surface
        return engine._call(engine._core.clear_queue())  # noqa: SLF001 - two halves of one surface
