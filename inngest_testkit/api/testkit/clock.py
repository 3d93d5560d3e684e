"""`/testkit/clock`: read, advance, freeze, run to idle."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from inngest_testkit.api.testkit.endpoint import Answer, Asked, RefusedError, body_of, endpoint, one_of
from inngest_testkit.clock import as_utc
from inngest_testkit.durations import to_timedelta

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from inngest_testkit.api.face import Face
    from inngest_testkit.engine.core import Core

__all__ = ["REAL_LIMIT", "ClockAnswer", "Move", "Span", "clock_of", "limit_of", "routes"]

#: How long the engine is let run on a virtual clock, and on a wall clock, unless told.
VIRTUAL_LIMIT, REAL_LIMIT = "366d", "30s"

#: A span of time: a text such as `3d` or `1h30m`, or seconds.
Span = Annotated[
    str | float, Field(description="A span of time: numbers with units (`90s`, `1h30m`, `3d`), or a number of seconds.")
]


class Move(Asked):
    """What the clock is to do: one of `advance`, `to`, `run_to_idle`, `freeze`."""

    advance: Span | None = Field(None, description="Move the clock by a span, working each thing when it is due.")
    to: str | None = Field(None, description="Move the clock to a moment, ISO 8601 with a time zone.")
    run_to_idle: bool | None = Field(
        None,
        description="Work until all runs are over or wait for nothing but events, moving a virtual clock as far as "
        "that takes.",
    )
    freeze: bool | None = Field(
        None, description="A virtual clock moves only when told (true, as it does at first) or flows as real time does."
    )
    limit: Span | None = Field(
        None, description=f"How long `run_to_idle` may take: `{VIRTUAL_LIMIT}`, on a wall clock `{REAL_LIMIT}`."
    )


class ClockAnswer(Answer):
    """The engine's time, and whether there is something to do."""

    now: datetime
    next_due: datetime | None = Field(description="When something will happen next.")
    virtual: bool = Field(description="Whether it is a clock that can be moved; false for the machine's.")
    frozen: bool = Field(description="Whether it moves only when told.")
    held: bool = Field(description="Whether what is due stays in the queue until it is drained or released.")
    idle: bool = Field(description="Whether there is nothing to do at this moment; of what is held, nothing is.")
    open_runs: int = Field(description="How many runs are not over.")


def routes(face: Face) -> list[Route]:
    """Return the routes of the clock."""
    return [
        endpoint(face, "/testkit/clock", "GET", _read, answers=ClockAnswer),
        endpoint(face, "/testkit/clock", "POST", _move, asks=Move, answers=ClockAnswer),
    ]


async def _read(face: Face, _: Request) -> ClockAnswer:
    """Tell the engine's time, and whether there is something to do."""
    return clock_of(face)


def clock_of(face: Face) -> ClockAnswer:
    """Return the engine's time, and whether there is something to do."""
    host, core = face.host, face.host.core
    return ClockAnswer(
        now=core.clock.now(),
        next_due=core.next_due,
        virtual=core.live is None,
        frozen=host.is_frozen,
        held=core.control.is_held,
        idle=not host.is_busy and core.control.is_idle,
        open_runs=len(core.journal.open_runs),
    )


async def _move(face: Face, request: Request) -> ClockAnswer:
    """Move the clock, or let it flow; the answer is the time then."""
    move = await body_of(face, request, Move)
    asked = one_of(move, "advance", "to", "run_to_idle", "freeze")
    if move.limit is not None and asked != "run_to_idle":
        raise RefusedError(400, f"limit goes with run_to_idle, found it with {asked}")
    if asked == "run_to_idle":
        await _run_to_idle(face, move)
        return clock_of(face)
    if face.host.core.live is not None:
        raise RefusedError(409, f"{asked} is for a virtual clock, and this server's clock is the machine's; {_REMEDY}")
    if asked == "freeze":
        (face.host.freeze if move.freeze else face.host.unfreeze)()
    else:
        await face.host.call(partial(_advance, move=move))
    return clock_of(face)


_REMEDY = "start it with --virtual-time, or around an Engine with a fake clock"


async def _advance(core: Core, *, move: Move) -> None:
    if move.to is not None:
        await core.advance(as_utc(move.to) - core.clock.now())
    elif move.advance is not None:
        await core.advance(move.advance)


async def _run_to_idle(face: Face, move: Move) -> None:
    if not move.run_to_idle:
        raise RefusedError(400, "run_to_idle is true or left out, found false")
    limit = limit_of(face, move.limit)
    if face.host.core.control.is_held:
        raise RefusedError(409, "the queue is held, so nothing is worked; release it first (POST /testkit/queue)")
    await face.host.call(lambda core: core.control.run_to_idle(limit))


def limit_of(face: Face, given: str | float | None) -> str | float:
    """Return how long the engine may be let run; raises `DurationError` for what is no span."""
    if given is None:
        return VIRTUAL_LIMIT if face.host.core.live is None else REAL_LIMIT
    to_timedelta(given)
    return given
