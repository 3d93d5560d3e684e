"""Work an item of a run of an app's function: make the call, read the answer, open and end its steps.

Source: recordings/sdk README, "One step after another", "Parallel groups", "Errors and retries", "Limits".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import later
from inngest_testkit.drivers.base import StepRequest, StepResponse
from inngest_testkit.errors import NotJsonError
from inngest_testkit.executor.operations import Group, awaited, carried_operation, end_of
from inngest_testkit.lifecycle.steps import NOTHING, StepEnd, discovery_token, step_token
from inngest_testkit.queue.base import Call, ItemKind
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.sdk.answer import (
    Failure,
    Operations,
    Result,
    error_info,
    kept_error,
    overflow,
    read,
    server_failure,
)
from inngest_testkit.sdk.limits import exceeds
from inngest_testkit.sdk.protocol import Opcode
from inngest_testkit.sdk.request import Memos, prepare
from inngest_testkit.sdk.stored import restore, stored_call, stored_step
from inngest_testkit.values import NULL, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime, timedelta

    from inngest_testkit.clock import Clock
    from inngest_testkit.drivers.mock import Mock
    from inngest_testkit.drivers.registry import Drivers
    from inngest_testkit.events import Event
    from inngest_testkit.executor.operations import Operator
    from inngest_testkit.executor.retries import Retries
    from inngest_testkit.executor.watch import Watch
    from inngest_testkit.functions.app import AppPlan
    from inngest_testkit.ids import Ids
    from inngest_testkit.lifecycle import AppSteps, Recorder, RunLifecycle
    from inngest_testkit.queue.base import Queue, QueueItem
    from inngest_testkit.sdk.answer import Answer
    from inngest_testkit.sdk.apps import Apps, Called
    from inngest_testkit.sdk.limits import Limits
    from inngest_testkit.sdk.protocol import Operation
    from inngest_testkit.state.base import RunState, StateStore
    from inngest_testkit.values import Json

__all__ = ["AppWorker"]

_CALL = Call()
_FIRST = discovery_token(0)


class AppWorker:
    """Works the items of runs of apps' functions. `publish` takes the events that apps send."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        queue: Queue,
        state: StateStore,
        drivers: Drivers,
        apps: Apps,
        recorder: Recorder,
        lifecycle: RunLifecycle,
        steps: AppSteps,
        operator: Operator,
        watch: Watch,
        publish: Callable[[str, Event], Awaitable[None]],
        retries: Retries,
        limits: Limits,
    ) -> None:
        self._clock, self._ids, self._queue, self._state = clock, ids, queue, state
        self._drivers, self._apps = drivers, apps
        self._recorder, self._lifecycle, self._steps, self._operator = recorder, lifecycle, steps, operator
        self._publish, self._retries, self._limits, self._watch = publish, retries, limits, watch
        #: Of each run under way, its memos as requests carry them.
        self._memos: dict[str, Memos] = {}

    def forget(self, run_id: str) -> None:
        """Drop what is kept of a run: it is over."""
        self._memos.pop(run_id, None)
        self._watch.forget(run_id)

    async def work(self, item: QueueItem, state: RunState, plan: AppPlan, *, once: bool) -> None:
        """Do what an item asks for."""
        # Whoever queued the item may have been lost before it counted it.
        await self._state.schedule(item.run_id, item.token)
        call = item.call or _CALL
        found = item.step in state.outputs if _is_targeted(item) else once and len(state.outputs) > call.memos
        if found:
            await self._found(item, state)
        elif item.kind is ItemKind.SLEEP:
            await self._steps.keep(item.run_id, item.step, NOTHING, once=once)
            await self._steps.advance(
                item.run_id, item.function_id, item.token, race=call.race, immediate=call.immediate
            )
        elif item.kind is ItemKind.FINISH:
            await self._finish(item, state, plan)
        else:
            await self._begin(item, state, plan, once=once)

    async def _found(self, item: QueueItem, state: RunState) -> None:
        """Go on where a worker stopped that was thought lost: it has kept what the item was to find out."""
        call = item.call or _CALL
        for key in (item.step,) if _is_targeted(item) else list(state.outputs)[call.memos :]:
            await self._steps.record_kept(item.run_id, key, state.outputs[key])
        await self._advance(item, race=call.race)

    async def _advance(self, item: QueueItem, *, race: bool = False) -> bool:
        return await self._steps.advance(item.run_id, item.function_id, item.token, race=race)

    async def _begin(self, item: QueueItem, state: RunState, plan: AppPlan, *, once: bool) -> None:
        if item.token == _FIRST and item.attempt == 0:
            await self._recorder.run(HistoryKind.RUN_STARTED, item.run_id, once=once)
        broken = self._overflow(item, state)
        if broken is not None:
            await self._fail(item, broken, once=once)
            return
        mock = self._drivers.mocks.find(item.function_id, item.step) if _is_targeted(item) else None
        operation = None if item.call is None else item.call.operation
        is_mocked = mock is not None and not mock.passes_through
        if not is_mocked and _waits(operation):
            await self._open_after_all(item, state, plan, once=once)
            return
        if is_mocked or _is_inference(operation):
            response = await self._answer_step(item, state, mock)
            if response.takes:
                await self._take(item, stored_step(response), response.takes, once=once)
            else:
                await self._step_answered(item, response, state, plan, once=once)
            return
        called = await self._call(item, state, plan)
        takes = called.response.takes
        answer = read(called.response, self._limits)
        broken = await self._watch.enter(item, called, answer, state.outputs, once=once)
        if broken is not None:
            await self._answered(item, called, broken, state, plan, once=once)
            return
        if mock is not None:
            mock.note(self._request(item, state))
            takes = mock.takes
        if takes:
            await self._take(item, stored_call(called), takes, once=once)
        else:
            await self._answered(item, called, answer, state, plan, once=once)

    def _overflow(self, item: QueueItem, state: RunState) -> Failure | None:
        # A group may go beyond the limit: only the call after it is refused.
        steps = self._limits.steps
        if steps is not None and not _is_targeted(item) and len(state.outputs) >= steps:
            return overflow(steps)
        if exceeds(state.size, self._limits.state):
            text = f"The function run exceeded the state size limit of {self._limits.state} bytes."
            return server_failure("InngestErrStateOverflowed", text, retryable=False)
        return None

    async def _call(self, item: QueueItem, state: RunState, plan: AppPlan) -> Called:
        call = item.call or _CALL
        if call.immediate and not _is_targeted(item) and self._drivers.mocks.concern(item.function_id):
            # Planned first, a step that is mocked is never run.
            call = replace(call, immediate=False)
        memos = self._memos.get(item.run_id)
        if memos is None:
            memos = self._memos[item.run_id] = Memos(state.run)
        prepared = prepare(
            state,
            call,
            memos,
            target=item.step if _is_targeted(item) else None,
            attempt=item.attempt,
            max_attempts=plan.function.max_attempts,
            item_id=item.id,
            now=self._clock.now(),
            limit=self._limits.request,
            signing_key=self._apps.signing_key_of(item.function_id),
        )
        return await self._apps.call(prepared)

    async def _take(self, item: QueueItem, result: Json, takes: timedelta, *, once: bool) -> None:
        until = later(self._clock.now(), takes)
        if _is_targeted(item):
            await self._started(item, item.step, once=once)
        await self._queue.enqueue(replace(item, id=f"{item.id}/finish", kind=ItemKind.FINISH, result=result), until)
        data = {"until": until, "edge": item.token}
        await self._recorder.run(
            HistoryKind.STEP_TAKES, item.run_id, item.step or None, item.attempt, data=data, once=once
        )

    async def _finish(self, item: QueueItem, state: RunState, plan: AppPlan) -> None:
        call = replace(item, id=item.id.removesuffix("/finish"), kind=ItemKind.CALL, result=None)
        kept = restore(item.result or NULL)
        # The step has begun when it was answered.
        if isinstance(kept, StepResponse):
            await self._step_answered(call, kept, state, plan, once=True)
        else:
            await self._answered(call, kept, read(kept.response, self._limits), state, plan, once=True)

    # -- steps that the engine answers for: mocks, and the gateway

    def _request(self, item: QueueItem, state: RunState) -> StepRequest:
        operation: Any = {} if item.call is None or item.call.operation is None else item.call.operation.value
        return StepRequest(
            run_id=item.run_id,
            function_id=item.function_id,
            workflow_id=state.run.workflow_id,
            step_id=item.step,
            attempt=item.attempt,
            event=state.run.event,
            outputs=state.outputs,
            now=self._clock.now(),
            operation=operation,
            memos=True,
        )

    async def _answer_step(self, item: QueueItem, state: RunState, mock: Mock | None) -> StepResponse:
        request = self._request(item, state)
        if mock is None or mock.passes_through:
            response = await self._drivers.gateway.infer(request)
            if mock is not None:
                mock.note(request)
                response = replace(response, takes=mock.takes)
            return response
        response = await mock.execute(request, _nothing_real, self._drivers.mocks.bridge)
        return awaited(request, response, self._ids, self._clock.now())

    async def _open_after_all(self, item: QueueItem, state: RunState, plan: AppPlan, *, once: bool) -> None:
        """Begin a step that a mock was to answer, which has answered as often as it was to by now."""
        call = item.call or _CALL
        operation, clock = carried_operation(item.step, call.operation or NULL)
        group = Group(item, state, plan, call.immediate, lambda key: False, clock, once)
        failure = await self._operator.begin(operation, group)
        if failure is not None:
            await self._fail(item, failure, once=once)

    async def _step_answered(
        self, item: QueueItem, response: StepResponse, state: RunState, plan: AppPlan, *, once: bool
    ) -> None:
        await self._send(item, response.events, once=once)
        operation = item.call.operation if item.call is not None else None
        await self._started(item, item.step, once=once)
        if response.error is None:
            output = NULL if response.output is None else response.output
            await self._steps.keep(item.run_id, item.step, end_of(operation, output), attempt=item.attempt, once=once)
        elif not response.retryable:
            error = {"name": response.error.name, "message": response.error.message, "stack": response.error.stack}
            told = {"error": "NonRetriableError", **error}
            failure = Failure(response.error, error, told, error, retryable=False)
            data = {"error": response.error, "app": True}
            await self._recorder.run(
                HistoryKind.STEP_FAILED, item.run_id, item.step, item.attempt, data=data, once=once
            )
            await self._fail(item, failure, once=once)
            return
        elif item.attempt + 1 < plan.function.max_attempts and not _waits(operation):
            await self._retry_step(item, item.step, response.error, response.retry_after, once=once)
            return
        else:
            info = response.error
            end = StepEnd.of_error({"message": info.message, "name": info.name, "stack": info.stack}, info)
            await self._steps.keep(item.run_id, item.step, end, attempt=item.attempt, once=once)
        await self._advance(item, race=item.call is not None and item.call.race)

    async def _started(self, item: QueueItem, key: str, *, once: bool, **data: object) -> None:
        await self._recorder.run(
            HistoryKind.STEP_STARTED, item.run_id, key, item.attempt, data={"edge": item.token, **data}, once=once
        )

    async def _retry_step(self, item: QueueItem, key: str, error: Any, retry_after: Any, *, once: bool) -> None:  # noqa: ANN401
        at = self._retries.of_call(self._clock.now(), item.attempt, retry_after)
        data = {"error": error, "retry_at": at, "app": True}
        await self._recorder.run(HistoryKind.STEP_FAILED, item.run_id, key, item.attempt, data=data, once=once)
        await self._again(item, at)

    async def _again(self, item: QueueItem, at: datetime) -> None:
        attempt = item.attempt + 1
        retry = replace(item, id=f"{item.run_id}/{item.token}@{attempt}", attempt=attempt, result=None)
        await self._queue.enqueue(retry, at)

    # -- answers of the app

    async def _answered(
        self, item: QueueItem, called: Called, answer: Answer, state: RunState, plan: AppPlan, *, once: bool
    ) -> None:
        if called.sent:
            await self._send(item, called.sent, once=once)
        await self._entered(item, called, answer, once=once)
        match answer:
            case Result():
                await self._lifecycle.complete(item.run_id, answer.output, once=once)
            case Failure():
                await self._call_failed(item, answer, plan, once=once)
            case Operations():
                await self._operations(item, answer, called, state, plan, once=once)

    async def _send(self, item: QueueItem, events: Any, *, once: bool) -> None:  # noqa: ANN401 - events, in order
        for index, event in enumerate(events):
            data = {"name": event.name, "event_id": event.id, "edge": item.token}
            await self._recorder.run(
                HistoryKind.EVENT_SENT, item.run_id, item.step or None, item.attempt, data=data, once=once
            )
            await self._publish(f"{item.id}/event{index}", event)

    async def _entered(self, item: QueueItem, called: Called, answer: Answer, *, once: bool) -> None:
        found = [operation.key for operation in answer.operations] if isinstance(answer, Operations) else []
        data: dict[str, Any] = {"edge": item.token, "status": called.response.status, "found": found}
        await self._recorder.run(
            HistoryKind.CALL_ANSWERED, item.run_id, item.step or None, item.attempt, data=data, once=once
        )

    async def _call_failed(self, item: QueueItem, failure: Failure, plan: AppPlan, *, once: bool) -> None:
        if not failure.retryable or item.attempt + 1 >= plan.function.max_attempts:
            await self._fail(item, failure, once=once)
            return
        at = self._retries.of_call(self._clock.now(), item.attempt, failure.retry_after)
        data = {"edge": item.token, "error": failure.info, "retry_at": at}
        await self._recorder.run(
            HistoryKind.CALL_FAILED, item.run_id, item.step or None, item.attempt, data=data, once=once
        )
        await self._again(item, at)

    async def _fail(self, item: QueueItem, failure: Failure, *, once: bool) -> None:
        outcome: Mapping[str, Any] = {"error": failure.error}
        if failure.has_result:
            outcome = {**outcome, "result": failure.result}
        output = encode(failure.output, deepest=10_000)
        await self._lifecycle.fail(item.run_id, failure.info, once=once, output=output, outcome=outcome)

    async def _operations(
        self, item: QueueItem, answer: Operations, called: Called, state: RunState, plan: AppPlan, *, once: bool
    ) -> None:
        if answer.version is not None and answer.version != state.request_version:
            await self._state.save_request_version(item.run_id, answer.version)
        call, group = item.call or _CALL, None
        race = False
        for operation in answer.operations:
            if operation.op in _ENDED:
                if await self._ended(item, operation, plan, once=once, no_retry=answer.no_retry):
                    return  # the item is tried again
                race = race or operation.is_race or call.race
            else:
                group = group or self._group(item, answer, called, state, plan, once=once)
                failure = await self._operator.open(operation, group)
                if failure is not None:
                    await self._fail(item, failure, once=once)
                    return
        if not await self._advance(item, race=race):
            await self._fail(item, _stuck(answer), once=once)

    def _group(
        self, item: QueueItem, answer: Operations, called: Called, state: RunState, plan: AppPlan, *, once: bool
    ) -> Group:
        """Return what the operations of an answer have in common."""
        # Found by a call that had to plan because a sleep ended the group before, a group is not marked as one.
        unmarked = not (item.call or _CALL).immediate and not _is_targeted(item)
        return Group(
            item=item,
            state=state,
            plan=plan,
            immediate=unmarked or len(answer.operations) == 1,
            mocked=lambda key: self._is_mocked(item.function_id, key),
            clock=called.response.clock,
            once=once,
        )

    def _is_mocked(self, function_id: str, key: str) -> bool:
        mock = self._drivers.mocks.find(function_id, key)
        return mock is not None and not mock.passes_through

    async def _ended(self, item: QueueItem, operation: Operation, plan: AppPlan, *, once: bool, no_retry: bool) -> bool:
        """Keep what became of a step that was run in the call; True when it is tried again."""
        await self._started(item, operation.key, once=once, op=operation.op)
        if operation.op == Opcode.STEP_RUN:
            try:
                end = StepEnd.of_data(encode(operation.data, deepest=10_000, exact=True))
            except NotJsonError as problem:
                text = f"error reading generator opcode response: {problem}"
                await self._call_failed(item, server_failure("Error", text), plan, once=once)
                return True
        else:
            error = operation.error or {"name": "Error", "message": "the app says nothing about the error"}
            last = operation.op == Opcode.STEP_FAILED or no_retry or item.attempt + 1 >= plan.function.max_attempts
            if not last:
                await self._retry_step(item, operation.key, error_info(error), None, once=once)
                return True
            end = StepEnd.of_error(kept_error(error, no_retry=no_retry), error_info(error))
        await self._steps.keep(item.run_id, operation.key, end, attempt=item.attempt, once=once)
        return False


def _is_targeted(item: QueueItem) -> bool:
    """Whether the item is about one step, whose key may be empty."""
    return bool(item.step) or item.token == _UNNAMED


_UNNAMED = step_token("")


def _waits(operation: Json | None) -> bool:
    """Whether a step waits for something, which is tried once: a run that was invoked has had its own retries."""
    given: Any = {} if operation is None else operation.value
    return given.get("op") in (Opcode.INVOKE, Opcode.SLEEP, Opcode.WAIT_FOR_EVENT)


def _is_inference(operation: Json | None) -> bool:
    given: Any = {} if operation is None else operation.value
    return bool(given.get("op") == Opcode.AI_GATEWAY)


async def _nothing_real() -> StepResponse:
    raise AssertionError("a mock that lets the step's code through is not asked")


_ENDED = (Opcode.STEP_RUN, Opcode.STEP_ERROR, Opcode.STEP_FAILED)


def _stuck(answer: Operations) -> Failure:
    found = ", ".join(repr(operation.key) for operation in answer.operations) or "none"
    text = (
        f"the function came to nothing new: its answer names {found} and every step is done, so calling it again would "
        "go on for ever, as on the server; are the ids of its steps the same at each entry?"
    )
    return server_failure("Error", text, retryable=False)
