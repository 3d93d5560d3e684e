"""Answer for steps of apps' functions in the place of the app: mocks, and the gateway to an AI's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import StepRequest, StepResponse
from inngest_testkit.executor.operations import Group, awaited, carried_operation, end_of
from inngest_testkit.lifecycle.steps import StepEnd
from inngest_testkit.runs.model import HistoryKind
from inngest_testkit.sdk.answer import Failure
from inngest_testkit.sdk.protocol import Opcode
from inngest_testkit.values import NULL

if TYPE_CHECKING:
    from datetime import timedelta

    from inngest_testkit.clock import Clock
    from inngest_testkit.drivers.mock import Mock
    from inngest_testkit.drivers.registry import Drivers
    from inngest_testkit.executor.app_attempts import Attempts, RunItem
    from inngest_testkit.executor.operations import Operator
    from inngest_testkit.ids import Ids
    from inngest_testkit.lifecycle import AppSteps

__all__ = ["WAITS", "StandIns"]

#: The operations that wait: nothing executes meanwhile.
WAITS = (Opcode.INVOKE, Opcode.SLEEP, Opcode.WAIT_FOR_EVENT, Opcode.WAIT_FOR_SIGNAL)


class StandIns:
    """Finds out who answers for a step, and keeps what is answered."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        drivers: Drivers,
        steps: AppSteps,
        operator: Operator,
        attempts: Attempts,
    ) -> None:
        self._clock, self._ids, self._drivers = clock, ids, drivers
        self._steps, self._operator, self._attempts = steps, operator, attempts

    def mock_of(self, of: RunItem) -> Mock | None:
        """Return the mock of the step that an item is about, if it has one."""
        return None if of.step is None else self._drivers.mocks.find(of.item.function_id, of.step)

    def is_mocked(self, function_id: str, key: str) -> bool:
        """Whether a mock answers for a step."""
        mock = self._drivers.mocks.find(function_id, key)
        return mock is not None and not mock.passes_through

    def concern(self, function_id: str) -> bool:
        """Whether mocks may still answer for steps of a function."""
        return self._drivers.mocks.concern(function_id)

    def note(self, of: RunItem, mock: Mock) -> None:
        """Let a mock that lets the step's code through count the execution."""
        mock.note(self._request(of))

    async def answer(self, of: RunItem, mock: Mock | None) -> StepResponse | None:
        """Answer for the item's step, if that is not the app's; None when the app is to be called."""
        if mock is not None and not mock.passes_through:
            request = self._request(of)
            response = await mock.execute(request, _nothing_real, self._drivers.mocks.bridge)
            return awaited(request, response, self._ids, self._clock.now())
        if _op(of) != Opcode.AI_GATEWAY:
            return None
        response = await self._drivers.gateway.infer(self._request(of))
        if mock is not None:
            self.note(of, mock)
        return response

    async def takes(self, of: RunItem, mock: Mock | None) -> timedelta | None:
        """Return the virtual time that an execution takes, None when nothing says; raises `MockError`."""
        mocks = self._drivers.mocks
        if mock is None and not mocks.timings:
            return None
        return await mocks.takes(mock, self._request(of), code=_op(of) not in WAITS)

    def _request(self, of: RunItem) -> StepRequest:
        operation: Any = {} if of.call.operation is None else of.call.operation.value
        return StepRequest(
            run_id=of.item.run_id,
            function_id=of.item.function_id,
            workflow_id=of.state.run.workflow_id,
            step_id=of.item.step,
            attempt=of.item.attempt,
            event=of.state.run.event,
            outputs=of.state.outputs,
            now=self._clock.now(),
            operation=operation,
            memos=True,
            batch=of.state.run.batch,
        )

    async def open_after_all(self, of: RunItem, mock: Mock | None) -> bool:
        """Begin a wait that a mock was to answer, which has answered as often as it was to by now; False for others."""
        if (mock is not None and not mock.passes_through) or _op(of) not in WAITS:
            return False
        operation, clock = carried_operation(of.item.step, of.call.operation or NULL)
        group = Group(of.item, of.state, of.plan, of.call.immediate, lambda key: False, clock, of.once)
        failure = await self._operator.begin(operation, group)
        if failure is not None:
            await self._attempts.fail(of, failure)
        return True

    async def answered(self, of: RunItem, response: StepResponse) -> None:
        """Keep what was answered for a step, or try again."""
        key, error = of.item.step, response.error
        described = {} if error is None else {"message": error.message, "name": error.name, "stack": error.stack}
        await self._attempts.send(of, response.events)
        await self._attempts.started(of, key)
        if error is None:
            output = NULL if response.output is None else response.output
            await self._keep(of, end_of(of.call.operation, output))
        elif not response.retryable:
            await self._attempts.record(HistoryKind.STEP_FAILED, of, {"error": error, "app": True})
            told = {"error": "NonRetriableError", **described}
            await self._attempts.fail(of, Failure(error, described, told, described, retryable=False))
        elif of.is_last_attempt or _op(of) in WAITS:
            # A wait is tried once: a run that was invoked has had its own retries.
            await self._keep(of, StepEnd.of_error(described, error))
        else:
            await self._attempts.retry_step(of, key, error, response.retry_after)

    async def _keep(self, of: RunItem, end: StepEnd) -> None:
        await self._steps.keep(of.item.run_id, of.item.step, end, attempt=of.item.attempt, once=of.once)
        await self._attempts.advance(of, race=of.call.race)


def _op(of: RunItem) -> str:
    """Return what the operation asks for that the item carries; empty when it carries none."""
    given: Any = {} if of.call.operation is None else of.call.operation.value
    return str(given.get("op", ""))


async def _nothing_real() -> StepResponse:
    raise AssertionError("a mock that lets the step's code through is not asked")
