"""`/testkit/reset` and `/testkit/events`: begin again, and send as a test in Python does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Field, RootModel, Tag

from inngest_testkit.api.reads.runs import each_there
from inngest_testkit.api.testkit.clock import ClockAnswer, clock_of
from inngest_testkit.api.testkit.endpoint import Answer, Asked, Nothing, body_of, endpoint
from inngest_testkit.api.testkit.runs import RunSummary, summary_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from inngest_testkit.api.face import Face
    from inngest_testkit.engine import Sent
    from inngest_testkit.engine.core import Core

__all__ = ["SendBody", "SentAnswer", "SentEvent", "routes"]


class SentEvent(Asked):
    """An event; id and moment are filled in."""

    name: str
    data: dict[str, Any] | None = None
    user: dict[str, Any] | None = None
    id: str | None = None
    ts: int | None = Field(None, description="Milliseconds since 1970.")


def _which(body: object) -> str:
    return "list" if isinstance(body, list) else "event"


class SendBody(
    RootModel[
        Annotated[Annotated[SentEvent, Tag("event")] | Annotated[list[SentEvent], Tag("list")], Discriminator(_which)]
    ]
):
    """An event, or a list of events that arrive together."""


class SentAnswer(Answer):
    """What came of the events."""

    ids: list[str] = Field(description="The ids of the events, in order.")
    runs: list[RunSummary] = Field(description="The runs that they started.")
    why_nothing: str = Field(description="Why no run was started; empty when one was.")


def routes(face: Face) -> list[Route]:
    """Return the routes that concern the engine as a whole."""
    return [
        endpoint(face, "/testkit/reset", "POST", _reset, asks=Nothing, answers=ClockAnswer),
        endpoint(face, "/testkit/events", "POST", _send, asks=SendBody, answers=SentAnswer),
    ]


async def _reset(face: Face, request: Request) -> ClockAnswer:
    """Forget all but functions and apps: runs, events, mocks, the queue; the clock goes back to its start."""
    await body_of(face, request, Nothing)
    await face.host.call(lambda core: core.reset(), after_kept=False)
    return clock_of(face)


async def _send(face: Face, request: Request) -> SentAnswer:
    """Send events and work what is due, as `engine.send` does; the answer says what they started, or why nothing."""
    body = (await body_of(face, request, SendBody)).root
    events = [each.model_dump(exclude_none=True) for each in (body if isinstance(body, list) else [body])]
    sent = await face.host.call(partial(_sent, event=events if isinstance(body, list) else events[0]))
    return SentAnswer(ids=list(sent.ids), runs=list(each_there(summary_of, sent.runs)), why_nothing=sent.why_nothing)


async def _sent(core: Core, *, event: object) -> Sent:
    return await core.send(event, None, None, None, None)
