"""Whatever was sent, waited for and cancelled: what is read agrees with the engine; whatever is asked has an answer."""

from __future__ import annotations

import asyncio
import json
import logging
import string

import inngest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit import AsyncEngine
from inngest_testkit.api.graphql.queries import schema

from .conftest import client_of
from .functions import app, failing, paying, sleeping, two_steps, waiting
from .reading import EVER, data_of, gql

WORDS = {
    "QUEUED": "Scheduled",
    "RUNNING": "Running",
    "COMPLETED": "Completed",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
}
SENT = st.lists(st.sampled_from(["go", "order", "answered", "shipped", "batch", "nothing"]), min_size=1, max_size=3)
ACTIONS = st.one_of(
    st.tuples(st.just("send"), SENT),
    st.tuples(st.just("advance"), st.sampled_from(["1s", "1m", "2h"])),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("rerun"), st.integers(0, 9)),
)
RUNS = """query Q($from: Time!) { runs(first: 399, filter: {from: $from}) { totalCount edges { node {
    id status output triggerIDs endedAt trace { status childrenSpans { name status outputID } } } } } }"""
EVENTS = """query Q($from: Time!) { eventsV2(first: 51, filter: {from: $from, includeInternalEvents: true}) {
    totalCount edges { node { id name runs { id } } } } }"""


def functions():
    batched = {"batch_events": inngest.Batch(max_size=2, timeout=60_000)}
    return app(
        two=("go", {}, two_steps),
        bad=("go", {"retries": 1}, failing),
        nap=("go", {}, sleeping),
        wait=("go", {}, waiting),
        many=("batch", batched, two_steps),
    )


async def do(engine, client, action, what):
    runs = engine.runs()
    if action == "send":
        await engine.send([{"name": name} for name in what])
    elif action == "advance":
        await engine.advance(what)
    elif runs and action == "cancel":
        assert (await client.delete(f"/v1/runs/{runs[what % len(runs)].id}")).status_code == 200
    elif runs:
        query = "mutation M($id: ULID!) { rerun(runID: $id) }"
        await gql(client, query, id=runs[what % len(runs)].id)


async def agrees(engine, client):
    listed = (await gql(client, RUNS, **{"from": EVER}))["runs"]
    nodes = {edge["node"]["id"]: edge["node"] for edge in listed["edges"]}
    runs = engine.runs()
    assert (set(nodes), listed["totalCount"]) == ({run.id for run in runs}, len(runs))
    of_events = {}
    for run in runs:
        node, told = nodes[run.id], await data_of(client, f"/v1/runs/{run.id}")
        assert (node["status"], told["status"]) == (run.status.value, WORDS[run.status])
        assert (node["endedAt"] is None, told["ended_at"] is None) == (not run.is_over, not run.is_over)
        assert told["event_id"] == node["triggerIDs"][0]
        assert len(node["triggerIDs"]) == len(run.events)
        if run.status == "COMPLETED":
            assert told["output"] == run.output
        if run.is_over:
            assert await data_of(client, f"/v1/runs/{run.id}/jobs") == []
            open_spans = {"RUNNING", "WAITING", "QUEUED"}
            assert not open_spans & {span["status"] for span in node["trace"]["childrenSpans"]}
        for event_id in node["triggerIDs"]:
            of_events.setdefault(event_id, set()).add(run.id)
    events = (await gql(client, EVENTS, **{"from": EVER}))["eventsV2"]
    assert events["totalCount"] == len(engine.events())
    for edge in events["edges"]:
        event = edge["node"]
        expected = of_events.get(event["id"], set())
        assert {run["id"] for run in event["runs"]} == expected
        assert {run["run_id"] for run in await data_of(client, f"/v1/events/{event['id']}/runs")} == expected
        assert (await data_of(client, f"/v1/events/{event['id']}"))["name"] == event["name"]


@settings(max_examples=25, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=8))
def test_what_is_read_agrees_with_the_engine(actions):
    async def play():
        async with AsyncEngine() as engine, client_of(engine) as client:
            await engine.serve(*functions())
            await engine.register(paying())
            for action in actions:
                await do(engine, client, *action)
                await agrees(engine, client)

    asyncio.run(play())


# -- whatever is asked

SEGMENT = st.text(string.ascii_letters + string.digits + "-_.~!$&'()*+,;=:@%/é☃", max_size=30)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
PREFIXES = st.sampled_from(
    ["/v1/events", "/v1/runs", "/v1/apps", "/v1/cancellations", "/v1/signals", "/v0/runs", "/v0/gql"]
)
TAILS = st.sampled_from(["", "/runs", "/jobs", "/functions", "/actions", "/batch"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "app_id",
                    "function_id",
                    "started_before",
                    "started_after",
                    "if",
                    "signal",
                    "data",
                    "query",
                    "variables",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    METHODS,
    PREFIXES,
    SEGMENT,
    TAILS,
    st.dictionaries(
        st.sampled_from(["limit", "name", "cursor", "received_after", "received_before"]), st.text(max_size=30)
    ),
    st.one_of(st.binary(max_size=60), JSON),
)
def test_no_request_breaks_the_server(method, prefix, segment, tail, query, body):
    async def ask():
        async with AsyncEngine() as engine, client_of(engine) as client:
            await engine.register(paying())
            run = (await engine.send("order")).run
            for each in (segment, run.id):
                path = f"{prefix}/{each}{tail}" if each else f"{prefix}{tail}"
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                answer = await client.request(method, path.replace("%", "%25"), params=query, content=content)
                assert answer.status_code < 500

    asyncio.run(ask())


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(
        [
            "query Q($x: String!) { run(runID: $x) { id } }",
            "query Q($x: String!) { runTrigger(runID: $x) { IDs } }",
            "query Q($x: String!) { runTrace(runID: $x) { name } }",
            "query Q($x: String!) { runTraceSpanOutputByID(outputID: $x) { data } }",
            "query Q($x: ID!) { event(query: {eventId: $x}) { id } }",
            "query Q($x: ULID!) { eventV2(id: $x) { id } }",
            "query Q($x: ID!) { functionRun(query: {functionRunId: $x}) { id } }",
            "query Q($x: String!) { functionBySlug(query: {functionSlug: $x}) { id } }",
            "query Q($x: UUID!) { app(id: $x) { id } }",
            "query Q($x: Time!) { runs(filter: {from: $x}) { totalCount } }",
            'query Q($x: String) { eventsV2(after: $x, filter: {from: "2000-01-01T00:00:00Z"}) { totalCount } }',
            "mutation M($x: ULID!) { cancelRun(runID: $x) { id } }",
            "mutation M($x: ULID!) { rerun(runID: $x) }",
            "mutation M($x: String!) { invokeFunction(functionSlug: $x) }",
            'mutation M($x: Map) { invokeFunction(functionSlug: "pay", data: $x) }',
        ]
    ),
    st.one_of(st.text(max_size=30), JSON),
)
def test_no_value_breaks_a_resolver(query, value):
    async def ask():
        async with AsyncEngine() as engine, client_of(engine) as client:
            await engine.register(paying())
            answer = await client.post("/v0/gql", json={"query": query, "variables": {"x": value}})
            assert answer.status_code == 200

    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return
    noted = []
    handler = logging.Handler()
    handler.emit = noted.append
    logger = logging.getLogger("inngest_testkit")
    logger.addHandler(handler)
    try:
        asyncio.run(ask())
    finally:
        logger.removeHandler(handler)
    assert [record.getMessage() for record in noted] == []


def test_every_query_of_the_schema_has_a_resolver():
    kinds = schema()
    for kind in (kinds.query_type, kinds.mutation_type):
        assert [name for name, field in kind.fields.items() if field.resolve is None] == []
