"""The OpenAPI description: of every route, and true."""

from __future__ import annotations

import hypothesis
import pytest
import schemathesis
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import (
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.checks import content_type_conformance, negative_data_rejection

from inngest_testkit import AsyncEngine, Engine, Function, Step, after, on_event
from inngest_testkit.api import ApiSettings, LiveServer, make_app
from inngest_testkit.api.descriptions import DESCRIPTIONS
from inngest_testkit.api.openapi import described, document
from inngest_testkit.api.testkit.endpoint import Endpoint

from .conftest import client_of


def routes():
    return make_app(AsyncEngine()).routes


def test_every_route_is_described_and_nothing_else():
    """The page's own routes are not for programs."""
    operations = {(method, path) for method, path, _ in described(routes())}
    paths = document(routes())["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == operations
    by_hand = {(method, path) for method, path, route in described(routes()) if not isinstance(route, Endpoint)}
    assert set(DESCRIPTIONS) == by_hand


def test_a_route_that_nothing_describes_is_an_error():
    app = make_app(AsyncEngine())
    app.add_route("/new", lambda _: None)
    with pytest.raises(KeyError, match="/new"):
        document(app.routes)


@pytest.mark.anyio
async def test_the_description_is_that_of_the_server(client):
    """In valid JSON schemas, with operations that have names of their own."""
    told = (await client.get("/openapi.json")).json()
    assert told["openapi"] == "3.1.0"
    assert "/testkit/clock" in told["paths"]
    for schema in told["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for path in told["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


@pytest.mark.anyio
async def test_what_is_closed_is_not_described(engine):
    async with client_of(engine, ApiSettings(control=False)) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert "/e/{key}" in paths
    assert [path for path in paths if path.startswith("/testkit")] == []


@pytest.fixture(scope="module")
def served():
    """A server with functions of several kinds, and its description as a client loads it."""

    def fail():
        raise ValueError("no")

    waits = [Step("a", lambda: 1), Step("b", lambda: 2, after=after("a", event="go", ttl="1d"))]
    with Engine(max_steps=1000) as engine:
        engine.register(
            Function("waits", on_event("waits"), steps=waits, concurrency=1),
            Function("fails", on_event("fails"), steps=[Step("s", fail)]),
        )
        engine.send([{"name": "waits"}, {"name": "waits"}, {"name": "fails"}])
        with LiveServer(engine) as server:
            yield server


DOCUMENT = document(routes())
OPERATIONS = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods]
#: What the description promises of an answer.
PROMISES = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_no_500_is_described():
    operations = [each for methods in DOCUMENT["paths"].values() for each in methods.values()]
    assert not any("500" in each["responses"] for each in operations)


@pytest.fixture(scope="module")
def description():
    return schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fits", "does not fit"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
def test_whatever_is_asked_is_answered_as_described(description, served, method, path, mode):
    """Requests that fit the description, and such that do not: no 500, and no answer that is not described."""
    operation = description[path][method]
    # Where the recorded server is followed, it takes much that makes no sense.
    refuses = mode is GenerationMode.NEGATIVE and path.startswith("/testkit") and operation.body
    checks = [*PROMISES, negative_data_rejection] if refuses else PROMISES

    @hypothesis.settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=12,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(base_url=served.url, checks=checks)

    if mode is GenerationMode.POSITIVE or operation.body or list(operation.query):
        ask()
    assert served.errors == ()
