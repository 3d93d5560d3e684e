"""Carry out the operations that an app's function answers with.

Source: recordings/sdk README, "Parallel groups", "Sleep", "wait_for_event", "invoke", "Limits". The order of each is
the same: what follows is queued, then counted as pending, so that a worker that was lost can do it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit.clock import epoch_ms, later
from inngest_testkit.durations import parse_duration
from inngest_testkit.errors import DurationError, EventError, ExpressionError, NotFoundError
from inngest_testkit.events import FINISHED, INVOKED, Event
from inngest_testkit.expressions import SDK, compile_expression, equality_key
from inngest_testkit.lifecycle.announce import refused_invocation
from inngest_testkit.lifecycle.edges import timeout_item, wait_key
from inngest_testkit.lifecycle.steps import NOTHING, StepEnd, call_item, step_token
from inngest_testkit.queue.base import Call, ItemKind
from inngest_testkit.runs.model import ErrorInfo, HistoryKind
from inngest_testkit.sdk.answer import Failure, explained, server_failure
from inngest_testkit.sdk.protocol import Opcode, Operation
from inngest_testkit.sdk.request import hashed
from inngest_testkit.state.base import Pause, PauseKind, WaitKey
from inngest_testkit.values import NULL, Json, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from inngest_testkit.clock import Clock
    from inngest_testkit.data_store.base import DataStore
    from inngest_testkit.drivers.base import StepRequest, StepResponse
    from inngest_testkit.functions.app import AppPlan
    from inngest_testkit.ids import Ids
    from inngest_testkit.lifecycle import AppSteps, Recorder
    from inngest_testkit.queue.base import Queue, QueueItem
    from inngest_testkit.sdk.limits import Limits
    from inngest_testkit.state.base import RunState, StateStore

__all__ = ["Group", "Operator", "awaited", "carried_operation", "end_of"]

#: How long an invoking step waits when it does not say.
_INVOKE_TIMEOUT = timedelta(days=365)
_AT_MOST = "timeouts may last at most one year."
_TOO_LONG = "InngestErrTimeoutTooLong"


@dataclass(slots=True)
class Group:
    """The answer that operations belong to: the item and the run, the function, and how the group is called.

    `clock` is the moment at which the answer was given by the app's own clock, None for the engine's.
    """

    item: QueueItem
    state: RunState
    plan: AppPlan
    immediate: bool
    mocked: Callable[[str], bool]
    clock: datetime | None
    once: bool

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.item.run_id

    def call(self, step: Operation, operation: Json | None = None) -> Call:
        """Return what a call of the step is about; `operation`: what the engine itself answers for."""
        return Call(len(self.state.outputs), self.immediate, step.is_race, operation)


class Operator:
    """Opens the steps that operations ask for."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: Ids,
        data: DataStore,
        queue: Queue,
        state: StateStore,
        recorder: Recorder,
        steps: AppSteps,
        publish: Callable[[str, Event], Awaitable[None]],
        limits: Limits,
    ) -> None:
        self._clock, self._ids, self._data, self._queue, self._state = clock, ids, data, queue, state
        self._recorder, self._steps, self._publish, self._limits = recorder, steps, publish, limits
        self._open: dict[str, Callable[[Operation, Group], Awaitable[Failure | None]]] = {
            Opcode.PLANNED: self._plan,
            Opcode.SLEEP: self._sleep,
            Opcode.WAIT_FOR_EVENT: self._wait,
            Opcode.INVOKE: self._invoke,
            Opcode.AI_GATEWAY: self._answer_here,
        }

    async def open(self, operation: Operation, group: Group) -> Failure | None:
        """Begin a step; nothing happens for one that was begun. Returns why the run cannot go on, if it cannot."""
        token = step_token(operation.key)
        if operation.key in group.state.outputs or await self._state.is_scheduled(group.run_id, token):
            return None
        failure = await self.begin(operation, group)
        if failure is None:
            await self._state.schedule(group.run_id, token)
        return failure

    async def begin(self, operation: Operation, group: Group) -> Failure | None:
        """Do what a step's operation asks for, or let its mock answer. Returns why the run cannot go on, if so."""
        begin = self._answer_here if group.mocked(operation.key) else self._open[operation.op]
        return await begin(operation, group)

    async def _record(self, kind: HistoryKind, operation: Operation, group: Group, **data: object) -> None:
        given = {"edge": step_token(operation.key), "op": operation.op, **operation.written, **data}
        await self._recorder.run(kind, group.run_id, operation.key, data=given, once=group.once)

    async def _plan(self, operation: Operation, group: Group) -> None:
        await self._record(HistoryKind.STEP_PLANNED, operation, group)
        await self._queue_call(operation, group, group.call(operation))

    async def _answer_here(self, operation: Operation, group: Group) -> None:
        """Let the engine answer for a step: a mock, or the gateway of an AI's API."""
        await self._record(HistoryKind.STEP_PLANNED, operation, group)
        carried = {"op": operation.op, "display": operation.display, "name": operation.name, "opts": operation.opts}
        if group.clock is not None:
            carried["clock"] = group.clock.isoformat()
        await self._queue_call(operation, group, group.call(operation, encode(carried, deepest=10_000)))

    async def _queue_call(self, operation: Operation, group: Group, call: Call) -> None:
        token = step_token(operation.key)
        item = call_item(group.run_id, group.item.function_id, token, call, step=operation.key)
        await self._queue.enqueue(item, self._clock.now())

    async def _sleep(self, operation: Operation, group: Group) -> Failure | None:
        now, given = self._clock.now(), _sleep_text(operation)
        until = _sleeps_until(given, now, group.clock)
        if until is None:
            text = (
                f"step {operation.display!r} sleeps until {given!r}, which is neither a moment in ISO 8601 nor a "
                "duration such as '2h'"
            )
            return server_failure("Error", text, retryable=False)
        if self._limits.sleep is not None and until - now > self._limits.sleep:
            text = f'The sleep "{given}" ends more than one year in the future; sleeps may last at most one year.'
            return server_failure(_TOO_LONG, text, retryable=False)
        await self._record(HistoryKind.STEP_STARTED, operation, group)
        await self._record(HistoryKind.SLEEP_BEGAN, operation, group, until=max(now, until))
        token = step_token(operation.key)
        item = call_item(group.run_id, group.item.function_id, token, group.call(operation), step=operation.key)
        await self._queue.enqueue(replace(item, id=f"{item.id}/sleep", kind=ItemKind.SLEEP), max(now, until))
        return None

    async def _wait(self, operation: Operation, group: Group) -> Failure | None:
        text, opts = operation.opts.get("if") or None, operation.opts
        try:
            expression = compile_expression(str(text), SDK) if text else None
        except ExpressionError as error:
            stack = f"error compiling expression: {error}"
            what = "Wait for event If expression failed to compile"
            failure = server_failure("InvalidExpression", what, stack=stack, retryable=False)
            return explained(failure, f"step {operation.key!r}, if_exp: {error}")
        span = self._span(opts.get("timeout"), "wait-for-event timeout")
        if isinstance(span, Failure):
            return span
        event: Any = group.state.run.event.value if expression is not None else None
        pause = self._pause(
            operation,
            group,
            PauseKind.WAIT,
            event=operation.name,
            match=text and str(text),
            expires=later(self._clock.now(), span),
            index=wait_key(expression, {"event": event}) if expression is not None else None,
        )
        await self._save(pause, operation, group, event=pause.event, match=text)
        return None

    async def _invoke(self, operation: Operation, group: Group) -> Failure | None:
        opts, now = operation.opts, self._clock.now()
        span = _INVOKE_TIMEOUT
        if opts.get("timeout"):
            given = self._span(opts["timeout"], "invoke timeout")
            if isinstance(given, Failure):
                return given
            span = given
        correlation = f"{group.run_id}.{operation.id}"
        pause = self._pause(
            operation,
            group,
            PauseKind.INVOKE,
            event=FINISHED,
            expires=later(now, span),
            correlation=correlation,
            index=_correlation_key(correlation),
        )
        function_id = str(opts.get("function_id") or "")
        try:
            event = (await self._invocation(operation, group, pause, function_id)).plain()
        except EventError as error:
            return server_failure("Error", f"step {operation.display!r} cannot invoke: {error}", retryable=False)
        await self._save(pause, operation, group, event=FINISHED, match=None, invokes=function_id)
        await self._publish(f"{pause.id}/invoked", event)
        return None

    async def _invocation(self, operation: Operation, group: Group, pause: Pause, function_id: str) -> Event:
        """Return the event that starts the invoked function, or, when there is none, ends the step."""
        data: dict[str, Any]
        now = self._clock.now()
        made, ts = self._ids.ulid(), epoch_ms(now)
        try:
            await self._data.function(function_id)
        except NotFoundError as error:
            text = f"could not find function with ID: {function_id}"
            known = str(error).partition(";")[2].strip()
            problem = {"error": text, "name": "Error", "message": f"{text} ({known})" if known else text}
            return refused_invocation(pause.correlation, problem, id=made, ts=ts)
        payload = _payload(operation)
        inner = {
            "correlation_id": pause.correlation,
            "expire": epoch_ms(pause.expires),
            "fn_id": function_id,
            "name": operation.display,
            "source_app_id": group.plan.function.app_id,
            "source_fn_id": group.state.run.workflow_id,
            "source_fn_v": group.state.run.function_version,
        }
        data = {**payload.get("data", {}), "_inngest": inner}
        return Event(INVOKED, data, v=payload.get("v"), id=made, ts=ts)

    def _span(self, text: object, what: str) -> timedelta | Failure:
        try:
            span = parse_duration(str(text))
        except DurationError as error:
            return server_failure("Error", f"{what}: {error}", retryable=False)
        if self._limits.sleep is not None and span > self._limits.sleep:
            too_long = (
                f'The {what} "{text}" expires more than one year in the future; timeouts may last at most one year.'
            )
            return server_failure(_TOO_LONG, too_long, retryable=False)
        return span

    def _pause(self, operation: Operation, group: Group, kind: PauseKind, **parts: Any) -> Pause:  # noqa: ANN401
        token = step_token(operation.key)
        filled = {"match": None, **parts}
        return Pause(
            id=f"{group.run_id}/{token}/pause",
            run_id=group.run_id,
            function_id=group.item.function_id,
            edge=token,
            parent="",
            child=operation.key,
            on_timeout=False,
            kind=kind,
            race=operation.is_race,
            **filled,
        )

    async def _save(self, pause: Pause, operation: Operation, group: Group, **data: object) -> None:
        await self._record(HistoryKind.STEP_STARTED, operation, group)
        await self._record(HistoryKind.PAUSE_SAVED, operation, group, until=pause.expires, on_timeout=False, **data)
        await self._state.save_pause(pause)
        await self._queue.enqueue(timeout_item(pause), pause.expires)


def carried_operation(key: str, carried: Json) -> tuple[Operation, datetime | None]:
    """Return the operation of a step that was to be answered here, and the app's own clock when it was given."""
    given: Any = carried.value
    clock = given.get("clock")
    operation = Operation(given["op"], hashed(key), key, given["display"], name=given["name"], opts=given["opts"] or {})
    return operation, None if clock is None else datetime.fromisoformat(clock)


def end_of(operation: Json | None, output: Json) -> StepEnd:
    """Return how a step ends for which a mock or the gateway answered with `output`."""
    given: Any = operation.value if operation is not None else {"op": Opcode.PLANNED}
    if given["op"] == Opcode.SLEEP:
        return NOTHING
    if given["op"] == Opcode.INVOKE:
        # What a function returned comes in an event, whose numbers are not exact.
        return StepEnd.of_data(encode(output.value))
    if given["op"] != Opcode.WAIT_FOR_EVENT:
        return StepEnd.of_data(output)
    return NOTHING if output == NULL else StepEnd.of_event(output)


def awaited(request: StepRequest, response: StepResponse, ids: Ids, now: datetime) -> StepResponse:
    """Return a mock's response as the step's: for a wait, an event; fields that are no event are its data."""
    if request.operation.get("op") != Opcode.WAIT_FOR_EVENT or response.output is None or response.output == NULL:
        return response
    given: Any = response.output.value
    if not isinstance(given, dict):
        text = f"a mocked wait gives an event, its data as a mapping, or None for a time-out; found {given!r}"
        return replace(response, error=ErrorInfo("MockError", text), output=None, retryable=False)
    fields = given if isinstance(given.get("name"), str) else {"name": request.operation["name"], "data": given}
    event = Event.from_mapping({key: value for key, value in fields.items() if value not in ("", 0)})
    return replace(response, output=event.received(id=ids.ulid(), ts=epoch_ms(now)).to_json())


def _payload(operation: Operation) -> Mapping[str, Any]:
    """Return what the invoked function's event is made of; raises `EventError` for data that is no object."""
    payload: Any = operation.opts.get("payload") or {}
    data = payload.get("data") if isinstance(payload, dict) else payload
    if data is not None and not isinstance(data, dict):
        raise EventError(f"its data must be an object (a mapping with text keys), found {data!r}")
    return {key: value for key, value in payload.items() if value is not None}


def _correlation_key(correlation: str) -> WaitKey:
    key = equality_key(correlation)
    assert key is not None  # noqa: S101 - every text has one
    return WaitKey(("async", "data", "correlation_id"), key)


def _sleep_text(operation: Operation) -> str:
    """Return what a sleep says of its end: its option, where JavaScript's SDK has a duration, or its name."""
    duration = operation.opts.get("duration")
    return duration if isinstance(duration, str) and duration else operation.name


def _sleeps_until(text: str, now: datetime, clock: datetime | None) -> datetime | None:
    """Return when a sleep is over, given as a moment or as a duration; `clock` is the app's, if not the engine's.

    Source: the server's `SleepDuration`, in `pkg/execution/state/opcode.go`; an empty text is no sleep at all.
    """
    if not text:
        return now
    moment = _moment(text)
    if moment is not None:
        # By a clock of its own, an app's moments are spans, of whole seconds as on the server.
        return moment if clock is None else later(now, timedelta(seconds=round((moment - clock).total_seconds())))
    try:
        return later(now, parse_duration(text))
    except DurationError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
