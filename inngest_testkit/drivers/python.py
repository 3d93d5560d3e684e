"""Run a step that is a callable in this process."""

from __future__ import annotations

import inspect
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inngest_testkit.drivers.base import Bridge, StepRequest, StepResponse, direct
from inngest_testkit.errors import NonRetriableError, NotJsonError, RetryAfterError, SetupError
from inngest_testkit.events import Event, to_event
from inngest_testkit.functions.model import PythonRuntime, StepCode
from inngest_testkit.runs.model import ErrorInfo
from inngest_testkit.values import NULL, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PARAMETERS", "PythonDriver", "call_step", "check_callable", "failure"]

#: What a step's callable may ask for, by the names of its parameters.
PARAMETERS = ("event", "steps", "attempt", "run_id", "step_id", "function_id", "now", "send")

_EVERYTHING = "**"


class PythonDriver:
    """Calls the step's callable, sync or async, with what its parameters ask for.

    `event` is the run's `Event`; `steps` the outputs of the steps that are done, by id; `attempt` counts from 0;
    `run_id`, `step_id` and `function_id` are texts; `now` is the engine's time; `send(name, data)` sends an event
    when the step is completed. What it returns is the step's output, as JSON. What it raises fails the attempt:
    `NonRetriableError` for good, `RetryAfterError` says when the next attempt comes.
    """

    runtime = "python"
    never_suspends = True

    def __init__(self, bridge: Bridge[Any] = direct) -> None:
        self._bridge = bridge

    async def execute(self, request: StepRequest) -> StepResponse:
        """See `Driver.execute`."""
        runtime = request.action.runtime
        assert isinstance(runtime, PythonRuntime)  # noqa: S101 - the registry of drivers goes by runtime
        return await call_step(runtime.run, request, self._bridge)


async def call_step(run: StepCode, request: StepRequest, bridge: Bridge[Any]) -> StepResponse:
    """Call a step's code with what it asks for, and turn what comes back, or is raised, into the response."""
    sent: list[Event] = []
    try:
        result = run(**_arguments(wanted_by(run), request, sent))
        if inspect.isawaitable(result):
            result = await bridge(result)
        output = NULL if result is None else encode(result, root=f"the output of step {request.step_id!r}")
    except Exception as error:  # noqa: BLE001 - whatever a step raises is the step's failure
        return failure(error)
    return StepResponse(output=output, events=tuple(sent))


def failure(error: Exception) -> StepResponse:
    """Turn what a step raised into its response."""
    info = ErrorInfo.from_exception(error, "".join(traceback.format_exception(error)))
    retryable = not isinstance(error, (NonRetriableError, NotJsonError))
    retry_after = error.retry_after if isinstance(error, RetryAfterError) else None
    return StepResponse(error=info, retryable=retryable, retry_after=retry_after)


def check_callable(run: StepCode, where: str) -> None:
    """Raise `SetupError` when a callable asks for something that steps do not get."""
    unknown = [name for name in wanted_by(run) if name not in PARAMETERS and name != _EVERYTHING]
    if unknown:
        raise SetupError(
            f"{where}: its callable asks for {', '.join(repr(n) for n in unknown)}; "
            f"a step can have {', '.join(PARAMETERS)}. Give other parameters a default"
        )


@lru_cache(maxsize=4096)
def wanted_by(run: StepCode) -> tuple[str, ...]:
    """Return the parameters that a callable must or can be given; `**` for one that takes everything."""
    try:
        parameters = inspect.signature(run).parameters.values()
    except (TypeError, ValueError):
        return ()
    wanted = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            wanted.append(_EVERYTHING)
        elif parameter.kind is not parameter.VAR_POSITIONAL and (
            parameter.default is parameter.empty or parameter.name in PARAMETERS
        ):
            wanted.append(parameter.name)
    return tuple(wanted)


def _arguments(wanted: tuple[str, ...], request: StepRequest, sent: list[Event]) -> dict[str, object]:
    if _EVERYTHING in wanted:
        wanted = PARAMETERS
    return {name: _PROVIDERS[name](request, sent) for name in wanted}


def _event(request: StepRequest, _: list[Event]) -> Event:
    fields: Mapping[str, Any] = decode(request.event.raw)  # type: ignore[assignment]
    return Event(**fields)


def _sender(_: StepRequest, sent: list[Event]) -> Callable[..., None]:
    def send(event: object, data: Mapping[str, object] | None = None) -> None:
        """Send an event when the step is completed."""
        sent.append(to_event(event, data))

    return send


_PROVIDERS: dict[str, Callable[[StepRequest, list[Event]], object]] = {
    "event": _event,
    "steps": lambda request, _: request.steps,
    "attempt": lambda request, _: request.attempt,
    "run_id": lambda request, _: request.run_id,
    "step_id": lambda request, _: request.step_id,
    "function_id": lambda request, _: request.function_id,
    "now": lambda request, _: request.now,
    "send": _sender,
}
