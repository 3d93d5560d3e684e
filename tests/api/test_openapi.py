"""The OpenAPI description: of every route, and true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from inngest_testkit import AsyncEngine
from inngest_testkit.api import ApiSettings, make_app
from inngest_testkit.api.descriptions import DESCRIPTIONS
from inngest_testkit.api.openapi import described, document
from inngest_testkit.api.testkit.endpoint import Endpoint

from .conftest import client_of

ROOT = Path(__file__).parents[2]


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


def test_no_500_is_described():
    operations = [each for methods in document(routes())["paths"].values() for each in methods.values()]
    assert not any("500" in each["responses"] for each in operations)


def test_whatever_is_asked_is_answered_as_described():
    """Requests that fit the description, and such that do not, from schemathesis."""
    asked = Path(__file__).with_name("openapi_asked.py")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(asked)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) == 2 * len(list(described(routes())))
