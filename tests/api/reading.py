"""What the tests of the reading endpoints share: how the endpoints are asked."""

from __future__ import annotations

NOBODY = "01H00000000000000000000000"
EVER = "2000-01-01T00:00:00Z"


async def data_of(client, path):
    """Return what a GET tells; it must tell something."""
    answer = await client.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert "error" not in body, body
    return body["data"]


async def gql(client, query, **variables):
    """Return what a query is answered with; no part of it may have failed."""
    answer = (await client.post("/v0/gql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def errors_of(client, query, **variables):
    """Return the messages of what a query failed with."""
    answer = await client.post("/v0/gql", json={"query": query, "variables": variables})
    assert answer.status_code == 200
    return [error["message"] for error in answer.json()["errors"]]


async def internal_ids(client, name):
    """Return the internal ids of the events of a name, oldest first."""
    return [event["internal_id"] for event in reversed(await data_of(client, f"/v1/events?name={name}&limit=51"))]


async def children(client, run):
    """Return the spans of a run's trace."""
    query = """query Q($id: String!) { run(runID: $id) { trace { childrenSpans {
        name status stepOp stepID attempts outputID
        stepInfo {
            ... on SleepStepInfo { sleepUntil }
            ... on WaitForEventStepInfo { eventName expression timeout foundEventID timedOut }
            ... on InvokeStepInfo { functionID runID returnEventID triggeringEventID timedOut }
            ... on WaitForSignalStepInfo { signal timedOut }
        }
        childrenSpans { name status attempts stepOp outputID }
    } } } }"""
    return (await gql(client, query, id=run.id))["run"]["trace"]["childrenSpans"]


async def output_of(client, span):
    """Return what a span came to, and its error."""
    query = "query Q($id: String!) { runTraceSpanOutputByID(outputID: $id) { data error { name message stack } } }"
    told = (await gql(client, query, id=span["outputID"]))["runTraceSpanOutputByID"]
    return told["data"], told["error"]
