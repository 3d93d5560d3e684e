"""GraphQL at `/v0/gql`: the traces of runs."""

from __future__ import annotations

import json

import inngest
import pytest

from .functions import app, failing, invoking, paying, returns_one, sleeping, two_steps, waiting
from .reading import children, errors_of, gql, internal_ids, output_of


def shape(spans):
    return [(span["name"], span["status"], span["stepOp"], span["attempts"]) for span in spans]


async def test_a_step_that_is_tried_again_has_its_attempts(engine, client):
    tries = []

    async def flaky():
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
        return "ok"

    async def code(ctx: inngest.Context) -> object:
        return await ctx.step.run("flaky", flaky)

    await engine.serve(*app(flaky=("go", {}, code)))
    run = (await engine.send("go")).run
    (span,) = await children(client, run)
    assert (span["status"], span["attempts"], span["outputID"]) == ("RUNNING", 0, None)
    assert shape(span["childrenSpans"]) == [("Attempt 0", "FAILED", None, 0), ("Attempt 1", "QUEUED", None, 1)]
    await engine.run_until_complete(run)
    span, end = await children(client, run)
    assert (span["name"], span["status"], span["stepOp"], span["attempts"]) == ("flaky", "COMPLETED", "RUN", 2)
    names = [("Attempt 0", "FAILED"), ("Attempt 1", "FAILED"), ("Attempt 2", "COMPLETED")]
    assert [(each["name"], each["status"]) for each in span["childrenSpans"]] == names
    assert (await output_of(client, span["childrenSpans"][0]))[1]["message"] == "not yet"
    assert end["name"] == "function success"


async def test_what_failed_between_steps_is_an_attempt_at_the_step_that_came_then(engine, client):
    calls = []

    async def code(ctx: inngest.Context) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("outside")
        return await ctx.step.run("x", returns_one)

    await engine.serve(*app(fn=("go", {}, code)))
    run = (await engine.send("go")).run
    (span,) = await children(client, run)
    assert (span["name"], span["status"]) == ("function error", "RUNNING")
    await engine.run_until_complete(run)
    span, end = await children(client, run)
    assert (span["name"], [each["status"] for each in span["childrenSpans"]]) == ("x", ["FAILED", "COMPLETED"])
    assert end["name"] == "function success"


async def test_what_failed_before_a_wait_is_an_attempt_at_the_wait(engine, client):
    calls = []

    async def code(ctx: inngest.Context) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("outside")
        return await waiting(ctx)

    await engine.serve(*app(fn=("go", {}, code)))
    run = (await engine.send("go")).run
    await engine.advance("1m")
    (span,) = await children(client, run)
    assert (span["name"], span["status"], len(span["childrenSpans"])) == ("answer", "WAITING", 2)


async def test_a_function_that_fails_for_good_has_its_attempts(engine, client):
    async def code(ctx: inngest.Context) -> object:
        raise ValueError("always")

    await engine.serve(*app(fn=("go", {"retries": 2}, code)))
    run = (await engine.send("go")).run
    await engine.run_until_complete(run)
    (span,) = await children(client, run)
    assert (span["name"], span["status"], span["attempts"]) == ("function error", "FAILED", 3)
    assert [each["name"] for each in span["childrenSpans"]] == ["Attempt 0", "Attempt 1", "Attempt 2"]
    assert (await output_of(client, span))[1]["message"] == "always"


async def test_a_failing_step_and_the_function_that_it_ends(engine, client):
    await engine.serve(*app(bad=("go", {"retries": 0}, failing)))
    run = (await engine.send("go")).run
    assert shape(await children(client, run)) == [("bad", "FAILED", None, 1), ("function error", "FAILED", None, 1)]


async def test_a_sleep_tells_its_end(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping)))
    run = (await engine.send("go")).run
    (span,) = await children(client, run)
    assert (span["name"], span["status"], span["stepOp"]) == ("nap", "RUNNING", "SLEEP")
    assert span["stepInfo"] == {"sleepUntil": "2024-01-01T00:01:00Z"}
    await engine.advance("1m")
    span, _ = await children(client, run)
    assert (span["status"], span["outputID"], span["childrenSpans"]) == ("COMPLETED", None, [])


@pytest.mark.parametrize("comes", [True, False])
async def test_a_wait_tells_what_became_of_it(comes, engine, client):
    await engine.serve(*app(wait=("go", {}, waiting)))
    run = (await engine.send("go")).run
    (span,) = await children(client, run)
    expected = {"eventName": "answered", "expression": None, "timeout": "2024-01-01T01:00:00Z"}
    assert (span["status"], span["childrenSpans"]) == ("WAITING", [])
    assert span["stepInfo"] == {**expected, "foundEventID": None, "timedOut": None}
    if comes:
        await engine.send("answered", {"yes": True})
    else:
        await engine.advance("1h")
    span, _ = await children(client, run)
    found = (await internal_ids(client, "answered"))[0] if comes else None
    assert span["stepInfo"] == {**expected, "foundEventID": found, "timedOut": not comes}
    if comes:
        data, _ = await output_of(client, span)
        assert json.loads(data)["data"] == {"yes": True}
    else:
        assert span["outputID"] is None


async def test_an_invocation_tells_the_run_and_the_events(engine, client):
    await engine.serve(*invoking())
    run = next(run for run in (await engine.send("go")).runs if run.function_id == "shop-parent")
    (of_child,) = engine.runs(function="shop-child")
    span, _ = await children(client, run)
    finished = {event["data"]["run_id"]: event["internal_id"] for event in await _finished(client)}
    assert span["stepInfo"] == {
        "functionID": "shop-child",
        "runID": of_child.id,
        "returnEventID": finished[of_child.id],
        "triggeringEventID": (await internal_ids(client, "inngest/function.invoked"))[0],
        "timedOut": False,
    }
    asked = "query Q($id: String!) { run(runID: $id) { sourceID } }"
    assert (await gql(client, asked, id=of_child.id))["run"]["sourceID"] == run.id


async def _finished(client):
    return (await client.get("/v1/events?name=inngest/function.finished")).json()["data"]


async def test_a_cancelled_run_has_cancelled_spans(engine, client):
    await engine.serve(*app(nap=("go", {}, sleeping)))
    run = (await engine.send("go")).run
    await engine.cancel(run)
    assert shape(await children(client, run)) == [("nap", "CANCELLED", "SLEEP", 0)]


async def test_the_steps_of_a_dag_run_are_its_spans(engine, client):
    await engine.register(paying())
    run = (await engine.send("order")).run
    spans = await children(client, run)
    assert shape(spans) == [("charge", "COMPLETED", "RUN", 0), ("thank", "WAITING", "WAIT_FOR_EVENT", 0)]
    assert spans[1]["stepInfo"]["eventName"] == "shipped"
    assert await output_of(client, spans[0]) == ('{"paid":true}', None)
    await engine.send("shipped")
    assert shape(await children(client, run)) == [("charge", "COMPLETED", "RUN", 0), ("thank", "COMPLETED", "RUN", 0)]


async def test_a_group_of_parallel_steps_has_a_span_for_each(engine, client):
    async def code(ctx: inngest.Context) -> object:
        return await ctx.group.parallel(tuple(lambda n=n: ctx.step.run(n, returns_one) for n in "abc"))

    await engine.serve(*app(fn=("go", {}, code)))
    run = (await engine.send("go")).run
    names = [span["name"] for span in await children(client, run)]
    assert sorted(names[:-1]) == ["a", "b", "c"]
    assert names[-1] == "function success"


async def test_ids_of_outputs_are_stable(engine, client):
    await engine.serve(*app(nap=("go", {}, two_steps), other=("later", {}, two_steps)))
    run = (await engine.send("go")).run
    before = await children(client, run)
    await engine.send("later")
    assert await children(client, run) == before


@pytest.mark.parametrize("output", ["", "x", "e30=", "bnVsbA==", "W10="])
async def test_an_output_that_is_none_is_refused(output, client):
    query = "query Q($id: String!) { runTraceSpanOutputByID(outputID: $id) { data } }"
    (message,) = await errors_of(client, query, id=output)
    assert "an outputID is what a span of a trace has" in message
