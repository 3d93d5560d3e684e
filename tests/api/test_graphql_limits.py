"""GraphQL documents that ask for too much, or for nothing."""

from __future__ import annotations

import importlib
import logging.config

import ariadne
import httpx
import pytest
from starlette.applications import Starlette

from inngest_testkit import AsyncEngine
from inngest_testkit.api import ApiSettings
from inngest_testkit.api.face import Face
from inngest_testkit.api.graphql.endpoint import graphql_route
from inngest_testkit.api.host import host_of
from inngest_testkit.errors import NotFoundError

SCHEMA = "type Query { leaf: String fails: String breaks: String inner: Query }"


@pytest.fixture
async def ask():
    query = ariadne.QueryType()
    query.set_field("inner", lambda *_: {"leaf": "found"})

    @query.field("fails")
    def fails(*_):
        raise NotFoundError("run", "01X")

    @query.field("breaks")
    def breaks(*_):
        raise ZeroDivisionError

    face = Face(host_of(AsyncEngine()), ApiSettings())
    app = Starlette(routes=[graphql_route("/gql", ariadne.make_executable_schema(SCHEMA, query), face)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:

        async def post(text, **more):
            return (await client.post("/gql", json={"query": text, **more})).json()

        yield post


async def test_depth_is_bounded(ask):
    assert (await ask("{" + "inner{" * 19 + "leaf" + "}" * 20))["data"]
    answer = await ask("{" + "inner{" * 20 + "leaf" + "}" * 21)
    assert answer == {"errors": [{"message": "The query is 21 levels deep, 20 at most; ask for less at a time"}]}


async def test_fragments_count_wherever_they_are_used(ask):
    doubling = " ".join(
        f"fragment F{n} on Query {{ a: inner {{ ...F{n + 1} }} b: inner {{ ...F{n + 1} }} }}" for n in range(12)
    )
    answer = await ask("{ ...F0 } " + doubling + " fragment F12 on Query { leaf }")
    assert answer["errors"][0]["message"].endswith("fields, 500 at most; ask for less at a time")


@pytest.mark.parametrize(
    "text",
    [
        "{" + " inner { leaf }" * 600 + "}",
        " ".join(f"query Q{n} {{" + " leaf" * 600 + "}" for n in range(2)),
        "{ leaf } fragment F on Query {" + " leaf" * 1001 + "}",
        "{" + "inner{" * 20 + "leaf" + "}" * 21,
    ],
    ids=["one query", "several queries", "a fragment that is not used", "too deep"],
)
async def test_what_is_too_large_is_not_validated(ask, text, monkeypatch):
    validated = []
    inside = importlib.import_module("ariadne.graphql")
    real = inside.validate
    monkeypatch.setattr(inside, "validate", lambda *given, **more: validated.append(given) or real(*given, **more))
    assert (await ask("{ leaf }")) == {"data": {"leaf": None}}
    assert len(validated) == 1
    answer = await ask(text)
    assert answer["errors"][0]["message"].endswith(" at most; ask for less at a time")
    assert len(validated) == 1


async def test_a_fragment_that_is_not_there_is_refused(ask):
    assert "Unknown fragment 'F'" in (await ask("{ ...F }"))["errors"][0]["message"]


async def test_a_fragment_that_uses_itself_is_refused(ask):
    answer = await ask("{ ...F } fragment F on Query { inner { ...F } }")
    assert "Cannot spread fragment 'F' within itself" in answer["errors"][0]["message"]


async def test_tokens_are_bounded(ask):
    answer = await ask("{" + "leaf " * 6000 + "}")
    assert "5000 tokens" in answer["errors"][0]["message"]


async def test_a_resolver_that_finds_nothing_says_so_and_the_rest_is_answered(ask):
    answer = await ask("{ fails inner { leaf } }")
    assert answer["data"] == {"fails": None, "inner": {"leaf": "found"}}
    assert answer["errors"][0]["path"] == ["fails"]


async def test_a_mistake_of_the_asker_is_not_logged(ask, caplog):
    # As an ASGI server does when it starts.
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    assert (await ask("{ fails missing }"))["errors"]
    assert (await ask("{ fails }"))["errors"]
    assert caplog.text == ""


async def test_a_resolver_that_breaks_is_logged(ask, caplog):
    assert (await ask("{ breaks }"))["data"] == {"breaks": None}
    assert "a resolver failed at ['breaks']" in caplog.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_question_is_refused(body):
    face = Face(host_of(AsyncEngine()), ApiSettings())
    app = Starlette(routes=[graphql_route("/gql", ariadne.make_executable_schema(SCHEMA), face)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.post("/gql", content=body)
    assert answer.status_code == 422
    assert "The body must be JSON" in answer.json()["errors"][0]["message"]
