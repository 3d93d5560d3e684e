"""An endpoint that answers GraphQL documents, schema first, within limits."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, cast

import ariadne
from graphql import DocumentNode, GraphQLError, parse
from starlette.routing import Route

from inngest_testkit.api.face import json_reply
from inngest_testkit.api.graphql.limits import MOST_TOKENS, check_size
from inngest_testkit.errors import TestkitError

if TYPE_CHECKING:
    from graphql import GraphQLSchema
    from starlette.requests import Request
    from starlette.responses import Response

    from inngest_testkit.api.face import Face

__all__ = ["MOST_BYTES", "graphql_route"]

_log = logging.getLogger("inngest_testkit")
#: What ariadne logs are the mistakes of whoever asks; the answer tells them.
_SILENT = logging.getLogger("inngest_testkit.graphql")
_SILENT.setLevel(logging.CRITICAL + 1)  # `disabled` is undone when logging is configured later

#: The bytes of a request, variables included.
MOST_BYTES = 1024 * 1024
#: The values that an answer may have: lists in lists multiply what a short document asks for.
MOST_VALUES = 100_000


class _Budget:
    """Counts the values of one answer; beyond the most, nothing more is looked up."""

    def __init__(self) -> None:
        self.left = MOST_VALUES

    def resolve(self, look_up: Any, source: Any, info: Any, **arguments: Any) -> Any:  # noqa: ANN401
        """Look a field up, as graphql-core calls it."""
        self.left -= 1
        if self.left < 0:
            raise GraphQLError("the answer is too large")
        return look_up(source, info, **arguments)


def graphql_route(path: str, schema: GraphQLSchema, face: Face) -> Route:
    """Return the route that answers `POST`s of `{"query", "variables", "operationName"}`.

    Resolvers get the face as context. An error of a resolver stands in `errors` with the message alone; what was asked
    for beyond it is answered.
    """

    async def answer(request: Request) -> Response:
        try:
            asked = json.loads(await face.body(request, MOST_BYTES))
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            problem = {"message": 'The body must be JSON such as {"query": "...", "variables": {}}'}
            return json_reply({"errors": [problem], "data": None}, 422)
        budget = _Budget()
        _, result = await ariadne.graphql(
            schema,
            asked,
            context_value=face,
            query_parser=_parse,
            error_formatter=_error,
            logger=_SILENT,
            middleware=cast("Any", [budget]),
        )
        if budget.left < 0:
            problem = {"message": f"The answer has more than {MOST_VALUES} values; ask for less at a time"}
            return json_reply({"errors": [problem], "data": None})
        return json_reply(result)

    return Route(path, answer, methods=["POST"])


def _parse(_: Any, asked: dict[str, Any]) -> DocumentNode:  # noqa: ANN401 - as ariadne calls it
    document = parse(asked["query"], max_tokens=MOST_TOKENS)
    # Before it is validated: one of the rules compares each field with all others.
    check_size(document)
    return document


def _error(error: GraphQLError, _: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - as ariadne calls it
    cause = error.original_error
    if cause is not None and not isinstance(cause, TestkitError | GraphQLError):
        _log.error("a resolver failed at %s", error.path, exc_info=cause)
    # The server leaves places out.
    shown = dict(error.formatted)
    shown.pop("locations", None)
    return shown
