"""What every attempt at an item of an app's run may come to: events sent, a step begun, another attempt, the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import later
from inngest_testkit.lifecycle.steps import step_token
from inngest_testkit.queue.base import Call, ItemKind
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.values import encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime, timedelta

    from inngest_testkit.clock import Clock
    from inngest_testkit.events import Event
    from inngest_testkit.executor.retries import Retries
    from inngest_testkit.functions.app import AppPlan
    from inngest_testkit.lifecycle import AppSteps, Recorder, RunLifecycle
    from inngest_testkit.queue.base import Queue, QueueItem
    from inngest_testkit.runs.model import ErrorInfo
    from inngest_testkit.sdk.answer import Failure
    from inngest_testkit.state.base import RunState
    from inngest_testkit.values import Json

__all__ = ["Attempts", "RunItem"]

_CALL = Call()
_UNNAMED = step_token("")


@dataclass(slots=True)
class RunItem:
    """A queue item with the run that it belongs to. `once`: it was delivered before, and may be done in part."""

    item: QueueItem
    state: RunState
    plan: AppPlan
    once: bool

    @property
    def call(self) -> Call:
        """What calling the function is about."""
        return self.item.call or _CALL

    @property
    def step(self) -> str | None:
        """The key of the step that the item is about, which may be empty; None when it is about none."""
        item = self.item
        return item.step if item.step or item.token == _UNNAMED else None

    @property
    def is_last_attempt(self) -> bool:
        """Whether no attempt follows when this one fails."""
        return self.item.attempt + 1 >= self.plan.function.max_attempts


class Attempts:
    """Writes down what an attempt came to, and queues what follows. `publish` takes the events that apps send."""

    def __init__(
        self,
        *,
        clock: Clock,
        queue: Queue,
        recorder: Recorder,
        lifecycle: RunLifecycle,
        steps: AppSteps,
        publish: Callable[[str, Event], Awaitable[None]],
        retries: Retries,
    ) -> None:
        self._clock, self._queue, self._recorder = clock, queue, recorder
        self._lifecycle, self._steps, self._publish, self._retries = lifecycle, steps, publish, retries

    async def record(self, kind: HistoryKind, of: RunItem, data: Mapping[str, Any], *, step: str | None = None) -> None:
        """Append a transition to the history; without `step`, of the step that the item is about."""
        item = of.item
        about = of.step if step is None else step
        await self._recorder.run(kind, item.run_id, about, item.attempt, data, once=of.once)

    async def advance(self, of: RunItem, *, race: bool = False) -> bool:
        """Count the item as done, and queue the call that this makes due; False when nothing is under way then."""
        return await self._steps.advance(of.item.run_id, of.item.function_id, of.item.token, race=race)

    async def send(self, of: RunItem, events: Iterable[Event]) -> None:
        """Send what the attempt sent, in order."""
        for index, event in enumerate(events):
            data = {"name": event.name, "event_id": event.id, "edge": of.item.token}
            await self.record(HistoryKind.EVENT_SENT, of, data)
            await self._publish(f"{of.item.id}/event{index}", event)

    async def started(self, of: RunItem, key: str, **data: object) -> None:
        """Write down that a step began."""
        await self.record(HistoryKind.STEP_STARTED, of, {"edge": of.item.token, **data}, step=key)

    async def take(self, of: RunItem, result: Json, takes: timedelta) -> None:
        """Let the attempt's answer come when the virtual time is over that it takes."""
        item, until = of.item, later(self._clock.now(), takes)
        if of.step is not None:
            await self.started(of, of.step)
        await self._queue.enqueue(replace(item, id=f"{item.id}/finish", kind=ItemKind.FINISH, result=result), until)
        await self.record(HistoryKind.STEP_TAKES, of, {"until": until, "edge": item.token})

    async def retry_step(
        self, of: RunItem, key: str, error: ErrorInfo, retry_after: timedelta | datetime | None = None
    ) -> None:
        """Try the item again, because a step failed."""
        at = self._retries.of_call(self._clock.now(), of.item.attempt, retry_after)
        await self.record(HistoryKind.STEP_FAILED, of, {"error": error, "retry_at": at, "app": True}, step=key)
        await self._again(of.item, at)

    async def failed(self, of: RunItem, failure: Failure) -> None:
        """Try the item again, because the call failed; or, when no attempt is left, end the run."""
        if not failure.retryable or of.is_last_attempt:
            await self.fail(of, failure)
            return
        at = self._retries.of_call(self._clock.now(), of.item.attempt, failure.retry_after)
        data = {"edge": of.item.token, "error": failure.info, "retry_at": at}
        await self.record(HistoryKind.CALL_FAILED, of, data)
        await self._again(of.item, at)

    async def _again(self, item: QueueItem, at: datetime) -> None:
        attempt = item.attempt + 1
        retry = replace(item, id=f"{item.run_id}/{item.token}@{attempt}", attempt=attempt, result=None)
        await self._queue.enqueue(retry, at)

    async def begin_again(self, of: RunItem) -> bool:
        """Queue the item as it has become since it was handed out; False when it is the same."""
        item = of.item
        again = replace(item, id=f"{item.run_id}/{item.token}@{item.attempt}", result=None)
        return again.id != item.id and await self._queue.enqueue(again, self._clock.now())

    async def fail(self, of: RunItem, failure: Failure) -> None:
        """End the run."""
        outcome: Mapping[str, Any] = {"error": failure.error}
        if failure.has_result:
            outcome = {**outcome, "result": failure.result}
        output = encode(failure.output, deepest=10_000)
        await self._lifecycle.fail(of.item.run_id, failure.info, once=of.once, output=output, outcome=outcome)
