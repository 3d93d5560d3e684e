"""What the routes outside of `/testkit`, which tell it themselves, take and give: for the OpenAPI description.

Routes that answer as the recorded server does leave the type of many answers to be guessed, so that they are texts
which hold JSON; they are described as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from inngest_testkit.api.callers import Callers

__all__ = ["DESCRIPTIONS", "GUARDED", "REFUSED", "Description", "Schema", "json_answer"]

#: A JSON schema, or a part of an OpenAPI description.
Schema: TypeAlias = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_JSON_TEXT: Schema = {"type": "string", "description": "JSON"}
_ANY: Schema = {}
_ULID: Schema = {"type": "string", "description": "A ULID: 26 letters and digits."}
_EVENT: Schema = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "data": {"type": "object"},
        "user": {"type": "object"},
        "id": {"type": "string", "description": "Within 24 hours an id starts each function once."},
        "ts": {"type": "integer", "description": "Milliseconds since 1970; a moment ahead delays the runs."},
        "v": {"type": "string"},
    },
}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def json_answer(description: str, schema: Schema) -> Schema:
    """Return the description of an answer in JSON."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _text_answer(description: str) -> Schema:
    return {"description": description, "content": {"text/plain": {"schema": _JSON_TEXT}}}


def _body(schema: Schema, *, required: bool = True) -> Schema:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One operation: what it does, and its `answers` by status; `query` are its parameters, `body` its request body."""

    summary: str
    tag: str
    answers: Mapping[str, Schema]
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None


_PROBLEM = _object(error=_TEXT, data={"type": "null"}, status={"type": "integer"})
_EVENTS_PROBLEM = _object(error=_TEXT, ids={"type": "array", "items": _TEXT}, status={"type": "integer"})
_TOO_MUCH: Mapping[str, Schema] = {
    "408": json_answer("The body did not arrive in time.", _PROBLEM),
    "413": json_answer("The body is too large.", _PROBLEM),
}
#: What any route may answer, whatever it is asked.
GUARDED: Mapping[str, Schema] = {
    "403": json_answer(
        "The request comes from a page of another origin, or calls the server by a name that is not its own, or comes "
        "from another machine to what is open to this one only.",
        _object(error=_TEXT),
    )
}
#: What routes answer besides, by who may call them.
REFUSED: Mapping[Callers, Mapping[str, Schema]] = {
    Callers.APPS: {"401": json_answer("The app's signing key is not the server's.", _PROBLEM)},
    Callers.READERS: {
        "401": json_answer(
            "The request comes from another machine, without the server's signing key; only where there is one.",
            _PROBLEM,
        )
    },
}
_SEND = Description(
    summary="Send an event, or a list of events that arrive together. `ids` name them in the answer.",
    tag="events",
    body=_body({"oneOf": [_EVENT, {"type": "array", "items": _EVENT}]}),
    answers={
        "200": _text_answer('`{"ids": [...], "status": 200}`'),
        "400": _text_answer('`{"ids": [], "status": 400, "error": ...}`: nothing of the request was taken.'),
        "401": json_answer("The key is not known; only where the server is strict.", _EVENTS_PROBLEM),
        "408": json_answer("The body did not arrive in time.", _EVENTS_PROBLEM),
        "413": json_answer("The body is too large.", _EVENTS_PROBLEM),
    },
)
_REGISTRATION = _object(
    appName=_TEXT,
    url={"type": "string", "description": "Where the app's functions are called."},
    functions={"type": "array", "items": {"type": "object"}},
)
_REGISTER = Description(
    summary="Register an app's functions, as SDKs do: those that it had and are not in the list are retired.",
    tag="SDK",
    body=_body(_REGISTRATION),
    answers={
        "200": _text_answer('`{"ok": true, "modified": ..., "sync_id": ..., "app_id": ...}`'),
        "400": _text_answer("Every problem of every function; nothing was changed."),
        **_TOO_MUCH,
    },
)
_STATE: Mapping[str, Schema] = {
    "200": _text_answer("JSON"),
    "400": _text_answer("The id is no run's."),
    "410": _text_answer("The run is over, or not known."),
}
_METADATA = {"type": "object", "required": ["fetched_at"], "properties": {"fetched_at": _TEXT, "cached_until": _TEXT}}
_TOLD = _object(data=_ANY, metadata=_METADATA)


def _read(summary: str, query: Mapping[str, Schema] | None = None) -> Description:
    """Describe a read of which the server keeps the answers, so that only the body tells of an error."""
    schema = {"anyOf": [_TOLD, _PROBLEM]}
    answer = json_answer("What is asked for; or `error`, with its `status`.", schema)
    return Description(summary=summary, tag="REST", query=query or {}, answers={"200": answer})


_CANCELLATION: Schema = {
    "type": "object",
    "required": ["app_id", "function_id", "started_before"],
    "properties": {
        "app_id": _TEXT,
        "function_id": _TEXT,
        "started_before": {"type": "string", "format": "date-time"},
        "started_after": {"type": "string", "format": "date-time"},
        "if": {"type": "string", "description": "A condition on the run's `event`."},
    },
}
_GRAPHQL_RESULT: Schema = {"type": "object", "properties": {"data": _ANY, "errors": {"type": "array"}}}
_GRAPHQL_BODY: Schema = {
    "type": "object",
    "required": ["query"],
    "properties": {
        "query": _TEXT,
        "variables": {"type": ["object", "null"]},
        "operationName": {"type": ["string", "null"]},
    },
}
_GRAPHQL_ANSWERS: Mapping[str, Schema] = {
    "200": json_answer("The result, or `errors`.", _GRAPHQL_RESULT),
    "422": json_answer("The body is no question.", _GRAPHQL_RESULT),
    **_TOO_MUCH,
}


def _graphql(summary: str) -> Description:
    return Description(summary=summary, tag="GraphQL", body=_body(_GRAPHQL_BODY), answers=_GRAPHQL_ANSWERS)


_OK = json_answer("It is done.", _TOLD)

#: By method and path.
DESCRIPTIONS: Mapping[tuple[str, str], Description] = {
    ("POST", "/e/{key}"): _SEND,
    ("POST", "/e/"): _SEND,
    ("POST", "/e"): _SEND,
    ("POST", "/invoke/{slug}"): Description(
        summary="Start a function, whatever its triggers, with an event.",
        tag="events",
        body=_body({"type": "object", "properties": {"data": {"type": "object"}, "user": {"type": "object"}}}),
        answers={
            "200": _text_answer('`{"id": ..., "status": 200}`'),
            "400": json_answer("The event cannot be.", _PROBLEM),
            "401": json_answer("The key in `Authorization` is not known; only where the server is strict.", _PROBLEM),
            "404": json_answer("There is no such function.", _PROBLEM),
            **_TOO_MUCH,
        },
    ),
    ("GET", "/health"): Description(
        summary="Tell that the server is there.",
        tag="events",
        answers={"200": json_answer("It is.", _object(status={"const": 200}, message=_TEXT))},
    ),
    ("GET", "/dev"): Description(
        summary="What server this is, and which functions it has.",
        tag="SDK",
        answers={
            "200": json_answer(
                "The server.", _object(version=_TEXT, functions={"type": "array", "items": {"type": "object"}})
            )
        },
    ),
    ("POST", "/fn/register"): _REGISTER,
    ("PUT", "/fn/register"): _REGISTER,
    ("POST", "/v1/checkpoint/{run_id}/async"): Description(
        summary="Keep steps that an app has run, and goes on from in the same call.",
        tag="SDK",
        body=_body(_object(steps={"type": "array", "items": {"type": "object"}})),
        answers={
            "200": json_answer("They are kept.", _object(data={"type": "null"})),
            "400": json_answer("A step cannot be.", _PROBLEM),
            "409": json_answer("The run is not being called.", _PROBLEM),
            **_TOO_MUCH,
        },
    ),
    ("GET", "/v0/runs/{run_id}/actions"): Description(
        summary="Tell the steps of a run under way, which did not fit into its call.", tag="SDK", answers=_STATE
    ),
    ("GET", "/v0/runs/{run_id}/batch"): Description(
        summary="Tell the events of a run under way, which did not fit into its call.", tag="SDK", answers=_STATE
    ),
    ("GET", "/v1/events"): _read(
        "List the last events, newest first.",
        {
            "name": _TEXT,
            "limit": {"type": "integer", "minimum": 1, "maximum": 51},
            "cursor": _ULID,
            "received_before": {"type": "string", "format": "date-time"},
            "received_after": {"type": "string", "format": "date-time"},
        },
    ),
    ("GET", "/v1/events/{event_id}"): _read("Tell an event."),
    ("GET", "/v1/events/{event_id}/runs"): _read("List the runs that an event is in."),
    ("GET", "/v1/runs/{run_id}"): _read("Tell a run."),
    ("GET", "/v1/runs/{run_id}/jobs"): _read("List what is queued for a run."),
    ("DELETE", "/v1/runs/{run_id}"): Description(
        summary="Cancel a run.",
        tag="REST",
        answers={
            "200": {"description": "It is asked for; the answer is empty.", "content": {"application/json": {}}},
            "400": json_answer("The id is no run's.", _PROBLEM),
            "404": json_answer("There is no such run.", _PROBLEM),
        },
    ),
    ("GET", "/v1/apps/{app_id}/functions"): Description(
        summary="List the functions of an app.",
        tag="REST",
        answers={"200": json_answer("The functions.", {"type": "array", "items": {"type": "object"}})},
    ),
    ("POST", "/v1/signals"): Description(
        summary="Send a signal to the run that waits for it.",
        tag="REST",
        body=_body(_object(signal=_TEXT, data=_ANY)),
        answers={
            "200": _OK,
            "400": json_answer("The signal cannot be.", _PROBLEM),
            "404": json_answer("No run waits for it.", _PROBLEM),
            **_TOO_MUCH,
        },
    ),
    ("POST", "/v1/cancellations"): Description(
        summary="Cancel the runs of a function that are under way, of a span of time, and with a condition.",
        tag="REST",
        body=_body(_CANCELLATION),
        answers={
            "200": _OK,
            "400": json_answer("Every problem of the request.", _PROBLEM),
            "404": json_answer("There is no such function.", _PROBLEM),
            **_TOO_MUCH,
        },
    ),
    ("GET", "/v1/cancellations"): Description(
        summary="List the cancellations that were asked for.", tag="REST", answers={"200": _OK}
    ),
    ("DELETE", "/v1/cancellations/{id}"): Description(
        summary="Forget a cancellation; what it cancelled stays so.",
        tag="REST",
        answers={
            "200": _OK,
            "400": json_answer("The id is no cancellation's.", _PROBLEM),
            "404": json_answer("There is no such cancellation.", _PROBLEM),
        },
    ),
    ("POST", "/v0/gql"): _graphql("Ask about runs, events and functions, as the server's page does."),
    ("POST", "/gql"): _graphql("The Core API: versions of functions and actions, and the keys of sources."),
    ("GET", "/openapi.json"): Description(
        summary="Tell this description.",
        tag="description",
        answers={"200": json_answer("OpenAPI 3.1.", {"type": "object", "required": ["openapi", "paths"]})},
    ),
}
