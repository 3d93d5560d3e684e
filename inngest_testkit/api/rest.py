"""REST: events, runs, apps, signals, cancellations at `/v1`, and the state of runs under way at `/v0/runs`.

Source: recordings/sdk README, "Reading and other endpoints", `rest_reads`; the server's `pkg/api/apiv1`. What is told
is true when it is told: `cached_until` is there for clients that look at it, and nothing is kept until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from inngest_testkit.api.cancellations import Cancellations
from inngest_testkit.api.face import SERVER_KIND, Face, json_reply
from inngest_testkit.api.reads.events import (
    find_event,
    newest_events,
    page_of,
    received_object,
)
from inngest_testkit.api.reads.functions import functions_of
from inngest_testkit.api.reads.ids import ENVIRONMENT, NOBODY, is_ulid, rfc3339
from inngest_testkit.api.reads.runs import find_run, job_object, run_object, runs_of_event
from inngest_testkit.api.signals import PromisedSignals
from inngest_testkit.clock import as_utc, later
from inngest_testkit.errors import NotFoundError, NotJsonError, SetupError
from inngest_testkit.sdk.request import hashed
from inngest_testkit.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from starlette.requests import Request

    from inngest_testkit.state.base import RunState

__all__ = ["MOST_EVENTS", "problem", "routes", "told"]

#: Events of one answer when the asker does not say, and at most. Source: the server's code, `DefaultEvents`,
#: `cqrs.MaxEvents`.
_EVENTS, MOST_EVENTS = 20, 51
_MOST_JOBS = 10
#: For how many seconds the server keeps answers.
_EVENT_S, _EVENT_RUNS_S, _RUN_S, _JOBS_S = 5, 15, 3, 5
_OK, _BAD, _MISSING, _GONE, _BROKEN = 200, 400, 404, 410, 500


def routes(face: Face) -> list[Route]:
    """Return the routes of REST."""
    cancellations = Cancellations(face)
    get: dict[str, Callable[[Face, Request], Coroutine[Any, Any, Response]]] = {
        "/v1/events": _events,
        "/v1/events/{event_id}": _event,
        "/v1/events/{event_id}/runs": _event_runs,
        "/v1/runs/{run_id}": _run,
        "/v1/runs/{run_id}/jobs": _jobs,
        "/v1/apps/{app_id}/functions": _functions,
        "/v0/runs/{run_id}/actions": partial(_of_state, _memos),
        "/v0/runs/{run_id}/batch": partial(_of_state, _batch),
    }
    return [
        *(Route(path, partial(answer, face), methods=["GET"]) for path, answer in get.items()),
        Route("/v1/runs/{run_id}", partial(_cancel, face), methods=["DELETE"]),
        Route("/v1/signals", partial(_signal, PromisedSignals(face.host), face), methods=["POST"]),
        *cancellations.routes(),
    ]


def told(face: Face, data: object, cached_s: float = 0) -> Response:
    """Return an answer with data; `cached_s` is for how many seconds the server would keep it."""
    now = face.host.core.clock.now()
    metadata = {"fetched_at": rfc3339(now)}
    if cached_s:
        metadata["cached_until"] = rfc3339(later(now, timedelta(seconds=cached_s)))
    return json_reply({"data": data, "metadata": metadata})


def problem(status: int, message: str, *, cached: bool = False, plain: bool = False) -> Response:
    """Return an error. Where the server keeps answers (`cached`) only the body tells its status."""
    return json_reply({"error": message, "data": None, "status": status}, _OK if cached else status, plain=plain)


# -- events


async def _events(face: Face, request: Request) -> Response:
    """Tell of the last events, newest first; of the server's own when their name is asked for."""
    asked = request.query_params
    cursor = asked.get("cursor") or None
    if cursor is not None and not is_ulid(cursor):
        return problem(_BAD, "Invalid cursor query parameter", cached=True)
    bounds: dict[str, datetime | None] = {}
    for name in ("received_before", "received_after"):
        try:
            bounds[name] = as_utc(asked[name]) if asked.get(name) else None
        except (SetupError, OverflowError):
            return problem(_BAD, f"Invalid {name} query parameter", cached=True)
    name = asked.get("name", "")
    found = newest_events(
        face.host.core.journal,
        names=(name,) if name else (),
        internal=bool(name),
        after=bounds["received_after"],
        before=bounds["received_before"],
    )
    events = page_of(found, _limit(asked.get("limit", "")), cursor and cursor.upper())
    return told(face, [received_object(each) for each in events])


def _limit(text: str) -> int:
    try:
        limit = int(text)
    except ValueError:
        return _EVENTS
    return max(1, min(limit or _EVENTS, MOST_EVENTS))


async def _event(face: Face, request: Request) -> Response:
    event_id = request.path_params["event_id"]
    if not is_ulid(event_id):
        return problem(_BAD, f"Invalid event ID: {event_id}", cached=True)
    received = find_event(face.host.core.journal, event_id)
    if received is None:
        return problem(_MISSING, "Event not found", cached=True)
    return told(face, received_object(received), _EVENT_S)


async def _event_runs(face: Face, request: Request) -> Response:
    event_id, core = request.path_params["event_id"], face.host.core
    if not is_ulid(event_id):
        return problem(_BAD, f"Invalid event ID: {event_id}", cached=True)
    received = find_event(core.journal, event_id)
    runs = [] if received is None else runs_of_event(core, received.delivery)
    return told(face, [run_object(each, NOBODY) for each in runs], _EVENT_RUNS_S)


# -- runs


async def _run(face: Face, request: Request) -> Response:
    run_id = request.path_params["run_id"]
    if not is_ulid(run_id):
        return problem(_BAD, f"Invalid run ID: {run_id}", cached=True)
    try:
        facts = find_run(face.host.core, run_id)
    except NotFoundError:
        return problem(_BROKEN, f"Unable to load function run: {run_id}", cached=True)
    return told(face, run_object(facts, ENVIRONMENT), _RUN_S)


async def _jobs(face: Face, request: Request) -> Response:
    """Tell what is queued for a run, soonest first."""
    run_id, core = request.path_params["run_id"], face.host.core
    if not is_ulid(run_id):
        return problem(_BAD, f"Invalid run ID: {run_id}", cached=True)
    try:
        facts = find_run(core, run_id)
    except NotFoundError:
        return problem(_BROKEN, f"Unable to load function run: {run_id}", cached=True)
    queued = [] if facts.status.is_over else [each for each in core.pending() if each.item.run_id == facts.id]
    jobs = [job_object(facts, each, position) for position, each in enumerate(queued[:_MOST_JOBS])]
    return told(face, jobs, _JOBS_S)


async def _cancel(face: Face, request: Request) -> Response:
    run_id, core = request.path_params["run_id"], face.host.core
    if not is_ulid(run_id):
        return problem(_BAD, f"Invalid run ID: {run_id}")
    wanted = run_id.upper()
    if wanted not in core.journal.runs:
        return problem(_MISSING, f"Unable to load function run: {run_id}")
    await face.host.do(lambda core: core.cancel(wanted))
    return Response(b"", headers={"x-inngest-server-kind": SERVER_KIND}, media_type="application/json")


# -- signals


async def _signal(signals: PromisedSignals, face: Face, request: Request) -> Response:
    """Let the run go on that waits for a signal."""
    body = await face.body(request)
    try:
        given = decode(body)
    except ValueError:
        given = None
    signal = given.get("signal") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(signal or "", str):
        return problem(_BAD, "Invalid signal data")
    if not isinstance(signal, str) or not signal:
        # The server answers 500, and the caller is to blame.
        return problem(_BAD, "Invalid signal data: the signal needs a name")
    try:
        data, name = encode(given.get("data")), signal
    except NotJsonError:
        return problem(_BAD, "Invalid signal data")
    run_id = await signals.send(name, data)
    return problem(_MISSING, "No signal found") if run_id is None else told(face, {"run_id": run_id})


# -- apps


async def _functions(face: Face, request: Request) -> Response:
    """Tell the functions of an app, bare."""
    app_id = request.path_params["app_id"]
    return json_reply(await face.host.ask(lambda data: functions_of(data, app_id)))


# -- the state of a run under way


async def _of_state(read: Callable[[RunState], object], face: Face, request: Request) -> Response:
    """Tell what an app could not be sent with its call, because it was too large. The app asks in that call."""
    run_id = request.path_params["run_id"]
    if not is_ulid(run_id):
        return problem(_BAD, "The run ID specified is invalid", plain=True)
    gone = problem(_GONE, f"runtime state is no longer available for runID: {run_id}", plain=True)
    try:
        state = await face.host.state(run_id.upper())
    except NotFoundError:
        return gone
    return gone if state.is_over else json_reply(read(state), plain=True)


def _memos(state: RunState) -> Mapping[str, object]:
    """Return what calls carry as `steps`; of a DAG function, its steps' outputs by their ids."""
    outputs = dict(state.outputs)
    return {hashed(key) if state.run.app_id else key: decode(output.raw) for key, output in outputs.items()}


def _batch(state: RunState) -> list[Mapping[str, object]]:
    events: list[Any] = [event.value for event in (state.run.event, *state.run.batch)]
    return [{key: value for key, value in event.items() if key != "user" or value} for event in events]
