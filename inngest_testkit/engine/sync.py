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
from inngest_testkit.engine.turns import Turns
from inngest_testkit.errors import SetupError, UsageError
from inngest_testkit.ids import Ids

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from types import TracebackType

    import inngest

    from inngest_testkit.engine.results import Sent
    from inngest_testkit.events import Event, SdkEvent
    from inngest_testkit.functions.app import AppFunction, SdkFunction
    from inngest_testkit.functions.model import Function
    from inngest_testkit.queue.base import QueueItem
    from inngest_testkit.runs import Run
    from inngest_testkit.runs.model import StepRecord

__all__ = ["Engine", "SyncQueueView"]

T = TypeVar("T")


#: For calls during which the standard library tells the machine's time.
_AS_IT_IS = nullcontext()


class Engine(Surface):
    """The Inngest dev server in this process, on a fake clock.

    `seed` makes the ids; `start` is the first moment (2024-01-01T00:00:00Z). With `auto=False` nothing is worked
    until `run_next`. `max_steps` bounds the items worked in one call. `freeze=True` lets `datetime.now()` and
    `time.time()` tell the engine's time while it works (needs the extra `[time]`). `keep` says which runs that are
    over stay readable: `"all"`, `"failed"` (those that did not complete), or the last so many; of events and what
    they did the last 10 000 stay then, and the ids of events count for their 24 hours all the same. `clock` replaces
    the fake clock. `jitter=True` adds the server's random share to the delay of retries, from the seed;
    `retry_interval` fixes the delay, as the dev server's option of that name. `limits` are the server's, see `Limits`.
    `nondeterminism` says what happens when two entries of a run disagree on their steps: a warning, an error that fails
    the run, or nothing. `data`, `events`, `queue`, `state` and `flow` replace the stores in memory, `drivers` adds or
    replaces drivers. `chooser` decides what comes first where several things are due at once, `gate` stands before
    every operation of a store.

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
        #: For an engine that several threads call, one after the other.
        self._turns: Turns | None = None
        if self._core.live is not None:
            raise SetupError("an engine in real time works on an event loop: use AsyncEngine(clock=WallClock())")
        self._core.serving.take, self._core.serving.take_async = self._take, self._take_async

    def _take(self, events: Sequence[Event]) -> Sequence[str]:
        """Take events that a client sent, at once when the engine can be called here."""
        # An app of which the engine waits for an answer must not wait for the engine.
        if self._turns is None:
            return self._core.keep(events) if self._busy or self._misuse() else self._call(self._core.take(events))
        ids = self._keep_elsewhere(events)
        self._catch_up()
        return ids

    async def _take_async(self, events: Sequence[Event]) -> Sequence[str]:
        # This engine cannot work while another event loop runs.
        return self._core.keep(events) if self._turns is None else self._keep_elsewhere(events)

    def _keep_elsewhere(self, events: Sequence[Event]) -> Sequence[str]:
        with self._keeping:
            return self._core.keep(events, self._elsewhere)

    def _catch_up(self) -> None:
        if self._turns is None:
            if self._core.has_kept and not self._misuse():
                self._call(self._core.take([]))
        elif not self._misuse() and not self._core.control.is_idle:
            # Whoever looks while another thread works sees what is done so far: that thread may wait for this one.
            self._if_free(self._core.take([]))

    def _call(self, work: Coroutine[Any, Any, T], *, after_kept: bool = True) -> T:
        problem = self._misuse()
        if problem:
            work.close()
            raise UsageError(problem)
        try:
            with self._turns.wait() if self._turns else _AS_IT_IS:
                result = self._work(work, after_kept=after_kept)
        finally:
            work.close()  # does nothing to what was worked
        self._core.emit_warnings()
        return result

    def _work(self, work: Coroutine[Any, Any, T], *, after_kept: bool = True) -> T:
        """Do something in this thread's turn, after what was kept unless told otherwise."""
        if after_kept and self._core.has_kept:
            work = self._core.after_kept(work)
        self._busy, self._thread = True, threading.get_ident()
        try:
            with self._core.frozen or _AS_IT_IS:
                return self._runner.run(work)
        finally:
            self._busy = False

    def _when_free(
        self, work: Coroutine[Any, Any, T], is_wanted: Callable[[], bool], wait_s: float, *, after_kept: bool = True
    ) -> T:
        """Do something in turn, for a server's thread, as `Turns.wait`; warnings wait for a call of the user's."""
        assert self._turns is not None  # noqa: S101 - a server shares its engine
        try:
            with self._turns.wait(wait_s, is_wanted):
                return self._work(work, after_kept=after_kept)
        finally:
            work.close()

    def _if_free(self, work: Coroutine[Any, Any, object], *, after_kept: bool = True) -> bool:
        """Do something unless another thread is at work, tell whether; warnings wait for a call of the user's."""
        assert self._turns is not None  # noqa: S101 - for engines that are shared
        try:
            with self._turns.if_free() as is_free:
                if is_free:
                    self._work(work, after_kept=after_kept)
                return is_free
        finally:
            work.close()

    def _share(self) -> None:
        """Let other threads call the engine, too, such as that of a server around it; their calls take turns.

        What is read meanwhile, in whichever thread, is what is done so far.
        """
        if self._turns is None:
            self._turns, self._keeping = Turns(), threading.Lock()
            #: Makes the ids of events that come from other threads, one at a time.
            self._elsewhere = Ids(f"{self.seed}/elsewhere", self.clock)
            self._core.control.on_reset.append(self._elsewhere.restart)
            self._core.journal.share()

    def _misuse(self) -> str:
        is_here = threading.get_ident() == self._thread
        if not is_here and self._turns is None:
            return "the engine belongs to the thread that made it; make one engine in each thread that needs one"
        if is_here and self._busy:
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

    def serve(self, client: inngest.Inngest, functions: Sequence[inngest.Function[Any]]) -> tuple[AppFunction, ...]:
        """Add the functions of an SDK client, as the SDK's own `serve` takes them; they are called in this process.

        The client's `send` and `send_sync` reach the engine from then on. As on the server, functions that the app
        had and are not in the list are retired: nothing starts them any more, runs under way go on. An empty list
        lets a client send only. Returns the functions as registered.

        Raises `InvalidFunctionsError` with every problem of every function (nothing changes then), `SetupError` for
        what is no client or not its function, and `MissingExtraError` without the SDK.
        """
        return self._call(self._core.serve(client, functions))

    def mount(
        self, app: object, path: str = "/api/inngest", *, client: inngest.Inngest | None = None
    ) -> tuple[AppFunction, ...]:
        """Add the functions that a web app serves at `path`, and call them through it, without a socket.

        `app` is an ASGI app (FastAPI, Starlette, Django), a WSGI app (Flask, Django), or a URL. Its own handler,
        middleware and signature check take part. `client` is the SDK client that the app serves; without it, it is
        found by the registration that it sends. Otherwise as `serve`.
        """
        return self._call(self._core.mount(app, path, client))

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

    def run_to_idle(self, *, limit: Duration = "366d") -> None:
        """Jump from due time to due time until all runs are over, or wait for nothing but events.

        Debounced events and batches are worked. Crons and time-outs that are due on the way are worked, too, but are
        no reason to go on. Raises `RunIncompleteError` when there is more to do after `limit`.
        """
        self._call(self._core.control.run_to_idle(limit))

    def run_next(self) -> QueueItem | None:
        """Work one queue item, the next that is due; when none is due now, the clock moves to the next one.

        Returns the item, or None when the queue is empty.
        """
        return self._call(self._core.run_next())

    def run_to(self, run: Run | Sent, step: str, *, occurrence: int = 0, limit: Duration = "366d") -> StepRecord:
        """Work until a step of a run has begun, moving the clock as far as that takes, and return its record.

        A step with code has been run once then; a sleep, a wait or an invoke is under way. Returns at once when it
        has begun before. `occurrence` says which use of a repeated id is meant, from 0.

        Raises `RunIncompleteError` when the run does not come to it within `limit`, or is over before.
        """
        return self._call(self._core.control.run_to(run, step, occurrence, limit))

    def execute(
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
        """Start one function alone with an event, whatever its triggers, and work until its run is over.

        A list of events makes a run of a batch. The event itself starts nothing else, and the rules of flow control
        that drop or delay events do not concern it. Functions that it invokes run if they are served, and can be mocked
        with their step. Raises `RunIncompleteError` when the run is not over within `limit`.
        """
        return self._call(self._core.starts.execute(function, event, data, limit))

    def cancel(self, run: Run | str) -> bool:
        """Cancel a run, given as a `Run` or its id, then work everything that is due; False when it is over.

        Raises `NotFoundError`.
        """
        return self._call(self._core.cancel(run))

    def reset(self) -> None:
        """Begin again: forget runs, events, history, mocks and what is queued, and set the clock back to its start.

        Functions, apps and links to clients stay, and crons are scheduled anew. Ids start anew from the seed, so the
        same sends get the same ids again. Views of earlier runs raise `NotFoundError` from then on. Raises `SetupError`
        for an engine whose events, queue, state or flow are not in memory; nothing changes then.
        """
        self._call(self._core.reset(), after_kept=False)

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
        return engine._call(engine._core.control.clear_queue())  # noqa: SLF001 - two halves of one surface
