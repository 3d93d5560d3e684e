"""`/openapi.json`: the description of the face, made from its routes."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic.json_schema import JsonSchemaMode, models_json_schema
from starlette.routing import Route

from inngest_testkit.api.callers import callers_of
from inngest_testkit.api.descriptions import DESCRIPTIONS, GUARDED, REFUSED, Description, Schema, json_answer
from inngest_testkit.api.face import Face, json_reply
from inngest_testkit.api.testkit.endpoint import Endpoint, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["described", "document", "routes"]

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_TESTKIT_PROBLEMS = {
    "400": "What is asked for makes no sense: the error names the field, and the remedy.",
    "403": "The request comes from elsewhere, or from a page of another origin, or the server is strict.",
    "404": "There is no such run, function or step.",
    "408": "The body did not arrive in time.",
    "409": "It cannot be done as things are: the error says why.",
    "413": "The body is too large.",
}


def routes(face: Face) -> list[Route]:
    """Return the route of the description."""
    return [Route("/openapi.json", partial(_answer, face), methods=["GET"])]


async def _answer(_: Face, request: Request) -> Response:
    return json_reply(document(request.app.routes))


def described(app_routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str, Route]]:
    """Yield method, path and route of each operation that is for programs; the page's are for its own use."""
    for route in app_routes:
        if not isinstance(route, Route) or route.path == "/" or route.path.startswith("/page/"):
            continue
        path = _PARAMETER.sub(r"{\1}", route.path)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, path, route


def document(app_routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the OpenAPI description of routes; raises `KeyError` for one that nothing describes."""
    operations = list(described(app_routes))
    schemas, references = _schemas(route for _, _, route in operations)
    paths: dict[str, Any] = {}
    for method, path, route in operations:
        if isinstance(route, Endpoint):
            operation = _of_endpoint(route, references)
        else:
            refused = REFUSED.get(callers_of(route.path), {})
            operation = _of_description(DESCRIPTIONS[method, path], refused)
        operation["operationId"] = f"{method} {path}"
        operation["parameters"] = [*_path_parameters(path), *operation["parameters"]]
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inngest-testkit",
            "version": "1",
            "description": "The Inngest dev server for tests. Errors say what is wrong, and what to do.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _path_parameters(path: str) -> list[Schema]:
    schema = {"type": "string", "minLength": 1}
    names = _PARAMETER.findall(path)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _of_description(description: Description, refused: Schema) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": description.summary,
        "tags": [description.tag],
        "parameters": _query(description.query),
        "responses": {**GUARDED, **refused, **description.answers},
    }
    return operation if description.body is None else {**operation, "requestBody": description.body}


def _query(parameters: Schema) -> list[Schema]:
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in parameters.items()]


_Models: TypeAlias = "dict[tuple[type[BaseModel], JsonSchemaMode], Schema]"


def _schemas(app_routes: Iterable[Route]) -> tuple[Schema, _Models]:
    """Return the schemas of all models by name, and for each model the reference to its own."""
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for route in app_routes:
        if isinstance(route, Endpoint):
            models[route.operation.answers, "serialization"] = None
            if route.operation.asks is not None:
                models[route.operation.asks, "validation"] = None
    found, definitions = models_json_schema(list(models), ref_template="#/components/schemas/{model}")
    return definitions.get("$defs", {}), {key: found[key] for key in models}


def _of_endpoint(route: Endpoint, references: _Models) -> dict[str, Any]:
    operation = route.operation
    problem = references[Problem, "serialization"]
    answers = {str(operation.status): json_answer("What came of it.", references[operation.answers, "serialization"])}
    answers |= {status: json_answer(text, problem) for status, text in _TESTKIT_PROBLEMS.items()}
    told: dict[str, Any] = {
        "summary": operation.summary,
        "tags": ["testkit"],
        "parameters": _query({name: {"type": "string"} for name in operation.query}),
        "responses": answers,
    }
    if operation.asks is not None:
        schema = references[operation.asks, "validation"]
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return told
