"""Steps that an app tells of while it is called: they are kept, whatever its answer is."""

from __future__ import annotations

import hashlib

import httpx
import pytest
import respx

from inngest_testkit import RunStatus

from .test_register import GREET, SDK, URL, registration


def ran(name, data, op="StepRun"):
    return {"op": op, "id": hashlib.sha1(name.encode()).hexdigest(), "displayName": name, "data": data}


class App:
    """Answers one call after the other: the steps that it tells of, then its answer."""

    def __init__(self, client, *calls):
        self.client, self.calls, self.requests, self.replies = client, list(calls), [], []

    async def __call__(self, request):
        self.requests.append(request)
        told, answer = self.calls.pop(0)
        for steps in told:
            run_id = request.headers["x-run-id"]
            self.replies.append(await self.client.post(f"/v1/checkpoint/{run_id}/async", json={"steps": steps}))
        return answer


def answered(status, content):
    return httpx.Response(status, json=content, headers=SDK)


@pytest.fixture
async def start(client, engine):
    body = registration(GREET)
    body["functions"][0]["steps"]["step"]["retries"]["attempts"] = 1
    await client.post("/fn/register", json=body)

    async def start(*calls):
        app = App(client, *calls)
        with respx.mock:
            respx.post(url__startswith=URL).mock(side_effect=app)
            run = (await engine.send("greet")).run
            await engine.run_until_complete(run)
        assert not app.calls
        return app, run

    return start


async def test_steps_that_were_told_are_kept_and_the_run_ends(start):
    complete = {"op": "RunComplete", "id": "x" * 40, "data": {"sum": 3}}
    app, run = await start(([[ran("a", 1)], [ran("b", 2)]], answered(206, [complete])))
    assert [reply.status_code for reply in app.replies] == [200, 200]
    assert run.status is RunStatus.COMPLETED
    assert run.output == {"sum": 3}
    assert {key: step.output for key, step in run.steps.items()} == {"a": 1, "b": 2}


async def test_they_are_kept_when_the_call_fails_and_its_attempts_begin_anew(start):
    """Two attempts are allowed: one before the step, and two after it."""
    broken = answered(500, {"message": "no", "name": "Error"})
    app, run = await start(
        ([], broken),
        ([[ran("a", 1)]], broken),
        ([], answered(200, "done")),
    )
    assert run.output == "done"
    assert [request.headers["x-inngest-generation-id"] for request in app.requests] == ["1", "2", "2"]
    assert b'"data":1' in app.requests[2].content


async def test_a_function_that_asks_to_be_called_again_is_told_its_steps(start):
    again = {"op": "DiscoveryRequest", "id": "y" * 40}
    app, run = await start(([[ran("a", 1)]], answered(206, [again])), ([], answered(200, "done")))
    assert run.output == "done"
    assert b'"data":1' in app.requests[1].content


async def test_a_function_that_asks_to_be_called_again_for_nothing_fails(start):
    """It would be called for ever."""
    again = {"op": "DiscoveryRequest", "id": "y" * 40}
    _, run = await start(([], answered(206, [again])))
    assert run.status is RunStatus.FAILED
    assert "came to nothing new" in str(run.error)


async def test_further_steps_go_on_from_them(start):
    sleep = {"op": "Sleep", "id": "b" * 40, "displayName": "nap", "opts": {"duration": "2h"}}
    planned = [ran("c", None, "StepPlanned"), ran("d", None, "StepPlanned")]
    _, run = await start(
        ([[ran("a", 1)]], answered(206, [sleep])),
        ([[ran("b", 2)]], answered(206, planned)),
        ([], answered(206, [ran("c", 3)])),
        ([], answered(206, [ran("d", 4)])),
        ([], answered(200, "done")),
    )
    assert run.output == "done"
    assert [step.output for step in run.steps.values()] == [1, None, 2, 3, 4]
    assert (run.ended_at - run.started_at).total_seconds() == 7200


async def test_what_an_older_sdk_wraps_by_itself_is_its_memo(start):
    app, run = await start(([[ran("a", {"data": 5}, "Step")]], answered(206, [])), ([], answered(200, "done")))
    assert run.steps["a"].output == 5
    assert b'{"data":5}' in app.requests[1].content


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ("nonsense", 400, "invalid request body"),
        ("[]", 400, 'expected {"steps": [...]}'),
        ('{"steps": 5}', 400, 'expected {"steps": [...]}'),
        ('{"steps": [{"op": "Sleep", "id": "a"}]}', 400, "cannot checkpoint opcode: Sleep"),
        ('{"steps": [{"op": "What", "id": "a"}]}', 400, "unknown opcode: 'What'"),
        ('{"steps": [{}]}', 400, "is not an operation with an id"),
        ('{"steps": [{"op": "StepRun", "id": "a", "data": 1}]}', 409, "run 01X is not being called"),
    ],
)
async def test_what_cannot_be_kept_is_refused(client, body, status, problem):
    answer = await client.post("/v1/checkpoint/01X/async", content=body)
    assert answer.status_code == status
    assert problem in answer.json()["error"]
