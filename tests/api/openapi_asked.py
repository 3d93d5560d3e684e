"""Asks a server whatever its OpenAPI description allows, and what it does not.

In a process of its own, see `test_openapi.py`: schemathesis changes how hypothesis prints failures, for all.
"""

from __future__ import annotations

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import (
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.checks import content_type_conformance, negative_data_rejection

from inngest_testkit import AsyncEngine, Engine, Function, Step, after, on_event
from inngest_testkit.api import LiveServer, make_app
from inngest_testkit.api.openapi import document

DOCUMENT = document(make_app(AsyncEngine()).routes)
OPERATIONS = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods]
#: What the description promises of an answer.
PROMISES = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


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
