"""Work an item of a run of an app's function: make the call, read the answer, open and end its steps.

Source: recordings/sdk README, "One step after another", "Parallel groups", "Errors and retries", "Limits".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import StepResponse
from inngest_testkit.errors import MockError, NotFoundError, NotJsonError
from inngest_testkit.executor.app_attempts import RunItem
from inngest_testkit.executor.checkpoints import Checkpoints, step_end
from inngest_testkit.executor.operations import Group
from inngest_testkit.executor.stand_ins import WAITS
from inngest_testkit.lifecycle.steps import NOTHING, StepEnd, discovery_token
from inngest_testkit.queue.base import ItemKind
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
    unreadable,
)
from inngest_testkit.sdk.limits import exceeds
from inngest_testkit.sdk.protocol import Opcode
from inngest_testkit.sdk.request import Memos, prepare
from inngest_testkit.sdk.stored import restore, stored_call, stored_step
from inngest_testkit.values import NULL, encode

if TYPE_CHECKING:
    from inngest_testkit.clock import Clock
    from inngest_testkit.executor.app_attempts import Attempts
    from inngest_testkit.executor.operations import Operator
    from inngest_testkit.executor.stand_ins import StandIns
    from inngest_testkit.executor.watch import Watch
    from inngest_testkit.functions.app import AppPlan
    from inngest_testkit.lifecycle import AppSteps, Recorder, RunLifecycle
    from inngest_testkit.queue.base import QueueItem
    from inngest_testkit.sdk.answer import Answer
    from inngest_testkit.sdk.apps import Apps, Called
    from inngest_testkit.sdk.limits import Limits
    from inngest_testkit.sdk.protocol import Operation
    from inngest_testkit.state.base import RunState, StateStore

__all__ = ["AppWorker", "calls_app", "is_first_call"]

_FIRST = discovery_token(0)
#: The status of an answer that asks for operations.
_GOES_ON = 206
_ENDED = (Opcode.STEP, Opcode.STEP_RUN, Opcode.STEP_ERROR, Opcode.STEP_FAILED)


def is_first_call(item: QueueItem) -> bool:
    """Whether an item is the first call of its run."""
    return item.kind is ItemKind.CALL and item.token == _FIRST and item.attempt == 0


def calls_app(item: QueueItem) -> bool:
    """Whether an item calls its app, or has something else answer for a step that is no wait."""
    if item.kind is not ItemKind.CALL:
        return False
    operation: Any = None if item.call is None or item.call.operation is None else item.call.operation.value
    return operation is None or operation.get("op") not in WAITS


class AppWorker:
    """Works the items of runs of apps' functions.

    `alone`: no other item is worked while an app is called, so the run cannot change meanwhile.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        state: StateStore,
        apps: Apps,
        recorder: Recorder,
        lifecycle: RunLifecycle,
        steps: AppSteps,
        operator: Operator,
        attempts: Attempts,
        stand_ins: StandIns,
        watch: Watch,
        limits: Limits,
        alone: bool = True,
    ) -> None:
        self._clock, self._state, self._apps, self._recorder = clock, state, apps, recorder
        self._lifecycle, self._steps, self._operator = lifecycle, steps, operator
        self._attempts, self._stand_ins, self._watch, self._limits = attempts, stand_ins, watch, limits
        self._alone = alone
        self._checkpoints = Checkpoints(state=state, attempts=attempts, steps=steps)
        #: Of each run under way, its memos as requests carry them.
        self._memos: dict[str, Memos] = {}

    def forget(self, run_id: str) -> None:
        """Drop what is kept of a run: it is over."""
        self._memos.pop(run_id, None)
        self._watch.forget(run_id)

    def reset(self) -> None:
        """Drop what is kept of all runs."""
        self._memos.clear()
        self._watch.reset()

    async def work(self, item: QueueItem, state: RunState, plan: AppPlan, *, once: bool) -> bool:
        """Do what an item asks for; True when it began what takes virtual time."""
        # Whoever queued the item may have been lost before it counted it.
        await self._state.schedule(item.run_id, item.token)
        of = RunItem(item, state, plan, once)
        found = once and len(state.outputs) > of.call.memos if of.step is None else of.step in state.outputs
        if found:
            await self._found(of)
        elif item.kind is ItemKind.SLEEP:
            await self._wake(of)
        elif item.kind is ItemKind.FINISH:
            await self._finish(of)
        else:
            return await self._begin(of)
        return False

    async def _found(self, of: RunItem) -> None:
        """Go on where a worker stopped that was thought lost: it has kept what the item was to find out."""
        outputs = of.state.outputs
        for key in list(outputs)[of.call.memos :] if of.step is None else (of.step,):
            await self._steps.record_kept(of.item.run_id, key, outputs[key])
        await self._attempts.advance(of, race=of.call.race)

    async def _wake(self, of: RunItem) -> None:
        item, call = of.item, of.call
        await self._steps.keep(item.run_id, item.step, NOTHING, once=of.once)
        await self._steps.advance(item.run_id, item.function_id, item.token, race=call.race, immediate=call.immediate)

    async def _begin(self, of: RunItem) -> bool:
        if is_first_call(of.item):
            await self._recorder.run(HistoryKind.RUN_STARTED, of.item.run_id, once=of.once)
        broken = self._overflow(of)
        if broken is not None:
            await self._attempts.fail(of, broken)
            return False
        try:
            return await self._answer(of)
        except MockError as error:
            await self._attempts.fail(of, server_failure(type(error).__name__, str(error), retryable=False))
            return False

    async def _answer(self, of: RunItem) -> bool:
        mock = self._stand_ins.mock_of(of)
        if of.call.operation is not None and await self._stand_ins.open_after_all(of, mock):
            return False
        response = await self._stand_ins.answer(of, mock) if mock is not None or of.call.operation is not None else None
        takes = None if of.step is None else await self._stand_ins.takes(of, mock)
        if response is None:
            called = await self._call(of)
        now = await self._as_it_is_now(of)
        if now is None:
            return False
        of = now
        if response is None:
            if called.checkpointed:
                of = await self._checkpoints.keep(of, called)
            if mock is not None:
                self._stand_ins.note(of, mock)
            if of.step is None and not of.state.outputs and called.response.status != _GOES_ON:
                # The whole of a function that has no steps.
                takes = await self._stand_ins.takes(of, None)
            if takes is not None:
                called.response.takes = takes
            return await self._called(of, called)
        if takes:
            await self._attempts.take(of, stored_step(response), takes)
            return True
        await self._stand_ins.answered(of, response)
        return False

    async def _as_it_is_now(self, of: RunItem) -> RunItem | None:
        """Return the item with its run as it is after others may have been worked; None when the run is over."""
        if self._alone:
            return of
        try:
            state = await self._state.load(of.item.run_id)
        except NotFoundError:
            return None
        return None if state.is_over else replace(of, state=state)

    def _overflow(self, of: RunItem) -> Failure | None:
        # A group may go beyond the limit: only the call after it is refused.
        steps = self._limits.steps
        if steps is not None and of.step is None and len(of.state.outputs) >= steps:
            return overflow(steps)
        if exceeds(of.state.size, self._limits.state):
            text = f"The function run exceeded the state size limit of {self._limits.state} bytes."
            return server_failure("InngestErrStateOverflowed", text, retryable=False)
        return None

    async def _call(self, of: RunItem) -> Called:
        item, call = of.item, of.call
        if call.immediate and of.step is None and self._stand_ins.concern(item.function_id):
            # Planned first, a step that is mocked is never run.
            call = replace(call, immediate=False)
        memos = self._memos.get(item.run_id)
        if memos is None:
            memos = self._memos[item.run_id] = Memos(of.state.run)
        prepared = prepare(
            of.state,
            call,
            memos,
            target=of.step,
            attempt=item.attempt,
            max_attempts=of.plan.function.max_attempts,
            item_id=item.id,
            now=self._clock.now(),
            limit=self._limits.request,
            signing_key=self._apps.signing_key_of(item.function_id),
        )
        return await self._apps.call(prepared)

    async def _called(self, of: RunItem, called: Called) -> bool:
        answer = read(called.response, self._limits)
        broken = await self._watch.enter(of.item, called, answer, of.state.outputs, once=of.once)
        if broken is not None:
            await self._answered(of, called, broken)
        elif called.response.takes:
            await self._attempts.take(of, stored_call(called), called.response.takes)
            return True
        else:
            await self._answered(of, called, answer)
        return False

    async def _finish(self, of: RunItem) -> None:
        """Go on with an answer whose virtual time is over; the step has begun when it was answered."""
        item = of.item
        call = replace(item, id=item.id.removesuffix("/finish"), kind=ItemKind.CALL, result=None)
        kept, began = restore(item.result or NULL), RunItem(call, of.state, of.plan, once=True)
        if isinstance(kept, StepResponse):
            await self._stand_ins.answered(began, kept)
        else:
            await self._answered(began, kept, read(kept.response, self._limits))

    async def _answered(self, of: RunItem, called: Called, answer: Answer) -> None:
        if called.sent:
            await self._attempts.send(of, called.sent)
        found = [operation.key for operation in answer.operations] if isinstance(answer, Operations) else []
        data: dict[str, Any] = {"edge": of.item.token, "status": called.response.status, "found": found}
        await self._attempts.record(HistoryKind.CALL_ANSWERED, of, data)
        match answer:
            case Result():
                await self._lifecycle.complete(of.item.run_id, answer.output, once=of.once)
            case Failure():
                await self._attempts.failed(of, answer)
            case Operations():
                await self._operations(of, answer, called)

    async def _operations(self, of: RunItem, answer: Operations, called: Called) -> None:
        if answer.version is not None and answer.version != of.state.request_version:
            await self._state.save_request_version(of.item.run_id, answer.version)
        race, group = False, None
        if _only_asks_again(answer) and await self._attempts.begin_again(of):
            return
        for operation in answer.operations:
            if operation.op == Opcode.RUN_COMPLETE:
                await self._complete(of, operation)
                return
            if operation.op == Opcode.DISCOVERY_REQUEST:
                continue  # which the call that follows is
            if operation.op in _ENDED:
                if await self._ended(of, operation, no_retry=answer.no_retry):
                    return  # the item is tried again
                race = race or operation.is_race or of.call.race
            else:
                group = group or self._group(of, answer, called)
                failure = await self._operator.open(operation, group)
                if failure is not None:
                    await self._attempts.fail(of, failure)
                    return
        if not await self._attempts.advance(of, race=race):
            await self._attempts.fail(of, _stuck(answer))

    async def _complete(self, of: RunItem, operation: Operation) -> None:
        """End the run with what the function returned in a call in which it ran steps as well."""
        try:
            output = encode(operation.data, deepest=10_000, exact=True)
        except NotJsonError as problem:
            await self._attempts.failed(of, unreadable(problem))
            return
        await self._lifecycle.complete(of.item.run_id, output, once=of.once)

    def _group(self, of: RunItem, answer: Operations, called: Called) -> Group:
        """Return what the operations of an answer have in common."""
        # Found by a call that had to plan because a sleep ended the group before, a group is not marked as one.
        unmarked = not of.call.immediate and of.step is None
        return Group(
            item=of.item,
            state=of.state,
            plan=of.plan,
            immediate=unmarked or len(answer.operations) == 1,
            mocked=lambda key: self._stand_ins.is_mocked(of.item.function_id, key),
            clock=called.response.clock,
            once=of.once,
        )

    async def _ended(self, of: RunItem, operation: Operation, *, no_retry: bool) -> bool:
        """Keep what became of a step that was run in the call; True when it is tried again."""
        await self._attempts.started(of, operation.key, op=operation.op, **operation.written)
        if operation.op in (Opcode.STEP, Opcode.STEP_RUN):
            try:
                end = step_end(operation)
            except NotJsonError as problem:
                await self._attempts.failed(of, unreadable(problem))
                return True
        else:
            error = operation.error or {"name": "Error", "message": "the app says nothing about the error"}
            if not (operation.op == Opcode.STEP_FAILED or no_retry or of.is_last_attempt):
                await self._attempts.retry_step(of, operation.key, error_info(error))
                return True
            end = StepEnd.of_error(kept_error(error, no_retry=no_retry), error_info(error))
        await self._steps.keep(of.item.run_id, operation.key, end, attempt=of.item.attempt, once=of.once)
        return False


def _only_asks_again(answer: Operations) -> bool:
    return all(each.op == Opcode.DISCOVERY_REQUEST for each in answer.operations)


def _stuck(answer: Operations) -> Failure:
    found = ", ".join(repr(operation.key) for operation in answer.operations) or "none"
    text = (
        f"the function came to nothing new: its answer names {found} and every step is done, so calling it again would "
        "go on for ever, as on the server; are the ids of its steps the same at each entry?"
    )
    return server_failure("Error", text, retryable=False)
