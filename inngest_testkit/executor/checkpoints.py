"""Steps that an app tells of before it answers, because it ran several in one call.

JavaScript's SDK does so. Source: the server's `pkg/execution/checkpoint`, `checkpointAsyncSteps`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inngest_testkit.errors import NotJsonError
from inngest_testkit.lifecycle.steps import StepEnd, discovery_token
from inngest_testkit.sdk.answer import Failure, read_operation
from inngest_testkit.sdk.protocol import Opcode, Operation
from inngest_testkit.values import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inngest_testkit.executor.app_attempts import Attempts, RunItem
    from inngest_testkit.lifecycle import AppSteps
    from inngest_testkit.sdk.apps import Called
    from inngest_testkit.state.base import StateStore

__all__ = ["Checkpoints", "checkpoint_problem", "step_end"]

_KEPT = (Opcode.STEP, Opcode.STEP_RUN)


def checkpoint_problem(given: object) -> str:
    """Say why an operation cannot be told before the answer; empty when it can."""
    operation = read_operation(given)
    if isinstance(operation, Failure):
        return operation.info.message
    if operation.op not in (*_KEPT, Opcode.PLANNED):
        return f"cannot checkpoint opcode: {operation.op}"
    try:
        step_end(operation)
    except NotJsonError as problem:
        return f"the output of step {operation.display!r}: {problem}"
    return ""


def step_end(operation: Operation) -> StepEnd:
    """Return how a step ended that was run; raises `NotJsonError` for an output that cannot be kept."""
    output = encode(operation.data, deepest=10_000, exact=True)
    return StepEnd.of_data(output) if operation.op == Opcode.STEP_RUN else StepEnd.of_memo(output)


class Checkpoints:
    """Keeps such steps."""

    def __init__(self, *, state: StateStore, attempts: Attempts, steps: AppSteps) -> None:
        self._state, self._attempts, self._steps = state, attempts, steps

    async def keep(self, of: RunItem, called: Called) -> RunItem:
        """Write the steps down, and return the item as it is from now on: with its first attempt before it.

        Its attempts are those of the code after the steps, so what has to be tried again is counted anew.
        """
        run_id = of.item.run_id
        for operation in map(_checked, called.checkpointed):
            if operation.op in _KEPT:
                await self._attempts.started(of, operation.key, op=operation.op)
                await self._steps.keep(run_id, operation.key, step_end(operation), once=of.once)
        state = await self._state.load(run_id)
        call, memos = of.call, len(state.outputs)
        token = discovery_token(memos)
        if of.step is not None or token == of.item.token:
            return replace(of, state=state)
        await self._state.schedule(run_id, token)
        await self._state.finalise(run_id, of.item.token)
        item = replace(of.item, token=token, attempt=0, call=replace(call, memos=memos))
        return replace(of, state=state, item=item)


def _checked(given: Mapping[str, Any]) -> Operation:
    operation = read_operation(given)
    assert isinstance(operation, Operation)  # noqa: S101 - it was checked when the app told of it
    return operation
