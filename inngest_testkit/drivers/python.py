"""Run a step that is a callable in this process."""

from __future__ import annotations

import asyncio
import inspect
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import Bridge, StepRequest, StepResponse, direct
from inngest_testkit.drivers.scope import CallScope, call_scope
from inngest_testkit.errors import NotJsonError, SetupError, UsageError
from inngest_testkit.events import Event, to_event
from inngest_testkit.failures import NonRetriableError
from inngest_testkit.functions.model import PythonRuntime, StepCode
from inngest_testkit.runs.model import ErrorInfo
from inngest_testkit.values import NULL, Json, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "PARAMETERS",
    "PythonDriver",
    "answer",
    "ask",
    "call_step",
    "check_callable",
    "failure",
    "is_cancelled_from_outside",
    "wanted_by",
]

#: What a step's callable may ask for, by the names of its parameters.
PARAMETERS = ("event", "events", "steps", "attempt", "run_id", "step_id", "function_id", "now", "send", "opts")

_EVERYTHING = "**"


class PythonDriver:
    """Calls the step's callable, sync or async, with what its parameters ask for.

    `event` is the run's `Event`, `events` the list of all of them, for a batch; `steps` the outputs of the steps that
    are done, by id; `attempt` counts from 0; `run_id`, `step_id` and `function_id` are texts; `now` is the engine's
    time; `send(name, data)` sends an event when the step is completed. What it returns is the step's output, as JSON.
    What it raises fails the attempt: `NonRetriableError` for good, `RetryAfterError` says when the next attempt comes.
    """

    runtime = "python"
    never_suspends = True

    def __init__(self, bridge: Bridge[Any] = direct) -> None:
        self._bridge = bridge
        #: What each runtime's callable asks for; with the runtime, so that its id stays its own.
        self._wanted: dict[int, tuple[PythonRuntime, tuple[str, ...]]] = {}

    async def execute(self, request: StepRequest) -> StepResponse:
        """See `Driver.execute`."""
        runtime = request.runtime
        assert isinstance(runtime, PythonRuntime)  # noqa: S101 - the registry of drivers goes by runtime
        known = self._wanted.get(id(runtime))
        if known is None:
            known = self._wanted[id(runtime)] = (runtime, wanted_by(runtime.run))
        return await call_step(runtime.run, known[1], request, self._bridge)


async def call_step(run: StepCode, wanted: tuple[str, ...], request: StepRequest, bridge: Bridge[Any]) -> StepResponse:
    """Call a step's code with what it asks for, and turn what comes back, or is raised, into the response."""
    outbox = _Outbox(request.step_id)
    try:
        with call_scope(CallScope(request.owner, request.now, sent=outbox.events)):
            result = run(**_arguments(wanted, request, outbox))
            if inspect.isawaitable(result):
                result = await bridge(result)
        output = NULL if result is None else encode(result, root="output", exact=request.memos)
    except Exception as error:  # noqa: BLE001 - whatever a step raises is the step's failure
        return failure(error)
    except asyncio.CancelledError as error:
        if is_cancelled_from_outside():
            raise
        return failure(error)
    finally:
        outbox.close()
    return StepResponse(output=output, events=tuple(outbox.events))


def answer(result: object) -> StepResponse:
    """Return the response of a step that returns this, when there is no code to call."""
    try:
        return StepResponse(NULL if result is None else encode(result, root="output"))
    except Exception as error:  # noqa: BLE001 - as in `call_step`
        return failure(error)


def is_cancelled_from_outside() -> bool:
    """Whether the caller of the engine was cancelled, rather than something that the step itself awaited."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and task.cancelling() > 0


async def ask(run: Callable[..., Any], wanted: tuple[str, ...], request: StepRequest, bridge: Bridge[Any]) -> object:
    """Call what is no step, and can send nothing, with what it asks for of a step's input; raises what it raises."""
    outbox = _Outbox(request.step_id)
    outbox.close()
    result = run(**_arguments(wanted, request, outbox))
    return await bridge(result) if inspect.isawaitable(result) else result


class _Outbox:
    """What a step sends while it runs."""

    def __init__(self, step_id: str) -> None:
        self.events: list[Event] = []
        self._step_id, self._open = step_id, True

    def send(self, event: object, data: Mapping[str, object] | None = None) -> None:
        """Send an event when the step is completed."""
        if not self._open:
            raise UsageError(f"step {self._step_id!r} is over: `send` works while the step that asked for it runs")
        self.events.append(to_event(event, data).plain())

    def close(self) -> None:
        """Take nothing more."""
        self._open = False


def failure(error: BaseException) -> StepResponse:
    """Turn what a step raised into its response."""
    info = ErrorInfo.from_exception(error)
    # The errors of the SDK say so themselves.
    retryable = not isinstance(error, (NonRetriableError, NotJsonError)) and getattr(error, "is_retriable", True)
    retry_after = getattr(error, "retry_after", None)
    if not isinstance(retry_after, timedelta) and not (isinstance(retry_after, datetime) and retry_after.tzinfo):
        retry_after = None
    return StepResponse(error=info, retryable=retryable, retry_after=retry_after)


def check_callable(run: StepCode, where: str) -> None:
    """Raise `SetupError` when a callable asks for something that steps do not get."""
    wanted = wanted_by(run)
    unknown = [name for name in wanted if name not in PARAMETERS and name != _EVERYTHING]
    if unknown:
        raise SetupError(
            f"{where}: its callable asks for {', '.join(repr(n) for n in unknown)}; "
            f"a step can have {', '.join(PARAMETERS)}. Give other parameters a default"
        )
    unnamed = [p.name for p in _parameters(run) if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    if unnamed:
        raise SetupError(
            f"{where}: its callable takes {', '.join(unnamed)} by position only; steps are called with names, "
            "so take the '/' away"
        )


def wanted_by(run: StepCode) -> tuple[str, ...]:
    """Return the parameters that a callable must or can be given; `**` for one that takes everything."""
    wanted = []
    for parameter in _parameters(run):
        if parameter.kind is parameter.VAR_KEYWORD:
            wanted.append(_EVERYTHING)
        elif parameter.kind is not parameter.VAR_POSITIONAL and (
            parameter.default is parameter.empty or parameter.name in PARAMETERS
        ):
            wanted.append(parameter.name)
    return tuple(wanted)


def _parameters(run: StepCode) -> Sequence[inspect.Parameter]:
    try:
        return tuple(inspect.signature(run).parameters.values())
    except (TypeError, ValueError):
        return ()


def _arguments(wanted: tuple[str, ...], request: StepRequest, outbox: _Outbox) -> dict[str, object]:
    if _EVERYTHING in wanted:
        wanted = PARAMETERS
    return {name: _PROVIDERS[name](request, outbox) for name in wanted}


def _event(event: Json) -> Event:
    fields: Mapping[str, Any] = decode(event.raw)  # type: ignore[assignment]
    return Event(**fields)


_PROVIDERS: dict[str, Callable[[StepRequest, _Outbox], object]] = {
    "event": lambda request, _: _event(request.event),
    "events": lambda request, _: [_event(event) for event in (request.event, *request.batch)],
    "steps": lambda request, _: request.steps,
    "attempt": lambda request, _: request.attempt,
    "run_id": lambda request, _: request.run_id,
    "step_id": lambda request, _: request.step_id,
    "function_id": lambda request, _: request.function_id,
    "now": lambda request, _: request.now,
    "send": lambda _, outbox: outbox.send,
    "opts": lambda request, _: request.opts,
}
