"""The Core API: versions of functions and of actions, and the keys of sources, at `/gql`.

Source: recordings/dag README, "Core API" and "Postgres tables".
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

from ariadne import MutationType, ObjectType, QueryType, ScalarType, make_executable_schema
from graphql import GraphQLError
from starlette.routing import Route

from inngest_testkit.api.face import json_reply
from inngest_testkit.api.graphql.endpoint import graphql_route
from inngest_testkit.api.keys import create_key, list_keys, revoke_key
from inngest_testkit.data_store.base import ActionVersion, FunctionVersion, SourceKey
from inngest_testkit.errors import NotFoundError, SetupError, suggestion
from inngest_testkit.functions.action import encode_action, read_action
from inngest_testkit.functions.app import AppFunction
from inngest_testkit.functions.encode import encode_function
from inngest_testkit.functions.loader import parse_function
from inngest_testkit.functions.model import VersionConstraint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import GraphQLResolveInfo, GraphQLSchema
    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.api.face import Face
    from inngest_testkit.api.host import Host
    from inngest_testkit.api.keys import NewKey

__all__ = ["PATH", "core_routes", "signpost", "to_text"]

PATH = "/gql"

Info: TypeAlias = "GraphQLResolveInfo[Face]"
#: The arguments of a field, which GraphQL has checked against the schema.
Given: TypeAlias = dict[str, Any]

_ENVIRONMENTS = ("prod", "test")
#: The same for everybody. Source: recordings/dag README, "Core API".
_CONFIG = {"execution": {"drivers": {"docker": {"registry": "registry.inngest.com", "namespace": "inngest"}}}}

_query, _mutation = QueryType(), MutationType()
_action, _function = ObjectType("ActionVersion"), ObjectType("FunctionVersion")
_key, _new_key = ObjectType("SourceKey"), ObjectType("NewSourceKey")
_time, _environment = ScalarType("Time"), ScalarType("Environment")


def core_routes(face: Face) -> Sequence[Route]:
    """Return the route of the Core API."""
    return [graphql_route(PATH, _schema(), face)]


def signpost(_: Face) -> Sequence[Route]:
    """Return the route that answers everything else, on a port of its own: it says where the Core API is."""

    async def answer(request: Request) -> Response:
        message = f"the Core API answers POSTs of GraphQL documents at {PATH}"
        status = 200 if request.url.path == "/" else 404
        return json_reply({"message": message, "status": status}, status)

    return [Route("/{path:path}", answer, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])]


@cache
def _schema() -> GraphQLSchema:
    text = files("inngest_testkit.api.graphql").joinpath("core_api.graphql").read_text(encoding="utf-8")
    bindables = [_query, _mutation, _action, _function, _key, _new_key, _time, _environment]
    return make_executable_schema(text, *bindables, convert_names_case=True)


def _host(info: Info) -> Host:
    return info.context.host


@_time.serializer
def to_text(moment: datetime) -> str:
    """Write a moment as the server does: RFC 3339 in UTC, without the zeros that end a fraction."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


@_environment.value_parser
def _read_environment(value: object) -> str:
    if value in _ENVIRONMENTS:
        return str(value)
    raise GraphQLError(f"there is no environment {value!r}{suggestion(str(value), _ENVIRONMENTS)}")


# -- queries


@_query.field("config")
def _config(_: object, __: Info) -> Given:
    return _CONFIG


@_query.field("actionVersion")
async def _find_action(_: object, info: Info, query: Given) -> ActionVersion:
    name, major, minor = query["dsn"], query.get("version_major"), query.get("version_minor")
    if major is not None and minor is not None:
        # That very version, live or not.
        there = await _host(info).ask(lambda data: data.action_history(name))
        for action in there:
            if (action.major, action.minor) == (major, minor):
                return action
        raise _no_action(f"{name} version {major}.{minor}", there)
    try:
        return await _host(info).ask(lambda data: data.action(name, VersionConstraint(major)))
    except NotFoundError:
        wanted = f"{name} live" if major is None else f"{name} live, version {major}"
        raise _no_action(wanted, await _host(info).ask(lambda data: data.action_history(name))) from None


def _no_action(wanted: str, there: Sequence[ActionVersion]) -> NotFoundError:
    """Say it in the server's words, and what there is."""
    shown = ", ".join(f"{a.version} ({'live' if a.is_live else 'not live'})" for a in there)
    reason = f"there are {shown}" if there else "there is no version of it; create one, or deploy its function"
    return NotFoundError("action version", wanted, message=f"action version not found: {wanted}; {reason}")


@_query.field("actionVersions")
async def _action_versions(_: object, info: Info, dsn: str) -> Sequence[ActionVersion]:
    return await _host(info).ask(lambda data: data.action_history(dsn))


@_query.field("functions")
async def _functions(_: object, info: Info) -> Sequence[FunctionVersion]:
    return await _host(info).ask(lambda data: data.functions())


@_query.field("functionVersions")
async def _function_versions(_: object, info: Info, **given: str) -> Sequence[FunctionVersion]:
    return await _host(info).ask(lambda data: data.function_history(given["function_id"]))


@_query.field("sourceKeys")
async def _source_keys(_: object, info: Info) -> Sequence[SourceKey]:
    return await _host(info).ask(list_keys)


# -- mutations


@_mutation.field("deployFunction")
async def _deploy(_: object, info: Info, input: Given) -> FunctionVersion:  # noqa: A002 - the API's
    function = parse_function(input["config"], shown="config")
    env, live = input.get("env") or "prod", input.get("live")
    return await _host(info).call(lambda core: core.deploy(function, live=live is not False, env=env))


@_mutation.field("createActionVersion")
async def _create_action(_: object, info: Info, input: Given) -> ActionVersion:  # noqa: A002
    action, host = read_action(input["config"]), _host(info)
    now = host.core.clock.now()
    made = ActionVersion(action.dsn, action.major, action.minor, action.name, action.runtime, now, config=action.config)
    return await host.call(lambda core: core.data.create_action_version(made))


@_mutation.field("updateActionVersion")
async def _update_action(_: object, info: Info, input: Given) -> ActionVersion:  # noqa: A002
    enabled, host = input.get("enabled"), _host(info)
    if enabled is None:
        raise SetupError("updateActionVersion needs `enabled`: true makes the version live, false ends it")
    version, now = (input["dsn"], input["version_major"], input["version_minor"]), host.core.clock.now()
    if enabled:
        return await host.call(lambda core: core.data.enable_action_version(*version, now))
    return await host.call(lambda core: core.data.disable_action_version(*version, now))


@_mutation.field("createSourceKey")
async def _create_key(_: object, info: Info, name: str) -> NewKey:
    return await _host(info).call(lambda core: create_key(core.data, name, core.clock.now()))


@_mutation.field("revokeSourceKey")
async def _revoke_key(_: object, info: Info, id: str) -> SourceKey:  # noqa: A002 - the API's
    return await _host(info).call(lambda core: revoke_key(core.data, id, core.clock.now()))


# -- what is shown of each

_action.set_alias("versionMajor", "major")
_action.set_alias("versionMinor", "minor")
_new_key.set_alias("key", "text")


@_action.field("config")
def _action_config(action: ActionVersion, _: Info) -> str:
    return action.config or encode_action(action.dsn, action.name, (action.major, action.minor), action.runtime)


@_function.field("config")
def _function_config(version: FunctionVersion, _: Info) -> str:
    function = version.plan.function
    config = function.config if isinstance(function, AppFunction) else encode_function(function)
    return json.dumps(config, ensure_ascii=False)


@_function.field("updatedAt")
def _function_updated(version: FunctionVersion, _: Info) -> datetime:
    return version.valid_to or version.valid_from or version.created_at


@_new_key.field("id")
@_new_key.field("name")
@_new_key.field("createdAt")
def _of_key(made: NewKey, info: Info) -> object:
    return {"id": made.key.id, "name": made.key.name, "createdAt": made.key.created_at}[info.field_name]
