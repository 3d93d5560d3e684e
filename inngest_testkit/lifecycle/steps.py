"""The steps of apps' functions: how they end, and when the function is called again.

Source: recordings/sdk README, "Parallel groups", "wait_for_event", "invoke". What a run counts as pending are its open
steps and the calls that may discover new ones; when nothing is pending, the function is called again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import PauseNotFoundError
from inngest_testkit.lifecycle.edges import timeout_item
from inngest_testkit.queue.base import Call, ItemKind, QueueItem
from inngest_testkit.runs.model import EMPTY, ErrorInfo, HistoryKind
from inngest_testkit.sdk.answer import error_info
from inngest_testkit.state.base import PauseKind
from inngest_testkit.values import NULL, Json, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.clock import Clock
    from inngest_testkit.event_stream.base import Message
    from inngest_testkit.lifecycle.recorder import Recorder
    from inngest_testkit.queue.base import Queue
    from inngest_testkit.state.base import Pause, StateStore

__all__ = ["INVOKE_TIMEOUT", "AppSteps", "StepEnd", "call_item", "discovery_token", "step_token"]

#: What an invoking step gets when its time is over.
INVOKE_TIMEOUT = {
    "error": "InngestInvokeTimeoutError: Timed out waiting for invoked function to complete",
    "message": "Timed out waiting for invoked function to complete",
    "name": "InngestInvokeTimeoutError",
}


def discovery_token(memos: int) -> str:
    """Return what a run counts as pending while a call that targets no step is due; `memos` are the steps done."""
    return f"discover/{memos}"


def step_token(key: str) -> str:
    """Return what a run counts as pending while a step is open."""
    return f"step/{key}"


def call_item(run_id: str, function_id: str, token: str, call: Call, *, step: str = "", attempt: int = 0) -> QueueItem:
    """Return the item that calls a function, or has a step answered."""
    return QueueItem(
        id=f"{run_id}/{token}@{attempt}",
        kind=ItemKind.CALL,
        run_id=run_id,
        function_id=function_id,
        step=step,
        token=token,
        attempt=attempt,
        call=call,
    )


@dataclass(slots=True)
class StepEnd:
    """How a step ended: the memo that further calls carry, and what its record shows."""

    memo: Json
    output: Json | None = None
    error: ErrorInfo | None = None

    @classmethod
    def of_data(cls, data: Json) -> StepEnd:
        """Return the end of a step that has a result."""
        return cls(Json(b'{"data":%b}' % data.raw), data)

    @classmethod
    def of_error(cls, error: Mapping[str, Any], info: ErrorInfo | None = None) -> StepEnd:
        """Return the end of a step that failed for good."""
        given = ErrorInfo(str(error.get("name", "")), str(error.get("message", "")), str(error.get("stack") or ""))
        memo = json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        return cls(Json(memo), error=info or given)

    @classmethod
    def of_event(cls, event: Json) -> StepEnd:
        """Return the end of a wait that an event fulfilled."""
        return cls(event, event)

    @classmethod
    def of_memo(cls, memo: Json) -> StepEnd:
        """Return the end that a memo tells."""
        given: Any = memo.value
        if isinstance(given, dict) and set(given) == {"error"}:
            return cls.of_error(given["error"], error_info(given["error"]))
        if isinstance(given, dict) and set(given) == {"data"}:
            return cls(memo, encode(given["data"], deepest=10_000, exact=True))
        return cls(memo, memo)


#: The end of a sleep, and of a wait whose time is over.
NOTHING = StepEnd(NULL, NULL)


class AppSteps:
    """Ends steps of apps' functions, and queues the calls that follow."""

    def __init__(self, *, clock: Clock, queue: Queue, state: StateStore, recorder: Recorder) -> None:
        self._clock, self._queue, self._state, self._recorder = clock, queue, state, recorder

    async def keep(
        self, run_id: str, key: str, end: StepEnd, *, attempt: int = 0, data: Mapping[str, Any] = EMPTY, once: bool
    ) -> None:
        """Write down how a step ended; `data` goes into its history."""
        await self._state.save_output(run_id, key, end.memo)
        await self._record(run_id, key, end, attempt, data, once=once)

    async def record_kept(self, run_id: str, key: str, memo: Json) -> None:
        """Record how a step ended whose memo a lost worker has kept; nothing happens when it did that, too."""
        begun = [
            entry.attempt
            for entry in await self._state.history(run_id)
            if entry.step == key and entry.kind is HistoryKind.STEP_STARTED
        ]
        await self._record(run_id, key, StepEnd.of_memo(memo), (begun and begun[-1]) or 0, EMPTY, once=True)

    async def _record(
        self, run_id: str, key: str, end: StepEnd, attempt: int, data: Mapping[str, Any], *, once: bool
    ) -> None:
        what: dict[str, Any]
        if end.error is None:
            kind, what = HistoryKind.STEP_COMPLETED, {"output": end.output, "app": True}
        else:
            kind, what = HistoryKind.STEP_FAILED, {"error": end.error, "app": True}
        if data:
            what.update(data)
        await self._recorder.run(kind, run_id, key, attempt, what, once=once)

    async def advance(
        self, run_id: str, function_id: str, token: str, *, race: bool = False, immediate: bool = True
    ) -> bool:
        """Count a piece of work as done, and queue the call that it makes due; False when nothing is under way then.

        In race mode a call follows at once, otherwise when nothing else is pending.
        """
        called = race and await self._discover(run_id, function_id, immediate=immediate)
        pending = await self._state.finalise(run_id, token)
        if pending == 0 and not called:
            return await self._discover(run_id, function_id, immediate=immediate)
        return True

    async def _discover(self, run_id: str, function_id: str, *, immediate: bool) -> bool:
        state = await self._state.load(run_id)
        memos = len(state.outputs)
        token = discovery_token(memos)
        if state.is_over:
            return True
        if await self._state.is_scheduled(run_id, token):
            return False
        call = Call(memos=memos, immediate=immediate)
        await self._queue.enqueue(call_item(run_id, function_id, token, call), self._clock.now())
        await self._state.schedule(run_id, token)
        return True

    async def resume(self, pause: Pause, message: Message, *, once: bool) -> None:
        """End a step with the event that it waited for; the pause is leased by the event's delivery."""
        event = message.event
        data = {"edge": pause.edge, "event": event.name, "event_id": event.id}
        await self._recorder.run(HistoryKind.PAUSE_RESUMED, pause.run_id, pause.child, data=data, once=once)
        end = StepEnd.of_event(event.to_json()) if pause.kind is PauseKind.WAIT else _invoked(event.to_json())
        await self._end(pause, end, once=once)
        await self._queue.discard(item_id=timeout_item(pause).id)
        await self._consume(pause)

    async def signal(self, pause: Pause, signal: str, data: Json) -> None:
        """End a step with the signal that it waited for; the pause is leased.

        Source: the server's code, `state.SignalStepReturn`, for the memo.
        """
        told = {"edge": pause.edge, "event": pause.event, "event_id": None}
        await self._recorder.run(HistoryKind.PAUSE_RESUMED, pause.run_id, pause.child, data=told)
        name = json.dumps(signal, ensure_ascii=False).encode(errors="replace")
        end = StepEnd.of_data(Json(b'{"signal":%b,"data":%b}' % (name, data.raw)))
        await self._end(pause, end, once=False)
        await self._queue.discard(item_id=timeout_item(pause).id)
        await self._consume(pause)

    async def time_out(self, pause: Pause, *, once: bool) -> None:
        """End a step whose time is over."""
        data = {"edge": pause.edge, "event": pause.event, "taken": False}
        await self._recorder.run(HistoryKind.PAUSE_TIMED_OUT, pause.run_id, pause.child, data=data, once=once)
        end = StepEnd.of_error(INVOKE_TIMEOUT) if pause.kind is PauseKind.INVOKE else NOTHING
        await self._end(pause, end, once=once)
        await self._consume(pause)

    async def _end(self, pause: Pause, end: StepEnd, *, once: bool) -> None:
        await self.keep(pause.run_id, pause.child, end, once=once)
        await self.advance(pause.run_id, pause.function_id, pause.edge, race=pause.race)

    async def _consume(self, pause: Pause) -> None:
        try:
            await self._state.consume_pause(pause.id)
        except PauseNotFoundError:
            return  # the end of the run removed it


def _invoked(finished: Json) -> StepEnd:
    """Return the end of an invoking step; of a cancelled run, which has neither, the event itself is the result."""
    event: Any = finished.value
    data = event["data"]
    if "error" in data:
        return StepEnd.of_error(data["error"])
    if "result" in data:
        return StepEnd.of_data(encode(data["result"], deepest=10_000))
    return StepEnd.of_event(finished)
