"""GraphQL at `/v0/gql`: runs with their traces, events, apps and functions, and what it does."""

from __future__ import annotations

import json

import inngest
import pytest

from inngest_testkit import Function, Step, on_cron, on_event
from inngest_testkit.api.graphql import endpoint

from .functions import app, failing, paying, sleeping, two_steps, waiting
from .reading import EVER, NOBODY, children, errors_of, gql, internal_ids, output_of

# -- what the suite of the Python SDK asks

RUNS_OF_EVENT = "query Q($event_id: ID!) { event(query: {eventId: $event_id}) { functionRuns { id } } }"
RUN = "query Q($run_id: String!) { run(runID: $run_id) { output status } runTrigger(runID: $run_id) { payloads } }"


async def test_a_run_is_found_by_its_event_and_read(engine, client):
    await engine.serve(*app(two=("go", {}, two_steps)))
    run = (await engine.send("go", {"n": 1})).run
    (event_id,) = await internal_ids(client, "go")
    assert (await gql(client, RUNS_OF_EVENT, event_id=event_id))["event"]["functionRuns"] == [{"id": run.id}]
    told = await gql(client, RUN, run_id=run.id)
    assert told["run"] == {"status": "COMPLETED", "output": '{"done":true}'}
    (payload,) = told["runTrigger"]["payloads"]
    event = inngest.Event.model_validate_json(payload)
    assert (event.name, event.data, event.id) == ("go", {"n": 1}, run.events[0].id)


async def test_uses_of_one_id_are_told_by_the_id_as_written(engine, client):
    await engine.serve(*app(two=("go", {}, two_steps)))
    run = (await engine.send("go")).run
    spans = await children(client, run)
    assert [span["name"] for span in spans] == ["x", "x", "function success"]
    assert [(await output_of(client, span))[0] for span in spans] == ["1", "1", '{"done":true}']


async def test_nothing_is_told_of_a_run_that_is_not_there(client):
    answer = (await client.post("/v0/gql", json={"query": RUN, "variables": {"run_id": NOBODY}})).json()
    message = "error retrieving run: sql: no rows in result set"
    assert answer["data"] is None
    assert {error["message"] for error in answer["errors"]} == {message}
    assert await errors_of(client, RUNS_OF_EVENT, event_id=NOBODY) == ["sql: no rows in result set"]


# -- lists

RUNS = """query Q($first: Int! = 40, $after: String, $filter: RunsFilterV2!, $orderBy: [RunsV2OrderBy!]! = []) {
    runs(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
        edges { node { id status eventName } cursor } pageInfo { hasNextPage hasPreviousPage endCursor } totalCount
    } }"""


async def test_runs_come_in_pages_newest_first(engine, client):
    await engine.register(Function("dag", on_event("go"), steps=[Step("s", lambda: 1)]))
    for _ in range(90):
        await engine.send("go")
        await engine.advance("1s")
    seen, after = [], None
    for expected in (40, 40, 10):
        page = (await gql(client, RUNS, filter={"from": EVER}, after=after))["runs"]
        assert (len(page["edges"]), page["totalCount"]) == (expected, 90)
        assert page["pageInfo"]["hasPreviousPage"] is bool(seen)
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert page["pageInfo"]["hasNextPage"] is False
    assert seen == [run.id for run in reversed(engine.runs())]


async def test_runs_are_chosen_and_ordered(engine, client):
    await engine.register(Function("dag", on_event("go"), steps=[Step("s", lambda: 1)]))
    await engine.serve(*app(nap=("go", {}, sleeping)))
    await engine.send("go")
    (function,) = [f for f in (await gql(client, "{ functions { id slug } }"))["functions"] if f["slug"] == "dag"]

    async def chosen(**wanted):
        page = (await gql(client, RUNS, filter={"from": EVER, **wanted}))["runs"]
        return [edge["node"]["status"] for edge in page["edges"]]

    assert await chosen(functionIDs=[function["id"]]) == ["COMPLETED"]
    assert await chosen(status=["RUNNING"]) == ["RUNNING"]
    assert await chosen(timeField="ENDED_AT") == ["COMPLETED"]
    assert await chosen(until="2023-01-01T00:00:00Z") == []
    order = [{"field": "ENDED_AT", "direction": "ASC"}]
    page = (await gql(client, RUNS, filter={"from": EVER}, orderBy=order))["runs"]
    assert [edge["node"]["status"] for edge in page["edges"]] == ["COMPLETED", "RUNNING"]


@pytest.mark.parametrize("cursor", ["x", "e30=", "eyJJRCI6ICJ4In0=", "eyJJRCI6IDF9"])
async def test_a_cursor_that_is_none_is_refused(cursor, client):
    (message,) = await errors_of(client, RUNS, filter={"from": EVER}, after=cursor)
    assert "is no cursor of such a list" in message


async def test_events_come_in_pages_with_the_servers_own_when_asked(engine, client):
    query = """query Q($after: String, $internal: Boolean! = false) {
        eventsV2(first: 2, after: $after, filter: {from: "2000-01-01T00:00:00Z", includeInternalEvents: $internal}) {
            edges { node { name raw idempotencyKey occurredAt runs { id } } }
            pageInfo { hasNextPage endCursor } totalCount
        } }"""
    await engine.serve(*app(two=("go", {}, two_steps)))
    sent = [(await engine.send("go", {"n": n}, id=f"own-{n}")).run.id for n in range(3)]
    page = (await gql(client, query))["eventsV2"]
    assert [edge["node"]["idempotencyKey"] for edge in page["edges"]] == ["own-2", "own-1"]
    assert [edge["node"]["runs"][0]["id"] for edge in page["edges"]] == [sent[2], sent[1]]
    assert page["totalCount"] == 3
    assert page["pageInfo"]["hasNextPage"] is True
    (last,) = (await gql(client, query, after=page["pageInfo"]["endCursor"]))["eventsV2"]["edges"]
    assert json.loads(last["node"]["raw"])["data"] == {"n": 0}
    assert (await gql(client, query, internal=True))["eventsV2"]["totalCount"] == 6


async def test_what_became_of_an_event(engine, client):
    query = "query Q($id: ID!) { event(query: {eventId: $id}) { status totalRuns pendingRuns } }"
    await engine.serve(
        *app(
            two=("go", {}, two_steps),
            bad=("go", {"retries": 0}, failing),
            nap=("slow", {}, sleeping),
            worse=("bad", {"retries": 0}, failing),
        )
    )

    async def became(name):
        await engine.send(name)
        return tuple((await gql(client, query, id=(await internal_ids(client, name))[-1]))["event"].values())

    assert await became("go") == ("PARTIALLY_FAILED", 2, 0)
    assert await became("slow") == ("RUNNING", 1, 1)
    assert await became("bad") == ("FAILED", 1, 0)
    assert await became("nothing") == ("NO_FUNCTIONS", 0, 0)


# -- apps and functions


async def test_apps_have_their_functions(engine, client):
    await engine.serve(*app(two=("go", {}, two_steps)))
    await engine.register(paying())
    query = "{ apps { id name sdkLanguage method functionCount functions { slug app { name } } } }"
    shop, local = (await gql(client, query))["apps"]
    assert (shop["name"], shop["sdkLanguage"], shop["method"], shop["functionCount"]) == ("shop", "py", "SERVE", 1)
    assert local["functions"] == [{"slug": "pay", "app": {"name": "local"}}]
    query = "query Q($id: UUID!) { app(id: $id) { name } }"
    assert (await gql(client, query, id=local["id"]))["app"] == {"name": "local"}
    assert (await gql(client, query, id="00000000-0000-0000-0000-000000000000"))["app"] is None
    assert (await gql(client, "{ apps(filter: {method: CONNECT}) { name } }"))["apps"] == []


async def test_a_function_tells_its_rules(engine, client):
    options = {
        "retries": 1,
        "concurrency": [inngest.Concurrency(limit=2)],
        "throttle": inngest.Throttle(limit=3, period=60_000),
        "cancel": [inngest.Cancel(event="stop", if_exp="event.data.x == async.data.x")],
        "debounce": inngest.Debounce(period=5_000, key="event.data.k"),
        "singleton": inngest.Singleton(mode="skip"),
        "priority": inngest.Priority(run="int(event.data.p)"),
        "on_failure": two_steps,
    }
    await engine.serve(*app(ruled=("go", options, two_steps)))
    query = """{ functionBySlug(query: {functionSlug: "shop-ruled"}) {
        concurrency url triggers { type value condition } failureHandler { slug }
        configuration {
            retries { value isDefault } concurrency { scope limit { value } key } throttle { limit burst period }
            cancellations { event condition timeout } debounce { period key } singleton { mode } priority
            eventsBatch { maxSize } rateLimit { limit }
        } } }"""
    told = (await gql(client, query))["functionBySlug"]
    assert told["configuration"] == {
        "retries": {"value": 1, "isDefault": False},
        "concurrency": [{"scope": "FUNCTION", "limit": {"value": 2}, "key": None}],
        "throttle": {"limit": 3, "burst": 1, "period": "1m"},
        "cancellations": [{"event": "stop", "condition": "event.data.x == async.data.x", "timeout": "365d"}],
        "debounce": {"period": "5s", "key": "event.data.k"},
        "singleton": {"mode": "SKIP"},
        "priority": "int(event.data.p)",
        "eventsBatch": None,
        "rateLimit": None,
    }
    assert (told["concurrency"], told["failureHandler"]) == (2, {"slug": "shop-ruled-failure"})
    assert told["triggers"] == [{"type": "EVENT", "value": "go", "condition": None}]
    assert told["url"].endswith("fnId=shop-ruled&stepId=step")


async def test_a_schedule_is_a_trigger(engine, client):
    await engine.register(Function("daily", on_cron("0 9 * * *"), steps=[Step("s", lambda: 1)]))
    assert (await gql(client, "{ functions { triggers { type value } } }"))["functions"] == [
        {"triggers": [{"type": "CRON", "value": "0 9 * * *"}]}
    ]
    await engine.advance("1d")
    (run,) = engine.runs()
    query = "query Q($id: String!) { run(runID: $id) { cronSchedule eventName } runTrigger(runID: $id) { cron } }"
    told = await gql(client, query, id=run.id)
    assert told == {
        "run": {"cronSchedule": "0 9 * * *", "eventName": None},
        "runTrigger": {"cron": "0 9 * * *"},
    }


# -- what it does


async def test_a_run_is_cancelled(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping), two=("go", {}, two_steps)))
    nap, done = (await engine.send("go")).runs
    query = "mutation M($id: ULID!) { cancelRun(runID: $id) { id status finishedAt } }"
    for _ in range(2):
        told = (await gql(client, query, id=nap.id))["cancelRun"]
        assert told == {"id": nap.id, "status": "CANCELLED", "finishedAt": "2024-01-01T00:00:00Z"}
    assert await errors_of(client, query, id=done.id) == ["cannot cancel an ended run"]
    assert await errors_of(client, query, id=NOBODY) == ["sql: no rows in result set"]


async def test_a_function_is_invoked_whatever_its_triggers(engine, client):
    await engine.register(Function("dag", on_event("never"), steps=[Step("s", lambda event: event.data["x"])]))
    query = 'mutation M($data: Map) { invokeFunction(functionSlug: "dag", data: $data) }'
    assert (await gql(client, query, data={"x": 5}))["invokeFunction"] is True
    await engine.advance(0)
    (run,) = engine.runs()
    assert run.output == 5
    (message,) = await errors_of(client, 'mutation { invokeFunction(functionSlug: "dagg") }')
    assert message == "could not find function with ID: dagg; known functions: 'dag'; did you mean 'dag'?"


async def test_a_run_is_run_again_with_its_event(engine, client):
    options = {"rate_limit": inngest.RateLimit(limit=1, period=3_600_000)}
    await engine.serve(*app(two=("go", options, two_steps)))
    run = (await engine.send("go", {"n": 1})).run
    made = (await gql(client, "mutation M($id: ULID!) { rerun(runID: $id) }", id=run.id))["rerun"]
    (again,) = [each for each in engine.runs() if each.id == made]
    assert (again.status, again.events) == ("COMPLETED", run.events)
    (event_id,) = await internal_ids(client, "go")
    runs = (await gql(client, RUNS_OF_EVENT, event_id=event_id))["event"]["functionRuns"]
    assert [each["id"] for each in runs] == [run.id, made]


# -- limits


async def test_lists_in_lists_are_bounded(engine, client, monkeypatch):
    monkeypatch.setattr(endpoint, "MOST_VALUES", 5_000)
    for number in range(40):
        await engine.register(Function(f"dag-{number}", on_event("go"), steps=[Step("s", lambda: 1)]))
    assert len((await gql(client, "{ apps { functions { slug } } }"))["apps"][0]["functions"]) == 40
    answer = (
        await client.post(
            "/v0/gql", json={"query": "{ apps { functions { app { functions { app { functions { slug } } } } } } }"}
        )
    ).json()
    assert answer == {
        "errors": [{"message": "The answer has more than 5000 values; ask for less at a time"}],
        "data": None,
    }


async def test_every_field_of_the_schema_can_be_asked_for(engine, client):
    """What the schema offers has an answer, for a run of each kind."""
    await engine.serve(*app(two=("go", {}, two_steps), nap=("go", {}, sleeping), wait=("go", {}, waiting)))
    await engine.register(paying())
    await engine.send([{"name": "go"}, {"name": "order"}])
    for run in engine.runs():
        told = await gql(client, everything("run", f'run(runID: "{run.id}")', "FunctionRunV2"))
        assert told["run"]["id"] == run.id
        query = everything("functionRun", f'functionRun(query: {{functionRunId: "{run.id}"}})', "FunctionRun")
        assert (await gql(client, query))["functionRun"]["id"] == run.id
    for name, asked, kind in [
        ("events", "events(query: {})", "Event"),
        ("functions", "functions", "Function"),
        ("apps", "apps", "App"),
    ]:
        assert (await gql(client, everything(name, asked, kind)))[name]


def everything(name, asked, kind):
    """A query for every field of a type, and two levels of those of its own."""
    from graphql import GraphQLObjectType, get_named_type

    from inngest_testkit.api.graphql.queries import schema

    def fields(of, depth):
        chosen = []
        for field, about in of.fields.items():
            inner = get_named_type(about.type)
            if not isinstance(inner, GraphQLObjectType):
                chosen.append("stepInfo { __typename }" if field == "stepInfo" else field)
            elif depth:
                chosen.append(f"{field} {{ {fields(inner, depth - 1)} }}")
        return " ".join(chosen)

    return f"{{ {asked} {{ {fields(schema().type_map[kind], 2)} }} }}"
