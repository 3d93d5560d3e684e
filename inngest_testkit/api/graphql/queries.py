"""GraphQL at `/v0/gql`: what the SDKs' suites and the server's own page ask, and what they do.

Source: recordings/sdk README, "Reading and other endpoints", `rest_reads`; the server's `pkg/coreapi`. Types and fields
are the server's, as far as there is something to tell.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING, Any

import ariadne
from graphql import GraphQLError

from inngest_testkit.api.graphql.endpoint import graphql_route
from inngest_testkit.api.graphql.mutations import MUTATIONS
from inngest_testkit.api.graphql.objects import (
    Object,
    app_object,
    event_object,
    event_v2_object,
    function_object,
    function_run_object,
    page_info,
    payload,
    run_object,
)
from inngest_testkit.api.graphql.scalars import SCALARS
from inngest_testkit.api.graphql.spans import span_object
from inngest_testkit.api.reads.events import compact, find_event, newest_events, page_of
from inngest_testkit.api.reads.functions import apps_of
from inngest_testkit.api.reads.ids import is_ulid, received_id
from inngest_testkit.api.reads.runs import RunFacts, all_runs, find_run
from inngest_testkit.api.reads.spans import read_output_id, span_id, trace_of
from inngest_testkit.errors import NotFoundError

if TYPE_CHECKING:
    from typing import TypeAlias

    from graphql import GraphQLResolveInfo, GraphQLSchema
    from starlette.routing import Route

    from inngest_testkit.api.face import Face
    from inngest_testkit.engine.core import Core

    Info: TypeAlias = GraphQLResolveInfo[Face]

__all__ = ["MOST_EVENTS", "MOST_RUNS", "PAGE", "routes", "schema"]

#: What a page has when the asker does not say, or asks for too much. Source: recordings/sdk README; the server's code.
PAGE = 40
#: What a page may have. Source: the server's code, `maxRunItems`, `cqrs.MaxEvents`.
MOST_RUNS, MOST_EVENTS = 400, 51
#: The error of the server's store.
_NO_ROWS = "sql: no rows in result set"

_query = ariadne.QueryType()


def routes(face: Face) -> list[Route]:
    """Return the route of GraphQL."""
    return [graphql_route("/v0/gql", schema(), face)]


@cache
def schema() -> GraphQLSchema:
    """Return the schema, with its resolvers; they get the face as context."""
    text = resources.files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")
    return ariadne.make_executable_schema(text, _query, MUTATIONS, *SCALARS)


def _core(info: Info) -> Core:
    face: Face = info.context
    return face.host.core


def _run(info: Info, run_id: str) -> RunFacts:
    """Return a run; raises an error with the server's words."""
    if not is_ulid(run_id):
        raise GraphQLError("error parsing runID: ulid: bad data size when unmarshaling")
    try:
        return find_run(_core(info), run_id)
    except NotFoundError:
        raise GraphQLError(f"error retrieving run: {_NO_ROWS}") from None


# -- events


@_query.field("event")
def _event(_: object, info: Info, query: dict[str, str]) -> Object:
    received = find_event(_core(info).journal, query["eventId"])
    if received is None:
        raise GraphQLError(_NO_ROWS)
    return event_object(_core(info), received)


@_query.field("events")
def _events(_: object, info: Info, query: dict[str, str]) -> list[Object]:
    core, last = _core(info), query.get("lastEventId")
    page = page_of(newest_events(core.journal), MOST_EVENTS, last and last.upper())
    return [event_object(core, received) for received in page]


@_query.field("eventV2")
def _event_v2(_: object, info: Info, id: str) -> Object:  # noqa: A002 - the argument's name
    received = find_event(_core(info).journal, id)
    if received is None:
        raise GraphQLError(_NO_ROWS)
    return event_v2_object(_core(info), received)


@_query.field("eventsV2")
def _events_v2(
    _: object,
    info: Info,
    first: int,
    filter: dict[str, Any],  # noqa: A002 - the argument's name
    after: str | None = None,
) -> Object:
    core, names = _core(info), filter.get("eventNames") or ()
    bounds = {"after": filter["from"], "before": filter.get("until")}
    found = list(newest_events(core.journal, names=names, internal=filter["includeInternalEvents"], **bounds))
    size = first if 0 < first <= MOST_EVENTS else PAGE
    page = page_of(iter(found), size + 1, _read_cursor(after))
    cursors = [_cursor(received_id(each.delivery, each.at)) for each in page[:size]]
    return {
        "edges": [
            {"node": event_v2_object(core, received), "cursor": cursor}
            for received, cursor in zip(page, cursors, strict=False)
        ],
        "pageInfo": page_info(cursors, has_next=len(page) > size, has_previous=after is not None),
        "totalCount": len(found),
    }


def _cursor(text: str) -> str:
    return base64.b64encode(json.dumps({"ID": text}).encode()).decode()


def _read_cursor(cursor: str | None) -> str | None:
    """Return the id that a cursor holds; raises an error for what is no cursor."""
    if not cursor:
        return None
    try:
        held = json.loads(base64.b64decode(cursor, validate=True))["ID"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        held = None
    if not isinstance(held, str) or not is_ulid(held):
        raise GraphQLError(f"{cursor!r} is no cursor of such a list; leave `after` out for the first page")
    return held


# -- apps and functions


@_query.field("apps")
def _apps(_: object, info: Info, filter: dict[str, str] | None = None) -> list[Object]:  # noqa: A002
    core = _core(info)
    if filter and filter.get("method") not in (None, "SERVE"):
        return []
    known = dict.fromkeys([*apps_of(list(core.plans.values())), *list(core.serving.registrations)])
    return [app_object(core, app_id) for app_id in known]


@_query.field("app")
def _app(_: object, info: Info, id: str) -> Object | None:  # noqa: A002
    return next((each for each in _apps(None, info) if each["id"] == id), None)


@_query.field("functions")
def _functions(_: object, info: Info) -> list[Object]:
    core = _core(info)
    return [function_object(core, plan) for plan in list(core.plans.values())]


@_query.field("functionBySlug")
def _function_by_slug(_: object, info: Info, query: dict[str, str]) -> Object:
    core = _core(info)
    plan = core.plans.get(query["functionSlug"])
    if plan is None:
        raise GraphQLError(_NO_ROWS)
    return function_object(core, plan)


# -- runs


@_query.field("functionRun")
def _function_run(_: object, info: Info, query: dict[str, str]) -> Object:
    return function_run_object(_core(info), _run(info, query["functionRunId"]))


@_query.field("run")
def _run_v2(_: object, info: Info, runID: str) -> Object:  # noqa: N803 - the argument's name
    return run_object(_core(info), _run(info, runID))


@_query.field("runs")
def _runs(
    _: object,
    info: Info,
    first: int,
    orderBy: list[dict[str, str]],  # noqa: N803 - the argument's name
    filter: dict[str, Any],  # noqa: A002
    after: str | None = None,
    preview: bool | None = None,  # noqa: FBT001 - as GraphQL calls it
) -> Object:
    core = _core(info)
    found = [facts for facts in all_runs(core) if _is_asked_for(facts, filter)]
    # Newest first where the order does not tell.
    found.reverse()
    for order in reversed(orderBy):
        found.sort(key=partial(_place, order["field"]), reverse=order["direction"] == "DESC")
    start, held = 0, _read_cursor(after)
    if held is not None:
        start = 1 + next((n for n, facts in enumerate(found) if facts.id == held), -1)
        if not start:
            raise GraphQLError("the run at the cursor is not there any more; leave `after` out for the first page")
    size = first if 0 < first < MOST_RUNS else PAGE
    page = found[start : start + size]
    cursors = [_cursor(facts.id) for facts in page]
    return {
        "edges": [
            {"node": run_object(core, facts), "cursor": cursor} for facts, cursor in zip(page, cursors, strict=True)
        ],
        "pageInfo": page_info(cursors, has_next=start + size < len(found), has_previous=start > 0),
        "totalCount": lambda *_, preview=None: len(found),
    }


#: Where a run stands that has no such moment yet.
_LAST = datetime.max.replace(tzinfo=UTC)


def _moment(field: str, facts: RunFacts) -> datetime | None:
    """Return what a `RunsV2OrderByField` names."""
    moments = {"QUEUED_AT": facts.queued_at, "STARTED_AT": facts.started_at, "ENDED_AT": facts.ended_at}
    return moments[field]


def _place(field: str, facts: RunFacts) -> datetime:
    return _moment(field, facts) or _LAST


def _is_asked_for(facts: RunFacts, wanted: dict[str, Any]) -> bool:
    at = _moment(wanted.get("timeField") or "QUEUED_AT", facts)
    until = wanted.get("until")
    return (
        at is not None
        and at >= wanted["from"]
        and (until is None or at <= until)
        and (not wanted.get("status") or facts.status.value in wanted["status"])
        and (not wanted.get("functionIDs") or facts.function_id in wanted["functionIDs"])
        and (not wanted.get("appIDs") or facts.app_id in wanted["appIDs"])
    )


@_query.field("runTrigger")
def _run_trigger(_: object, info: Info, runID: str) -> Object:  # noqa: N803
    facts = _run(info, runID)
    return {
        "eventName": facts.event_name,
        "IDs": facts.event_ids,
        "payloads": [payload(each) for each in facts.received],
        "timestamp": min(each.at for each in facts.received),
        "isBatch": facts.is_batch,
        "batchID": facts.batch_id,
        "cron": facts.cron,
    }


@_query.field("runTrace")
def _run_trace(_: object, info: Info, runID: str) -> Object:  # noqa: N803
    facts = _run(info, runID)
    return span_object(_core(info), facts, trace_of(facts))


@_query.field("runTraceSpanOutputByID")
def _output(_: object, info: Info, outputID: str) -> Object:  # noqa: N803
    run_id, wanted = read_output_id(outputID)
    facts = _run(info, run_id)
    for span in trace_of(facts).walk():
        if span.has_output and span_id(run_id, span.key) == wanted:
            if span.error is not None:
                error = span.error
                return {"error": {"message": error.message, "name": error.name, "stack": error.stack or None}}
            return {"data": None if span.output is None else compact(span.output.value)}
    raise NotFoundError("output", outputID, reason=f"run {run_id} has none such")
