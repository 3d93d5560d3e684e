"""`/testkit/runs`: the runs, each with all that is known of it; cancel."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from inngest_testkit.api.reads.runs import each_there, view_of
from inngest_testkit.api.testkit.endpoint import Answer, Nothing, body_of, endpoint, query_of
from inngest_testkit.runs import RunStatus
from inngest_testkit.runs.model import StepStatus

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from inngest_testkit.api.face import Face
    from inngest_testkit.runs import Held, Run
    from inngest_testkit.runs.model import ErrorInfo, StepRecord, Wait

__all__ = ["CancelAnswer", "RunAnswer", "RunSummary", "RunsAnswer", "error_of", "routes", "summary_of"]


class ErrorAnswer(Answer):
    """An error of a step or a run."""

    name: str
    message: str
    stack: str
    place: str = Field(description="The line of the step's code that raised it; empty when that is not known.")


class AttemptAnswer(Answer):
    """One execution of a step."""

    number: int = Field(description="Counts from 0.")
    started_at: datetime
    ended_at: datetime | None
    error: ErrorAnswer | None
    retry_at: datetime | None


class StepAnswer(Answer):
    """A step that has begun."""

    id: str
    status: StepStatus
    output: Any
    error: ErrorAnswer | None = Field(description="The last attempt's error, if it failed.")
    attempts: list[AttemptAnswer]
    started_at: datetime
    ended_at: datetime | None


class WaitAnswer(Answer):
    """What a run waits for."""

    kind: str = Field(description="`time`, `sleep`, `event`, `invoke`, `retry`, or `step` for one in flight.")
    step: str
    until: datetime
    event: str | None
    match: str | None
    on_timeout: bool


class HeldAnswer(Answer):
    """Work that is due and waits because of a rule of flow control."""

    rule: str
    key: str
    step: str
    since: datetime
    until: datetime | None
    ahead: int


class RunSummary(Answer):
    """A run in short."""

    id: str
    function_id: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None


class RunsAnswer(Answer):
    """Runs, in the order in which they were created."""

    runs: list[RunSummary]


class RunAnswer(RunSummary):
    """A run with all that is known of it."""

    output: Any
    error: ErrorAnswer | None
    events: list[dict[str, Any]] = Field(description="The events that started it.")
    steps: list[StepAnswer] = Field(description="The steps that have begun, in that order.")
    waiting: list[WaitAnswer] = Field(description="What it waits for, soonest first.")
    held: list[HeldAnswer]
    history: list[dict[str, Any]] = Field(description="Every transition, in order.")
    timeline: str = Field(description="What happened, for people: one line a transition.")


class CancelAnswer(Answer):
    """What came of a cancellation."""

    cancelled: bool = Field(description="False when the run was over.")
    run: RunSummary


def routes(face: Face) -> list[Route]:
    """Return the routes of the runs."""
    return [
        endpoint(face, "/testkit/runs", "GET", _list, answers=RunsAnswer, query=("function", "status")),
        endpoint(face, "/testkit/runs/{run_id}", "GET", _read, answers=RunAnswer),
        endpoint(face, "/testkit/runs/{run_id}/cancel", "POST", _cancel, asks=Nothing, answers=CancelAnswer),
    ]


async def _list(face: Face, request: Request) -> RunsAnswer:
    """List the runs, of one function and with one status if asked for."""
    query = query_of(request)
    status = query.get("status")
    runs = face.host.core.runs(query.get("function"), None if status is None else status.upper())
    return RunsAnswer(runs=list(each_there(summary_of, runs)))


async def _read(face: Face, request: Request) -> RunAnswer:
    """Tell all that is known of a run."""
    run = view_of(face.host.core, request.path_params["run_id"])
    return RunAnswer(
        **summary_of(run).model_dump(),
        output=run.output,
        error=error_of(run.error),
        events=[event.to_dict() for event in run.events],
        steps=[_step(record) for record in run.steps.values()],
        waiting=[_wait(wait) for wait in run.waiting],
        held=[_held(held) for held in run.held],
        history=[entry.to_dict() for entry in run.history],
        timeline=run.timeline(),
    )


async def _cancel(face: Face, request: Request) -> CancelAnswer:
    """Cancel a run, then work what is due."""
    run_id: str = request.path_params["run_id"]
    await body_of(face, request, Nothing)
    cancelled = await face.host.call(lambda core: core.cancel(run_id))
    return CancelAnswer(cancelled=cancelled, run=summary_of(view_of(face.host.core, run_id)))


def summary_of(run: Run) -> RunSummary:
    """Return a run in short."""
    return RunSummary(
        id=run.id,
        function_id=run.function_id,
        status=run.status,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def error_of(error: ErrorInfo | None) -> ErrorAnswer | None:
    """Return an error as it is told."""
    if error is None:
        return None
    return ErrorAnswer(name=error.name, message=error.message, stack=error.stack, place=error.place)


def _step(record: StepRecord) -> StepAnswer:
    attempts = [
        AttemptAnswer(
            number=attempt.number,
            started_at=attempt.started_at,
            ended_at=attempt.ended_at,
            error=error_of(attempt.error),
            retry_at=attempt.retry_at,
        )
        for attempt in record.attempts
    ]
    return StepAnswer(
        id=record.id,
        status=record.status,
        output=record.output,
        error=error_of(record.error),
        attempts=attempts,
        started_at=record.started_at,
        ended_at=record.ended_at,
    )


def _wait(wait: Wait) -> WaitAnswer:
    return WaitAnswer(
        kind=wait.kind,
        step=wait.step,
        until=wait.until,
        event=wait.event,
        match=wait.match,
        on_timeout=wait.on_timeout,
    )


def _held(held: Held) -> HeldAnswer:
    return HeldAnswer(
        rule=held.rule, key=held.key, step=held.step, since=held.since, until=held.until, ahead=held.ahead
    )
