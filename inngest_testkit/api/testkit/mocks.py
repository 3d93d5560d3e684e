"""`/testkit/mocks`: let a value or an error stand for a step's code. No code comes from a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from inngest_testkit.api.testkit.clock import Span
from inngest_testkit.api.testkit.endpoint import Answer, Asked, RefusedError, body_of, endpoint, query_of
from inngest_testkit.failures import NonRetriableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.routing import Route

    from inngest_testkit.api.face import Face
    from inngest_testkit.drivers.base import StepRequest
    from inngest_testkit.drivers.mock import Mock

__all__ = ["MockAnswer", "MockBody", "MockedError", "MocksAnswer", "RemovedAnswer", "routes"]


class MockedError(Asked):
    """The error that an attempt of a mocked step fails with."""

    name: str = Field("Error", pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", max_length=100)
    message: str = ""
    retryable: bool = Field(default=True, description="Whether the attempt is retried, as often as the function says.")


class MockBody(Asked):
    """A mock: one of `returns` and `error`, or `takes` alone for the step's own code."""

    function: str = Field(description="The function's id.")
    step: str = Field(description="The step's id, as the function has it.")
    returns: Any = Field(None, description="The step's output; null is one, so leave it out where there is none.")
    error: MockedError | None = None
    times: int | None = Field(None, ge=1, description="How many executions it answers; all without it.")
    takes: Span | None = Field(None, description="The virtual time that an execution takes.")
    occurrence: int | None = Field(None, ge=0, description="Which use of a repeated id is meant; all without it.")


class MockCall(Answer):
    """One execution that a mock answered."""

    run_id: str
    attempt: int = Field(description="Counts from 0.")
    event: Any = Field(description="The event that started the run.")
    steps: dict[str, Any] = Field(description="The outputs of the run's steps before it.")


class MockAnswer(Answer):
    """A mock, and what it answered."""

    function: str
    step: str
    occurrence: int | None
    times: int | None
    call_count: int
    calls: list[MockCall] = Field(description="The last executions that it answered, in order.")


class MocksAnswer(Answer):
    """The mocks, by step; for one step, the newest that is not exhausted answers."""

    mocks: list[MockAnswer]


class RemovedAnswer(Answer):
    """What came of taking mocks away."""

    removed: int


def routes(face: Face) -> list[Route]:
    """Return the routes of the mocks."""
    return [
        endpoint(face, "/testkit/mocks", "GET", _list, answers=MocksAnswer, query=("function", "step")),
        endpoint(face, "/testkit/mocks", "POST", _add, asks=MockBody, answers=MockAnswer, status=201),
        endpoint(face, "/testkit/mocks", "DELETE", _remove, answers=RemovedAnswer, query=("function", "step")),
    ]


async def _list(face: Face, request: Request) -> MocksAnswer:
    """List the mocks, of one function and step if asked for, with what they answered."""
    return MocksAnswer(mocks=[_mock(mock) for mock in _asked_for(face, request)])


async def _add(face: Face, request: Request) -> MockAnswer:
    """Let a mock stand for a step from now on."""
    body = await body_of(face, request, MockBody)
    behaviour: dict[str, Any] = {"times": body.times, "takes": body.takes, "occurrence": body.occurrence}
    if "returns" in body.model_fields_set:
        behaviour["returns"] = body.returns
    if body.error is not None:
        if "returns" in behaviour:
            raise RefusedError(400, "give one of returns and error, not both")
        behaviour["raises"] = _exception(body.error)
    elif "returns" not in behaviour and body.takes is None:
        raise RefusedError(400, "say what the mock does: returns, error, or takes for the step's own code")
    return _mock(face.host.core.mock(body.function, body.step, **behaviour))


async def _remove(face: Face, request: Request) -> RemovedAnswer:
    """Take mocks away: all, or those of one function and step."""
    mocks = list(_asked_for(face, request))
    face.host.core.drivers.mocks.remove(mocks)
    return RemovedAnswer(removed=len(mocks))


def _asked_for(face: Face, request: Request) -> Iterable[Mock]:
    query, core = query_of(request), face.host.core
    function = core.catalog.id_of(query["function"]) if "function" in query else None
    step = query.get("step")
    return [
        mock
        for mock in core.drivers.mocks.all()
        if function in (None, mock.function_id) and step in (None, mock.step_id)
    ]


def _exception(error: MockedError) -> Exception:
    """Make an exception whose class has the name; nothing else of it is the request's."""
    base = Exception if error.retryable else NonRetriableError
    kind: type[Exception] = type(error.name, (base,), {})
    return kind(error.message)


def _mock(mock: Mock) -> MockAnswer:
    return MockAnswer(
        function=mock.function_id,
        step=mock.step_id,
        occurrence=mock.occurrence,
        times=mock.times,
        call_count=mock.call_count,
        calls=[_call(request) for request in list(mock.calls)],
    )


def _call(request: StepRequest) -> MockCall:
    return MockCall(
        run_id=request.run_id,
        attempt=request.attempt,
        event=request.event.value,
        steps={step: output.value for step, output in request.outputs.items()},
    )
